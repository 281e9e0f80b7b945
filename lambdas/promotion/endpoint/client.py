"""The target's endpoint and its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from lambdas.promotion.aws import sagemaker_errors
from lambdas.promotion.contract.document import DesiredResource, Progress, RollbackProgress
from lambdas.promotion.contract.errors import AccessDenied, CallRefused, NotYetVisible, QuotaExceeded
from lambdas.promotion.contract.settings import Stage
from lambdas.promotion.endpoint import comparison
from lambdas.promotion.endpoint.state import ObservedEndpoint

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.type_defs import (
        DescribeEndpointConfigOutputTypeDef,
        DescribeEndpointOutputTypeDef,
        ProductionVariantSummaryTypeDef,
        UpdateEndpointInputTypeDef,
    )


def observe(endpoint: str, *, sagemaker: SageMakerClient) -> ObservedEndpoint | None:
    """Return the endpoint as it is now, or None if there is none."""
    found = described(endpoint, sagemaker=sagemaker)
    return observed_in(found) if found else None


def observed_in(found: DescribeEndpointOutputTypeDef) -> ObservedEndpoint:
    """Return what of DescribeEndpoint's answer the rules look at."""
    pending = found.get("PendingDeploymentSummary")
    return ObservedEndpoint(
        status=found["EndpointStatus"],
        # Left out by SageMaker while the first creation is under way or has failed.
        config=found.get("EndpointConfigName") or (pending["EndpointConfigName"] if pending else ""),
        modified_at=found["LastModifiedTime"],
        pending_config=pending["EndpointConfigName"] if pending else None,
        failure_reason=found.get("FailureReason"),
        counts_settled=_counts_settled(found),
        variants=tuple(variant["VariantName"] for variant in found.get("ProductionVariants", [])),
        serverless=any("CurrentServerlessConfig" in variant for variant in found.get("ProductionVariants", [])),
    )


def described(endpoint: str, *, sagemaker: SageMakerClient) -> DescribeEndpointOutputTypeDef | None:
    """Return DescribeEndpoint's answer, or None if there is no such endpoint."""
    return sagemaker_errors.unless_missing(lambda: sagemaker.describe_endpoint(EndpointName=endpoint))


def described_config(config: str, *, sagemaker: SageMakerClient) -> DescribeEndpointConfigOutputTypeDef | None:
    """Return DescribeEndpointConfig's answer, or None if there is no such configuration, or no more."""
    return sagemaker_errors.unless_missing(lambda: sagemaker.describe_endpoint_config(EndpointConfigName=config))


def ensure_config(wanted: DesiredResource, tags: dict[str, str], *, sagemaker: SageMakerClient) -> None:
    """Create the endpoint configuration unless it is there already. Raises NameTaken, QuotaExceeded, CallRefused."""
    try:
        sagemaker.create_endpoint_config(**wanted.request, Tags=[{"Key": key, "Value": tags[key]} for key in tags])
    except ClientError as error:
        if sagemaker_errors.is_existing(error):
            require_same_config(wanted, sagemaker=sagemaker)
            return
        raise _refusal(error, f"create the endpoint configuration {wanted.name}") from error


def require_same_config(wanted: DesiredResource, *, sagemaker: SageMakerClient) -> None:
    """The configuration under our name must be ours. Raises NameTaken, or NotYetVisible if it cannot be seen."""
    if not find_same_config(wanted, sagemaker=sagemaker):
        raise NotYetVisible(f"SageMaker says that the configuration {wanted.name} exists and that it cannot find it.")


def find_same_config(wanted: DesiredResource, *, sagemaker: SageMakerClient) -> bool:
    """Say whether the configuration is there. Raises NameTaken if something else has its name."""
    found = described_config(wanted.name, sagemaker=sagemaker)
    if found is None:
        return False
    comparison.require_same("endpoint configuration", wanted.name, wanted.request, dict(found))
    return True


def create(stage: Stage, config: str, tags: dict[str, str], *, sagemaker: SageMakerClient) -> Progress:
    """Create the endpoint. Busy: somebody else made it in this moment.

    How it is to be updated is not said: SageMaker would only keep it (API: RetainDeploymentConfig), and each update
    says it anew.
    """
    try:
        sagemaker.create_endpoint(
            EndpointName=stage.endpoint,
            EndpointConfigName=config,
            Tags=[{"Key": key, "Value": tags[key]} for key in tags],
        )
    except ClientError as error:
        if sagemaker_errors.is_existing(error):
            return Progress.BUSY
        raise _refusal(error, f"create the endpoint {stage.endpoint}") from error
    return Progress.IN_PROGRESS


