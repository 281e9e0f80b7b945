"""The model registry: package groups, versions of packages, and their approval."""

import datetime
import re

from ministack.core.responses import get_account_id, get_region

from sandbox.aws.sagemaker import state
from sandbox.aws.sagemaker.api import arns, events, paging, tags
from sandbox.aws.sagemaker.api.errors import Conflict, Invalid
from sandbox.aws.sagemaker.state import Record

PACKAGE_ARN = re.compile(r"arn:aws:sagemaker:(?P<region>[^:]+):(?P<account>\d{12}):model-package/.+")
# UpdateModelPackage's members, as UpdatedModelPackageFields spells them in the event.
EVENT_FIELDS = {
    "ModelApprovalStatus": "ModelApprovalStatus",
    "ApprovalDescription": "ApprovalDescription",
    "SourceUri": "sourceUri",
    "CustomerMetadataProperties": "CustomerMetadataProperties",
    "CustomerMetadataPropertiesToRemove": "CustomerMetadataProperties",
    "InferenceSpecification": "InferenceSpecification",
    "ModelLifeCycle": "ModelLifeCycle",
}


def create_model_package_group(request: Record) -> Record:
    name, arn = request["ModelPackageGroupName"], arns.package_group(request["ModelPackageGroupName"])
    with state.LOCK:
        if name in state.package_groups:
            raise Invalid(f"Model Package Group already exists: {arn}")
        tags.put(arn, request.get("Tags", []))
        state.package_groups[name] = {
            **request,
            "ModelPackageGroupArn": arn,
            "CreationTime": _now(),
            "CreatedBy": {},
            "ModelPackageGroupStatus": "Completed",
            "last_version": 0,
        }
    return {"ModelPackageGroupArn": arn}


def describe_model_package_group(request: Record) -> Record:
    return _group(request["ModelPackageGroupName"])


def list_model_package_groups(request: Record) -> Record:
    chosen = paging.select(
        state.package_groups.values(),
        {"SortOrder": "Ascending", **request},
        name=lambda group: group["ModelPackageGroupName"],
        sort_keys={"Name": "ModelPackageGroupName", "CreationTime": "CreationTime"},
    )
    return paging.page(chosen, request, "ModelPackageGroupSummaryList")


def delete_model_package_group(request: Record) -> Record:
    with state.LOCK:
        group = _group(request["ModelPackageGroupName"])
        name = group["ModelPackageGroupName"]
        if any(package.get("ModelPackageGroupName") == name for package in state.packages.values()):
            raise Conflict(f"Model Package Group {group['ModelPackageGroupArn']} still has Model Packages.")
        del state.package_groups[name]
        tags.drop(group["ModelPackageGroupArn"])
    return {}


def create_model_package(request: Record) -> Record:
    if ("ModelPackageName" in request) == ("ModelPackageGroupName" in request):
        raise Invalid("Exactly one of ModelPackageName and ModelPackageGroupName must be provided.")
    versioned = "ModelPackageGroupName" in request
    if versioned and request.get("Tags"):
        raise Invalid("Tags cannot be set on a versioned model package; tag its model package group.")
    with state.LOCK:
        placed = _place_in_group(request) if versioned else _place_alone(request)
        state.packages[placed["ModelPackageArn"]] = package = {
            **request,
            **placed,
            "CreationTime": _now(),
            "CreatedBy": {},
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
            "CertifyForMarketplace": request.get("CertifyForMarketplace", False),
        }
        if versioned:
            package.setdefault("ModelApprovalStatus", "PendingManualApproval")
            package.setdefault("ModelPackageRegistrationType", "Registered")
    _announce(package)
    return {"ModelPackageArn": package["ModelPackageArn"]}


def next_package_arn(group: str) -> str:
    """The ARN that the next version of a group gets: what the permission to register it is asked on."""
    name = arns.resource_name(group)
    last = state.package_groups.get(name, {}).get("last_version", 0)
    return arns.package(f"{name}/{last + 1}")


def describe_model_package(request: Record) -> Record:
    package = _package(request["ModelPackageName"])
    if request.get("IncludedData") == "MetadataOnly":
        return {key: value for key, value in package.items() if key != "ModelCard"}
    return package


def list_model_packages(request: Record) -> Record:
    records = [package for package in state.packages.values() if _matches(package, request)]
    chosen = paging.select(
        records,
        {"SortOrder": "Ascending", **request},
        name=lambda package: package.get("ModelPackageGroupName") or package["ModelPackageName"],
        sort_keys={"Name": "ModelPackageArn", "CreationTime": "CreationTime"},
    )
    return paging.page(chosen, request, "ModelPackageSummaryList")


