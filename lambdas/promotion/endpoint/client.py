"""The target's endpoint and its configuration."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from lambdas.promotion.aws import sagemaker_errors
from lambdas.promotion.contract.document import DesiredResource, Progress, RollbackProgress, VariantCapacity
from lambdas.promotion.contract.errors import (
    AccessDenied,
    CallRefused,
    EndpointFailed,
    NotYetVisible,
    QuotaExceeded,
)
from lambdas.promotion.contract.settings import Stage
from lambdas.promotion.endpoint import comparison
from lambdas.promotion.endpoint.state import ObservedEndpoint

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.type_defs import (
        DescribeEndpointConfigOutputTypeDef,
        DescribeEndpointOutputTypeDef,
        DesiredWeightAndCapacityTypeDef,
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
        capacities=tuple(_capacity(variant) for variant in description.get("ProductionVariants", [])),
        serverless=any("CurrentServerlessConfig" in variant for variant in description.get("ProductionVariants", [])),
        asynchronous=bool(description.get("AsyncInferenceConfig")),
    )


def described(endpoint: str, *, sagemaker: SageMakerClient) -> DescribeEndpointOutputTypeDef | None:
    """Return DescribeEndpoint's response, or None if the endpoint does not exist."""
    return sagemaker_errors.unless_missing(lambda: sagemaker.describe_endpoint(EndpointName=endpoint))


def described_config(config: str, *, sagemaker: SageMakerClient) -> DescribeEndpointConfigOutputTypeDef | None:
    """Return DescribeEndpointConfig's response, or None if the configuration does not exist, or no longer exists."""
    return sagemaker_errors.unless_missing(lambda: sagemaker.describe_endpoint_config(EndpointConfigName=config))


def ensure_config(desired: DesiredResource, tags: dict[str, str], *, sagemaker: SageMakerClient) -> None:
    """Create the configuration unless it exists. Raises as `require_same_config`, QuotaExceeded, CallRefused."""
    try:
        sagemaker.create_endpoint_config(**desired.request, Tags=[{"Key": key, "Value": tags[key]} for key in tags])
    except ClientError as error:
        if sagemaker_errors.is_existing(error):
            require_same_config(desired, sagemaker=sagemaker)
            return
        raise _refusal(error, f"create the endpoint configuration {desired.name}") from error


def require_same_config(desired: DesiredResource, *, sagemaker: SageMakerClient) -> None:
    """The configuration with our name must be ours. Raises as `find_same_config`, or NotYetVisible."""
    if not find_same_config(desired, sagemaker=sagemaker):
        raise NotYetVisible(
            f"SageMaker reports that the configuration {desired.name} already exists, and does not find it."
        )


def find_same_config(desired: DesiredResource, *, sagemaker: SageMakerClient) -> bool:
    """Return whether the configuration exists. Raises NameTaken or UnsupportedModel if it is or may be another."""
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


def update(
    stage: Stage, config: str, *, sagemaker: SageMakerClient, live_config: str = "", scaling_suspended: bool = False
) -> Progress:
    """Update the endpoint as the stage configures it. Busy: another principal changes it, or has changed it.

    `live_config`: its configuration as it was observed. Blocked by scaling: unless all scaling was suspended, so that
    SageMaker's refusal has another reason.
    """
    try:
        sagemaker.update_endpoint(**update_request(stage, config))
    except ClientError as error:
        if _is_busy(error, stage.endpoint, config, live_config=live_config):
            return Progress.BUSY
        if sagemaker_errors.is_scaled(error) and not scaling_suspended:
            return Progress.BLOCKED_BY_SCALING
        if live_config and sagemaker_errors.is_missing_config(error, live_config):
            raise CallRefused(deleted_config(stage.endpoint, live_config)) from error
        raise _refusal(error, f"update the endpoint {stage.endpoint} to {config}") from error
    return Progress.IN_PROGRESS


def roll_back(
    endpoint: str,
    config: str,
    *,
    live_config: str = "",
    not_retained: Sequence[str] = (),
    sagemaker: SageMakerClient,
    scaling_suspended: bool = False,
) -> RollbackProgress:
    """Update the endpoint to its previous configuration: all at once, with its current counts, whatever the rollout.

    `live_config`: as in `update`. `not_retained` are the properties that it has from the configuration (API:
    VariantPropertyType). Busy: another change is in progress. A scalable target blocks a rollback like any update.
    """
    request: dict[str, Any] = {
        "EndpointName": endpoint,
        "EndpointConfigName": config,
        "RetainAllVariantProperties": True,
    }
    if not_retained:
        request["ExcludeRetainedVariantProperties"] = [{"VariantPropertyType": kind} for kind in not_retained]
    return _rolling_back(
        lambda: sagemaker.update_endpoint(**request),
        f"roll back the endpoint {endpoint} to {config}",
        is_busy=functools.partial(_is_busy, endpoint=endpoint, config=config, live_config=live_config),
        scaling_suspended=scaling_suspended,
    )


