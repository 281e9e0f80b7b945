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
    """Return the endpoint as it is now, or None if it does not exist."""
    description = described(endpoint, sagemaker=sagemaker)
    return observed_in(description) if description else None


def observed_in(description: DescribeEndpointOutputTypeDef) -> ObservedEndpoint:
    """Return the part of DescribeEndpoint's response that the rules read."""
    pending = description.get("PendingDeploymentSummary")
    return ObservedEndpoint(
        status=description["EndpointStatus"],
        # SageMaker leaves it out while the first creation is in progress or has failed.
        config=description.get("EndpointConfigName") or (pending["EndpointConfigName"] if pending else ""),
        modified_at=description["LastModifiedTime"],
        pending_config=pending["EndpointConfigName"] if pending else None,
        failure_reason=description.get("FailureReason"),
        counts_settled=_counts_settled(description),
        variants=tuple(variant["VariantName"] for variant in description.get("ProductionVariants", [])),
        serverless=any("CurrentServerlessConfig" in variant for variant in description.get("ProductionVariants", [])),
    )


def described(endpoint: str, *, sagemaker: SageMakerClient) -> DescribeEndpointOutputTypeDef | None:
    """Return DescribeEndpoint's response, or None if the endpoint does not exist."""
    return sagemaker_errors.unless_missing(lambda: sagemaker.describe_endpoint(EndpointName=endpoint))


def described_config(config: str, *, sagemaker: SageMakerClient) -> DescribeEndpointConfigOutputTypeDef | None:
    """Return DescribeEndpointConfig's response, or None if the configuration does not exist, or no longer exists."""
    return sagemaker_errors.unless_missing(lambda: sagemaker.describe_endpoint_config(EndpointConfigName=config))


def ensure_config(desired: DesiredResource, tags: dict[str, str], *, sagemaker: SageMakerClient) -> None:
    """Create the endpoint configuration unless it exists. Raises NameTaken, QuotaExceeded, CallRefused."""
    try:
        sagemaker.create_endpoint_config(**desired.request, Tags=[{"Key": key, "Value": tags[key]} for key in tags])
    except ClientError as error:
        if sagemaker_errors.is_existing(error):
            require_same_config(desired, sagemaker=sagemaker)
            return
        raise _refusal(error, f"create the endpoint configuration {desired.name}") from error


def require_same_config(desired: DesiredResource, *, sagemaker: SageMakerClient) -> None:
    """The configuration with our name must be ours. Raises NameTaken, or NotYetVisible if it cannot be described."""
    if not find_same_config(desired, sagemaker=sagemaker):
        raise NotYetVisible(
            f"SageMaker reports that the configuration {desired.name} already exists, and does not find it."
        )


def find_same_config(desired: DesiredResource, *, sagemaker: SageMakerClient) -> bool:
    """Return whether the configuration exists. Raises NameTaken if a different one has its name."""
    description = described_config(desired.name, sagemaker=sagemaker)
    if description is None:
        return False
    comparison.require_same("endpoint configuration", desired.name, desired.request, dict(description))
    return True


def create(endpoint: str, config: str, tags: dict[str, str], *, sagemaker: SageMakerClient) -> Progress:
    """Create the endpoint. Busy: another principal has created it since it was observed.

    The request has no DeploymentConfig: SageMaker would only retain it for updates (API: RetainDeploymentConfig), and
    each update has its own.
    """
    try:
        sagemaker.create_endpoint(
            EndpointName=endpoint,
            EndpointConfigName=config,
            Tags=[{"Key": key, "Value": tags[key]} for key in tags],
        )
    except ClientError as error:
        if sagemaker_errors.is_existing(error):
            return Progress.BUSY
        raise _refusal(error, f"create the endpoint {endpoint}") from error
    return Progress.IN_PROGRESS


