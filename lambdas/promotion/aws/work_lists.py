"""Work lists: they exceed the state size limit (256 KiB) and are stored in the hub's bucket, one JSON document a line.

The step's own role reads and writes them. A step that is retried writes its lists anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from lambdas.promotion.aws import error_codes
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import Leg, Promotion, Transfer, WorkUnit, from_line, to_line

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

INVENTORY = "inventory.jsonl"  # Artifact: what the model needs
COPY_STATUS = "copy-status.jsonl"  # Transfer: the inventory, with the copies that exist in the target's bucket
COPY_PLAN = "copy-plan.jsonl"  # Transfer: the inventory, with the open uploads of what several work units share
WORK_UNITS = "work-units.jsonl"  # WorkUnit: what one invocation of copy_unit does
SUSPENDED_SCALING = "suspended-scaling.jsonl"  # ScalableTarget: the endpoint's automatic scaling before the update
OBSERVED = f"{resource_names.OBSERVED_FOLDER}/"  # Artifact: of each work unit, its objects as just before the copy
VERIFIED = f"{resource_names.VERIFIED_FOLDER}/"  # VerifiedCopy: of each work unit, its copies as they were verified
MANIFEST = "work-units.json"  # the Map's items: the span of each work unit in WORK_UNITS


def of_leg(name: str, leg: Leg) -> str:
    """Return the name of a leg's own list: a step that is run again must find the list of its leg."""
    return name if leg is Leg.BRING else f"{leg}-{name}"


def of_unit(name: str, offset: int) -> str:
    """Return the name of the list that a work unit writes, by the unit's offset."""
    return f"{name}{offset}.jsonl"


def write(name: str, items: Iterable[Any], promotion: Promotion, *, s3: S3Client) -> None:
    """Write a list."""
    _put(name, b"".join(to_line(item) for item in items), promotion, s3=s3)


def read(name: str, kind: type[T], promotion: Promotion, *, s3: S3Client) -> list[T]:
    """Return a list's items."""
    return [from_line(line, kind) for line in _get(name, promotion, s3=s3).splitlines()]


def read_if_exists(name: str, kind: type[T], promotion: Promotion, *, s3: S3Client) -> list[T]:
    """Return a list's items; empty if the promotion has no such list."""
    try:
        return read(name, kind, promotion, s3=s3)
    except ClientError as error:
        if error_codes.code_of(error) != error_codes.S3_NO_SUCH_KEY:
            raise
        return []


def read_one(name: str, kind: type[T], span: tuple[int, int], promotion: Promotion, *, s3: S3Client) -> T:
    """Return the item at `span` (offset and length), without reading the rest."""
    offset, length = span
    return from_line(_get(name, promotion, s3=s3, Range=f"bytes={offset}-{offset + length - 1}"), kind)


def write_manifest(name: str, items: Iterable[Any], promotion: Promotion, *, s3: S3Client) -> None:
    """Write the span of each item of a list, as a JSON array (AWS: Distributed Map, ItemReader, JSON files)."""
    spans, offset = [], 0
    for item in items:
        length = len(to_line(item))
        spans.append({"offset": offset, "length": length})
        offset += length
    _put(name, json.dumps(spans).encode(), promotion, s3=s3)


def plan_writes(
    transfers: Sequence[Transfer], units: Sequence[WorkUnit], leg: Leg, promotion: Promotion, *, s3: S3Client
) -> list[Callable[[], None]]:
    """Return the calls that write the lists of a leg's plan, which can be made at the same time."""
    return [
        lambda: write(of_leg(COPY_PLAN, leg), transfers, promotion, s3=s3),
        lambda: write(of_leg(WORK_UNITS, leg), units, promotion, s3=s3),
        lambda: write_manifest(of_leg(MANIFEST, leg), units, promotion, s3=s3),
    ]


def read_spans(name: str, promotion: Promotion, *, s3: S3Client) -> list[tuple[int, int]]:
    """Return the span (offset and length) of each item in a manifest."""
    return [(span["offset"], span["length"]) for span in json.loads(_get(name, promotion, s3=s3))]


def _put(name: str, body: bytes, promotion: Promotion, *, s3: S3Client) -> None:
    s3.put_object(
        Bucket=promotion.hub.bucket,
        Key=f"{promotion.work_lists_prefix}{name}",
        Body=body,
        ExpectedBucketOwner=promotion.hub.account,
    )


def _get(name: str, promotion: Promotion, *, s3: S3Client, **byte_range: Any) -> bytes:
    response = s3.get_object(
        Bucket=promotion.hub.bucket,
        Key=f"{promotion.work_lists_prefix}{name}",
        ExpectedBucketOwner=promotion.hub.account,
        **byte_range,
    )
    return response["Body"].read()
