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


def ensure(wanted: DesiredResource, tags: dict[str, str], *, retry_count: int, sagemaker: SageMakerClient) -> None:
    """Create the model unless it is there already.

    SageMaker reads the artifacts with the execution role here. New rights take some seconds until they are known
    everywhere, so the first tries are retried (NotYetVisible) before it is called ModelDataNotAccessible.

    Raises NameTaken, QuotaExceeded, ModelDataNotAccessible, or CallRefused with SageMaker's own words.
    """
    try:
        sagemaker.create_model(**wanted.request, Tags=[{"Key": key, "Value": tags[key]} for key in tags])
    except ClientError as error:
        if sagemaker_errors.is_existing(error):
            require_same(wanted, sagemaker=sagemaker)
            return
        said = error.response["Error"]["Message"]
        if sagemaker_errors.is_no_model_data(error):
            if retry_count < _RETRIES_FOR_NEW_PERMISSIONS:
                raise NotYetVisible(f"SageMaker cannot read the artifacts of {wanted.name} yet: {said}") from error
            raise ModelDataNotAccessible(
                f"SageMaker cannot read the copied artifacts of {wanted.name} with the execution role "
                f"{wanted.request['ExecutionRoleArn']}, which needs s3:GetObject on them and kms:Decrypt on their key. "
                f"It says: {said}"
            ) from error
        if sagemaker_errors.is_quota(error):
            raise QuotaExceeded(f"The model {wanted.name} exceeds a quota of the target account: {said}") from error
        raise CallRefused(f"SageMaker refused to create the model {wanted.name}: {said}") from error


def require_same(wanted: DesiredResource, *, sagemaker: SageMakerClient) -> None:
    """The model under our name must be ours. Raises NameTaken, or NotYetVisible if it cannot be seen."""
    if not find_same(wanted, sagemaker=sagemaker):
        raise NotYetVisible(f"SageMaker says that the model {wanted.name} exists and that it cannot find it.")


def find_same(wanted: DesiredResource, *, sagemaker: SageMakerClient) -> bool:
    """Say whether the model is there. Raises NameTaken if something else has its name."""
    found = sagemaker_errors.unless_missing(lambda: sagemaker.describe_model(ModelName=wanted.name))
    if found is None:
        return False
    comparison.require_same("model", wanted.name, wanted.request, dict(found))
    return True
