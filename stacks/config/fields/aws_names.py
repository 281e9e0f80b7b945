"""Regions and instance types: those that the SDK knows, and newer ones that are named like them."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import botocore.session

from stacks.config.file.suggestions import near

# AWS names Regions by an area's two letters and one of these (botocore: partitions.json). Others are misspelled.
_DIRECTION = r"(north|south|central)?(east|west)?|north|south|central"
_NEW_REGION = re.compile(rf"[a-z]{{2}}-({_DIRECTION})-[1-9]")
# A class, its generation and its attributes, sometimes with an accelerator: m5, c6gd, trn1n, p6-b200, p6e-gb200.
_FAMILY = re.compile(r"[a-z]{1,4}[0-9]{1,2}[a-z]*(-[a-z]+[0-9]+)?")
# AWS EC2: instance type sizes.
_SIZE = re.compile(r"nano|micro|small|medium|large|([1-9][0-9]{0,2})?xlarge|metal(-[1-9][0-9]*xl)?")


def require_region(region: str) -> str:
    """Return a Region of the partition aws. One that the SDK does not know must be named as AWS names Regions."""
    partition = _partitions().get(region) or _partition_by_prefix(region)
    if partition != "aws":
        raise ValueError(
            f"must be a Region of AWS's commercial partition; {region!r} is in another, {partition}, whose ARNs differ"
        )
    if region not in _partitions() and (not _NEW_REGION.fullmatch(region) or _is_transposed(region)):
        regions = [name for name, partition in _partitions().items() if partition == "aws"]
        raise ValueError(f"there is no Region {region!r}{near(region, regions)}")
    return region


def require_instance_type(instance_type: str) -> str:
    """Return an instance type. One that the SDK does not know must be named as AWS names families and sizes."""
    _, family, size = instance_type.split(".")
    if instance_type not in instance_types() and not (_FAMILY.fullmatch(family) and _SIZE.fullmatch(size)):
        of_family = [name for name in instance_types() if name.split(".")[1] == family]
        raise ValueError(
            f"there is no instance type {instance_type!r}{near(instance_type, of_family or instance_types())}"
        )
    return instance_type


@cache
def instance_types() -> tuple[str, ...]:
    """Return the instance types of endpoints that the SDK knows (API: ProductionVariantInstanceType)."""
    shape: Any = _session().get_service_model("sagemaker").shape_for("ProductionVariantInstanceType")
    return tuple(shape.enum)


@cache
def _session() -> botocore.session.Session:
    return botocore.session.Session()


@cache
def _partition_data() -> list[dict[str, Any]]:
    partitions: list[dict[str, Any]] = _session().get_component("data_loader").load_data("partitions")["partitions"]
    return partitions


@cache
def _partitions() -> dict[str, str]:
    """Return each Region with its partition, without the names of what is global."""
    return {
        region: partition["id"]
        for partition in _partition_data()
        for region in partition["regions"]
        if not region.endswith("-global")
    }


def _partition_by_prefix(region: str) -> str:
    others = [partition for partition in _partition_data() if partition["id"] != "aws"]
    return next((partition["id"] for partition in others if re.match(partition["regionRegex"], region)), "aws")


def _is_transposed(region: str) -> bool:
    """Whether the area's letters are those of an existing Region in the other order: su-east-1."""
    return region[1] + region[0] + region[2:] in _partitions()