def update_model_package(request: Record) -> Record:
    with state.LOCK:
        package = _package(request["ModelPackageArn"])
        metadata = {**package.get("CustomerMetadataProperties", {}), **request.get("CustomerMetadataProperties", {})}
        for key in request.get("CustomerMetadataPropertiesToRemove", []):
            metadata.pop(key, None)
        direct = (
            "ModelApprovalStatus",
            "ModelPackageRegistrationType",
            "ApprovalDescription",
            "InferenceSpecification",
        )
        changes = {key: request[key] for key in (*direct, "SourceUri", "ModelCard", "ModelLifeCycle") if key in request}
        added = request.get("AdditionalInferenceSpecificationsToAdd", [])
        if added:
            changes["AdditionalInferenceSpecifications"] = [
                *package.get("AdditionalInferenceSpecifications", []),
                *added,
            ]
        package = {
            **package,
            **changes,
            **({"CustomerMetadataProperties": metadata} if metadata else {}),
            "LastModifiedTime": _now(),
            "LastModifiedBy": {},
        }
        state.packages[package["ModelPackageArn"]] = package
    _announce(package, updated=sorted({EVENT_FIELDS[key] for key in request if key in EVENT_FIELDS}))
    return {"ModelPackageArn": package["ModelPackageArn"]}


def delete_model_package(request: Record) -> Record:
    with state.LOCK:
        package = _package(request["ModelPackageName"])
        del state.packages[package["ModelPackageArn"]]
        tags.drop(package["ModelPackageArn"])
    return {}


def deployable(name_or_arn: str) -> Record:
    """The package that a model is to be made from. Raises what CreateModel answers when it may not be."""
    package = _package(name_or_arn)
    if package.get("ModelApprovalStatus", "Approved") != "Approved":
        raise Invalid(f"Model Package {package['ModelPackageArn']} is not approved: it cannot be deployed.")
    if "InferenceSpecification" not in package:
        raise Invalid(f"Model Package {package['ModelPackageArn']} has no InferenceSpecification.")
    return package


def _place_in_group(request: Record) -> Record:
    group = _group(request["ModelPackageGroupName"])
    group["last_version"] += 1
    name = group["ModelPackageGroupName"]
    return {
        "ModelPackageGroupName": name,
        "ModelPackageVersion": group["last_version"],
        "ModelPackageArn": arns.package(f"{name}/{group['last_version']}"),
    }


def _place_alone(request: Record) -> Record:
    arn = arns.package(request["ModelPackageName"])
    if arn in state.packages:
        raise Invalid(f"Model Package already exists: {arn}")
    tags.put(arn, request.get("Tags", []))
    return {"ModelPackageArn": arn}


def _group(name_or_arn: str) -> Record:
    group: Record | None = state.package_groups.get(arns.resource_name(name_or_arn))
    if group is None or arns.package_group(name_or_arn) != group["ModelPackageGroupArn"]:
        raise Invalid(f"Model Package Group {arns.package_group(name_or_arn)} does not exist.")
    return group


def _package(name_or_arn: str) -> Record:
    arn = arns.package(name_or_arn)
    match = PACKAGE_ARN.fullmatch(arn)
    if match and (match["account"], match["region"]) == (get_account_id(), get_region()):
        package: Record | None = state.packages.get(arn)
        if package is not None:
            return package
    raise Invalid(f"ModelPackage {arn} does not exist.")


def _matches(package: Record, request: Record) -> bool:
    group = request.get("ModelPackageGroupName")
    versioned = "ModelPackageVersion" in package
    kind = request.get("ModelPackageType", "Both" if group else "Unversioned")
    return (
        (group is None or package.get("ModelPackageGroupName") == arns.resource_name(group))
        and (kind == "Both" or (kind == "Versioned") == versioned)
        and request.get("ModelApprovalStatus") in (None, package.get("ModelApprovalStatus"))
    )


def _announce(package: Record, updated: list[str] | None = None) -> None:
    shown = (
        "ModelPackageName",
        "ModelPackageGroupName",
        "ModelPackageVersion",
        "ModelPackageArn",
        "ModelPackageDescription",
        "CreationTime",
        "LastModifiedTime",
        "InferenceSpecification",
        "ModelPackageStatus",
        "ModelPackageStatusDetails",
        "CertifyForMarketplace",
        "ModelApprovalStatus",
        "MetadataProperties",
        "ModelMetrics",
        "ModelLifeCycle",
        "CustomerMetadataProperties",
    )
    detail = {key: package[key] for key in shown if key in package}
    if updated is not None:
        detail["UpdatedModelPackageFields"] = updated
    events.publish("SageMaker Model Package State Change", package["ModelPackageArn"], detail)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
