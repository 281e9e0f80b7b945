"""The source's SageMaker: the model or the model package version that is promoted."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.promotion.aws import sagemaker_errors
from lambdas.promotion.contract.errors import ModelNotFound, ModelPackageNotFound, PromotionError

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

_MOST_COMPARED = 100  # API: ListModels, MaxResults
_MOST_NAMED = 10


def describe_model(name: str, *, location: str, sagemaker: SageMakerClient) -> Mapping[str, Any]:
    """Return DescribeModel's response. `location` names the account in the error. Raises ModelNotFound."""
    try:
        return sagemaker.describe_model(ModelName=name)
    except ClientError as error:
        if sagemaker_errors.is_missing(error):
            raise ModelNotFound(
                f"The model {name!r} does not exist in {location}. {_existing(name, sagemaker=sagemaker)}Check the "
                "name and the stage; without a model, a stage takes what the stage before it last promoted."
            ) from error
        raise


def _existing(name: str, *, sagemaker: SageMakerClient) -> str:
    """Return a sentence with the names that exist, those near to `name` first; empty if they cannot be listed."""
    try:
        answer = sagemaker.list_models(SortBy="CreationTime", SortOrder="Descending", MaxResults=_MOST_COMPARED)
    except (PromotionError, ClientError):
        return ""
    newest = [model["ModelName"] for model in answer["Models"]]
    near = difflib.get_close_matches(name, newest, n=_MOST_NAMED)
    names = list(dict.fromkeys((*near, *newest)))[:_MOST_NAMED]
    return f"These exist, similar and new ones first: {', '.join(names)}. " if names else "No model exists there. "


def latest_approved(group: str, *, sagemaker: SageMakerClient) -> str:
    """Return the ARN of the approved version that was registered last. Raises ModelPackageNotFound."""
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group,
        ModelApprovalStatus="Approved",
        SortBy="CreationTime",
        SortOrder="Descending",
        PaginationConfig={"MaxItems": 1},
    )
    try:
        versions = [version["ModelPackageArn"] for page in pages for version in page["ModelPackageSummaryList"]]
    except ClientError as error:
        if not sagemaker_errors.is_missing(error):
            raise
        versions = []
    if not versions:
        raise ModelPackageNotFound(
            f"The model package group {group!r} has no approved version. Approve one, or set model_name."
        )
    return versions[0]


def describe_model_package(arn: str, *, sagemaker: SageMakerClient) -> Mapping[str, Any]:
    """Return DescribeModelPackage's response, read from the model registry now. Raises ModelPackageNotFound.

    Metadata is enough: the full response would require the permission to decrypt a model card (API: IncludedData).
    """
    try:
        return sagemaker.describe_model_package(ModelPackageName=arn, IncludedData="MetadataOnly")
    except ClientError as error:
        if sagemaker_errors.is_missing(error):
            raise ModelPackageNotFound(
                f"{arn} does not exist in the model registry. Check the group and the version."
            ) from error
        raise


def changed_by(package: Mapping[str, Any]) -> str | None:
    """Return the principal that changed a version last: an IAM identity, a Studio user (API: UserContext) or None."""
    user = package.get("LastModifiedBy") or package.get("CreatedBy") or {}
    return user.get("IamIdentity", {}).get("Arn") or user.get("UserProfileName")


def tags_of(arn: str, *, sagemaker: SageMakerClient) -> dict[str, str]:
    """Return the tags of a resource without AWS's own, which no one else may set."""
    pages = sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
    tags = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    return {key: value for key, value in tags.items() if not key.startswith("aws:")}


def packages_named_by(described: Mapping[str, Any]) -> list[str]:
    """Return the model packages that the model's containers name, each once."""
    containers = described.get("Containers") or [described.get("PrimaryContainer", {})]
    return list(
        dict.fromkeys(container["ModelPackageName"] for container in containers if container.get("ModelPackageName"))
    )