def update(stage: Stage, config: str, *, sagemaker: SageMakerClient) -> Progress:
    """Update the endpoint as the stage says. Busy: somebody else began to change it in this moment."""
    try:
        sagemaker.update_endpoint(**update_request(stage, config))
    except ClientError as error:
        if sagemaker_errors.is_in_progress(error):
            return Progress.BUSY
        if sagemaker_errors.is_scaled(error):
            return Progress.BLOCKED_BY_SCALING
        raise _refusal(error, f"update the endpoint {stage.endpoint} to {config}") from error
    return Progress.IN_PROGRESS


def roll_back(stage: Stage, config: str, *, sagemaker: SageMakerClient) -> RollbackProgress:
    """Update the endpoint to what it served before: all at once, with the counts that it has, whatever the rollout.

    Busy: somebody is changing it in this moment. A scalable target is in the way of going back as of any update.
    """
    try:
        sagemaker.update_endpoint(
            EndpointName=stage.endpoint, EndpointConfigName=config, RetainAllVariantProperties=True
        )
    except ClientError as error:
        if sagemaker_errors.is_in_progress(error):
            return RollbackProgress.BUSY
        if sagemaker_errors.is_scaled(error):
            return RollbackProgress.BLOCKED_BY_SCALING
        raise _refusal(error, f"update the endpoint {stage.endpoint} back to {config}") from error
    return RollbackProgress.IN_PROGRESS


def delete(endpoint: str, *, sagemaker: SageMakerClient) -> RollbackProgress:
    """Delete the endpoint. Busy: it is being changed in this moment. It may be gone already.

    Whoever deletes it deregisters its scalable targets, and may not: what they are has to be written down before.
    """
    try:
        sagemaker.delete_endpoint(EndpointName=endpoint)
    except AccessDenied as error:
        if "scalable target" in error.message.lower():
            return RollbackProgress.BLOCKED_BY_SCALING
        raise
    except ClientError as error:
        if sagemaker_errors.is_in_progress(error):
            return RollbackProgress.BUSY
        if not sagemaker_errors.is_missing(error):
            raise _refusal(error, f"delete the endpoint {endpoint}") from error
    return RollbackProgress.IN_PROGRESS


def delete_config(config: str, *, sagemaker: SageMakerClient) -> None:
    """Delete an endpoint configuration that no endpoint uses. It may be gone already."""
    try:
        sagemaker.delete_endpoint_config(EndpointConfigName=config)
    except ClientError as error:
        if not sagemaker_errors.is_missing(error):
            raise _refusal(error, f"delete the endpoint configuration {config}") from error


def update_request(stage: Stage, config: str) -> UpdateEndpointInputTypeDef:
    """Return UpdateEndpoint's request: what the live variants keep, and how the new ones take over.

    Unless the stage says otherwise, the counts and weights that the endpoint has reached are kept (API:
    RetainAllVariantProperties).
    """
    request: dict[str, Any] = {
        "EndpointName": stage.endpoint,
        "EndpointConfigName": config,
        "RetainAllVariantProperties": stage.retain_variant_properties,
    }
    if stage.exclude_retained:
        request["ExcludeRetainedVariantProperties"] = [{"VariantPropertyType": one} for one in stage.exclude_retained]
    if stage.deployment_config:
        request["DeploymentConfig"] = stage.deployment_config
    return cast("UpdateEndpointInputTypeDef", request)


def _refusal(error: ClientError, what: str) -> Exception:
    said = error.response["Error"]["Message"]
    if sagemaker_errors.is_quota(error):
        return QuotaExceeded(f"A quota of the target account does not allow to {what}: {said}")
    if sagemaker_errors.is_missing(error):
        # A resource that was just made may not be seen everywhere yet (API: CreateEndpointConfig).
        return NotYetVisible(f"SageMaker does not see yet what it needs to {what}: {said}")
    return CallRefused(f"SageMaker refused to {what}: {said}")


def _counts_settled(found: DescribeEndpointOutputTypeDef) -> bool:
    return all(
        _count_settled(variant)
        for variant in [*found.get("ProductionVariants", []), *found.get("ShadowProductionVariants", [])]
    )


def _count_settled(variant: ProductionVariantSummaryTypeDef) -> bool:
    """Whether a variant has the instances that it is to have. A serverless one has no counts at all.

    Where SageMaker scales the instances itself, what is desired follows the traffic, and the least is enough.
    """
    current, desired = variant.get("CurrentInstanceCount"), variant.get("DesiredInstanceCount")
    scaling = variant.get("ManagedInstanceScaling", {})
    if current is not None and scaling.get("Status") == "ENABLED" and "MinInstanceCount" in scaling:
        return current >= scaling["MinInstanceCount"]
    return current == desired
