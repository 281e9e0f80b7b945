"""The target's model: created if it is missing, accepted only if it is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lambdas.promotion.aws import sagemaker_errors
from lambdas.promotion.contract.document import DesiredResource
from lambdas.promotion.contract.errors import CallRefused, ModelDataNotAccessible, NotYetVisible, QuotaExceeded
from lambdas.promotion.endpoint import comparison

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient


_RETRIES_FOR_NEW_PERMISSIONS = 3


def ensure(desired: DesiredResource, tags: dict[str, str], *, retry_count: int, sagemaker: SageMakerClient) -> None:
    """Create the model unless it exists.

    In this call SageMaker reads the artifacts with the execution role. New permissions take some seconds to propagate,
    so the first attempts are retried (NotYetVisible) before the error becomes ModelDataNotAccessible.

    Raises as `require_same`, QuotaExceeded, ModelDataNotAccessible, or CallRefused, which quotes SageMaker.
    """
    try:
        sagemaker.create_model(**desired.request, Tags=[{"Key": key, "Value": tags[key]} for key in tags])
    except ClientError as error:
        if sagemaker_errors.is_existing(error):
            require_same(desired, sagemaker=sagemaker)
            return
        message = error.response["Error"]["Message"]
        if sagemaker_errors.is_no_model_data(error):
            if retry_count < _RETRIES_FOR_NEW_PERMISSIONS:
                raise NotYetVisible(f"SageMaker cannot read the artifacts of {desired.name} yet: {message}") from error
            raise ModelDataNotAccessible(
                f"SageMaker cannot read the copied artifacts of {desired.name} with the execution role "
                f"{desired.request['ExecutionRoleArn']}, which requires s3:GetObject on them and kms:Decrypt on their "
                f"key. SageMaker reports: {message}"
            ) from error
        if sagemaker_errors.is_quota(error):
            raise QuotaExceeded(f"The model {desired.name} exceeds a quota of the target account: {message}") from error
        raise CallRefused(f"SageMaker refused to create the model {desired.name}: {message}") from error


def require_same(desired: DesiredResource, *, sagemaker: SageMakerClient) -> None:
    """The model with our name must be ours. Raises as `find_same`, or NotYetVisible if it cannot be described."""
    if not find_same(desired, sagemaker=sagemaker):
        raise NotYetVisible(f"SageMaker reports that the model {desired.name} already exists, and does not find it.")


def find_same(desired: DesiredResource, *, sagemaker: SageMakerClient) -> bool:
    """Return whether the model exists. Raises NameTaken or UnsupportedModel if it is or may be a different one."""
    description = sagemaker_errors.unless_missing(lambda: sagemaker.describe_model(ModelName=desired.name))
    if description is None:
        return False
    comparison.require_same("model", desired.name, desired.request, dict(description))
    return True