def restore_capacity(endpoint: str, capacity: VariantCapacity, *, sagemaker: SageMakerClient) -> RollbackProgress:
    """Give a live variant its instances and its weight back. Busy: another change is in progress."""
    desired: dict[str, Any] = {"VariantName": capacity.variant}
    if capacity.instances is not None:
        desired["DesiredInstanceCount"] = capacity.instances
    if capacity.weight is not None:
        desired["DesiredWeight"] = capacity.weight
    return _rolling_back(
        lambda: sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=endpoint, DesiredWeightsAndCapacities=[cast("DesiredWeightAndCapacityTypeDef", desired)]
        ),
        f"restore the capacity of {capacity.variant} of the endpoint {endpoint}",
        is_busy=sagemaker_errors.is_in_progress,
        scaling_suspended=True,
    )


def _rolling_back(
    call: Callable[[], object], action: str, *, is_busy: Callable[[ClientError], bool], scaling_suspended: bool
) -> RollbackProgress:
    try:
        call()
    except ClientError as error:
        if is_busy(error):
            return RollbackProgress.BUSY
        if sagemaker_errors.is_scaled(error) and not scaling_suspended:
            return RollbackProgress.BLOCKED_BY_SCALING
        raise _refusal(error, action) from error
    return RollbackProgress.IN_PROGRESS


def _is_busy(error: ClientError, endpoint: str, config: str, *, live_config: str) -> bool:
    """Whether another change is in progress, or has brought the endpoint to this configuration since it was observed.

    Raises EndpointFailed if the endpoint that cannot serve had this configuration before.
    """
    if not sagemaker_errors.is_config_in_use(error):
        return sagemaker_errors.is_in_progress(error)
    if live_config != config:
        return True
    raise EndpointFailed(
        f"The endpoint {endpoint} already has the configuration {config}, and SageMaker does not update an endpoint to "
        "the configuration that it has, so Promote cannot repair it. Create a configuration with the same content and "
        "another name, update the endpoint to that one, then promote again; or delete the endpoint, then promote again."
    ) from error


def delete(endpoint: str, *, sagemaker: SageMakerClient, scaling_suspended: bool = False) -> RollbackProgress:
    """Delete the endpoint. Busy: a change is in progress. It may no longer exist.

    A deletion also deregisters the endpoint's scalable targets, which the deployer is not permitted to do: they are
    recorded and deregistered first. With which error code SageMaker refuses it then is not documented.
    """
    try:
        sagemaker.delete_endpoint(EndpointName=endpoint)
    except AccessDenied as error:
        if sagemaker_errors.names_scalable_target(error.message) and not scaling_suspended:
            return RollbackProgress.BLOCKED_BY_SCALING
        raise
    except ClientError as error:
        if sagemaker_errors.is_in_progress(error):
            return RollbackProgress.BUSY
        if sagemaker_errors.is_scaled(error) and not scaling_suspended:
            return RollbackProgress.BLOCKED_BY_SCALING
        if not sagemaker_errors.is_missing(error):
            raise _refusal(error, f"delete the endpoint {endpoint}") from error
    return RollbackProgress.IN_PROGRESS


def deleted_config(endpoint: str, config: str) -> str:
    """Describe that SageMaker refuses an update because the live configuration is missing, and what helps."""
    return (
        f"The configuration {config}, on which the endpoint {endpoint} is in service, was deleted, and SageMaker "
        f"requires it for an update. Create {config} again with the same content, or delete the "
        "endpoint, then promote again."
    )


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


def _capacity(variant: ProductionVariantSummaryTypeDef) -> VariantCapacity:
    instances = None if "CurrentServerlessConfig" in variant else variant.get("DesiredInstanceCount")
    return VariantCapacity(variant=variant["VariantName"], instances=instances, weight=variant.get("DesiredWeight"))


def _counts_settled(description: DescribeEndpointOutputTypeDef) -> bool:
    return all(
        _count_settled(variant)
        for variant in [*description.get("ProductionVariants", []), *description.get("ShadowProductionVariants", [])]
    )


def _count_settled(variant: ProductionVariantSummaryTypeDef) -> bool:
    """Whether a variant has its desired number of instances; a serverless one, its desired concurrency.

    A serverless variant in service has a count of 0 and no desired count (recordings: DescribeEndpoint).
    """
    if serverless := variant.get("CurrentServerlessConfig"):
        return variant.get("DesiredServerlessConfig", serverless) == serverless
    current, desired = variant.get("CurrentInstanceCount"), variant.get("DesiredInstanceCount")
    return desired is None or current == desired