def update(stage: Stage, config: str, *, sagemaker: SageMakerClient) -> Progress:
    """Update the endpoint as the stage configures it. Busy: another principal has begun to change it."""
    try:
        sagemaker.update_endpoint(**update_request(stage, config))
    except ClientError as error:
        if sagemaker_errors.is_in_progress(error):
            return Progress.BUSY
        if sagemaker_errors.is_scaled(error):
            return Progress.BLOCKED_BY_SCALING
        raise _refusal(error, f"update the endpoint {stage.endpoint} to {config}") from error
    return Progress.IN_PROGRESS


def roll_back(endpoint: str, config: str, *, sagemaker: SageMakerClient) -> RollbackProgress:
    """Update the endpoint to its previous configuration: all at once, with its current counts, whatever the rollout.

    Busy: another change is in progress. A scalable target blocks a rollback like any update.
    """
    try:
        sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config, RetainAllVariantProperties=True)
    except ClientError as error:
        if sagemaker_errors.is_in_progress(error):
            return RollbackProgress.BUSY
        if sagemaker_errors.is_scaled(error):
            return RollbackProgress.BLOCKED_BY_SCALING
        raise _refusal(error, f"roll back the endpoint {endpoint} to {config}") from error
    return RollbackProgress.IN_PROGRESS


def delete(endpoint: str, *, sagemaker: SageMakerClient) -> RollbackProgress:
    """Delete the endpoint. Busy: a change is in progress. It may no longer exist.

    A deletion also deregisters the endpoint's scalable targets, which the deployer is not permitted to do: they are
    recorded and deregistered first.
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
    """Delete an endpoint configuration that no endpoint uses. It may no longer exist."""
    try:
        sagemaker.delete_endpoint_config(EndpointConfigName=config)
    except ClientError as error:
        if not sagemaker_errors.is_missing(error):
            raise _refusal(error, f"delete the endpoint configuration {config}") from error


def update_request(stage: Stage, config: str) -> UpdateEndpointInputTypeDef:
    """Return UpdateEndpoint's request: what the live variants keep, and how traffic moves to the new ones.

    By default the endpoint keeps its current counts and weights (API: RetainAllVariantProperties).
    """
    request: dict[str, Any] = {
        "EndpointName": stage.endpoint,
        "EndpointConfigName": config,
        "RetainAllVariantProperties": stage.retain_variant_properties,
    }
    if stage.exclude_retained:
        request["ExcludeRetainedVariantProperties"] = [{"VariantPropertyType": kind} for kind in stage.exclude_retained]
    if stage.deployment_config:
        request["DeploymentConfig"] = stage.deployment_config
    return cast("UpdateEndpointInputTypeDef", request)


def _refusal(error: ClientError, action: str) -> Exception:
    message = error.response["Error"]["Message"]
    if sagemaker_errors.is_quota(error):
        return QuotaExceeded(f"A quota of the target account does not allow Promote to {action}: {message}")
    if sagemaker_errors.is_missing(error):
        # A resource that was just created may not be visible everywhere yet (API: CreateEndpointConfig).
        return NotYetVisible(f"A resource that is required to {action} is not visible to SageMaker yet: {message}")
    return CallRefused(f"SageMaker refused to {action}: {message}")


def _counts_settled(description: DescribeEndpointOutputTypeDef) -> bool:
    return all(
        _count_settled(variant)
        for variant in [*description.get("ProductionVariants", []), *description.get("ShadowProductionVariants", [])]
    )


def _count_settled(variant: ProductionVariantSummaryTypeDef) -> bool:
    """Whether a variant has its desired number of instances; a serverless one, its desired concurrency.

    A serverless variant in service has a count of 0 and no desired count (recordings: DescribeEndpoint). Where
    SageMaker scales the instances itself, the desired count follows the traffic, and the minimum is sufficient.
    """
    if serverless := variant.get("CurrentServerlessConfig"):
        return variant.get("DesiredServerlessConfig", serverless) == serverless
    current, desired = variant.get("CurrentInstanceCount"), variant.get("DesiredInstanceCount")
    scaling = variant.get("ManagedInstanceScaling", {})
    if current is not None and scaling.get("Status") == "ENABLED" and "MinInstanceCount" in scaling:
        return current >= scaling["MinInstanceCount"]
    return desired is None or current == desired
