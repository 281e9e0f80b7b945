"""Resume an endpoint's automatic scaling after its update: what was suspended, and what the stage configures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, ParamValidationError

from lambdas.promotion.aws import work_lists
from lambdas.promotion.aws.logs import logger
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.errors import PromotionError, ScalingIncomplete, Transient
from lambdas.promotion.scaling import client as scaling_client
from lambdas.promotion.scaling import targets as scaling_targets
from lambdas.promotion.scaling.access import scaler_session
from lambdas.promotion.scaling.targets import ScalableTarget, Specification

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_REFUSALS = (PromotionError, ClientError, ParamValidationError)


def resume(promotion: Promotion, *, succeeded: bool, hub: S3Client, leave_registered: bool = False) -> int:
    """Register the scaling that the promotion has suspended, and return the number of targets. It is idempotent.

    The stage's own scaling is registered too, but only after a promotion that has `succeeded`. A target that does not
    match a live variant is left out, and stays in the list. `leave_registered`: so is one that is registered already.

    Raises what a retry can fix (Transient), or else ScalingIncomplete, which names every variant whose scaling could
    not be registered.
    """
    suspended = work_lists.read_if_exists(work_lists.SUSPENDED_SCALING, ScalableTarget, promotion, s3=hub)
    configured = promotion.stage.autoscaling if succeeded else ()
    targets = scaling_targets.to_register(suspended, configured, endpoint=promotion.stage.endpoint)
    if not targets:
        return 0
    account = scaler_session(promotion, alarms=[alarm["AlarmName"] for target in targets for alarm in target.alarms])
    live = scaling_client.live(promotion.stage.endpoint, sagemaker=account.sagemaker)
    matching = [target for target in targets if _matches(target, live.variants)]
    if leave_registered:
        registered = scaling_client.registered(promotion.stage.endpoint, live.variants, account)
        registered_keys = {target.key for target in registered}
        matching = [target for target in matching if target.key not in registered_keys]
    errors = [(target, error) for target in matching if (error := _error_of(target, account))]
    for _, error in errors:
        if isinstance(error, Transient):
            raise error
    if errors:
        problems = [_problem(target, error) for target, error in errors]
        raise ScalingIncomplete(
            f"{promotion.endpoint_in_words} has incomplete automatic scaling: {'; '.join(problems)}. If scaling was "
            f"suspended for the update, the previous scaling is stored in "
            f"s3://{promotion.hub.bucket}/{promotion.work_lists_prefix}{work_lists.SUSPENDED_SCALING}; "
            "docs/runbooks/resume-scaling.md describes how to resume it manually."
        )
    return len(matching)


def _matches(target: ScalableTarget, variants: Mapping[str, Specification]) -> bool:
    is_match = scaling_targets.matches(target, variants)
    if not is_match:
        logger.warning("A scaled variant no longer exists", extra={"target": target.resource})
    return is_match


def _error_of(target: ScalableTarget, account: RoleSession) -> Exception | None:
    """Register one target, and return the error if it fails: it must not prevent the others."""
    try:
        scaling_client.register(target, account, now=datetime.now(UTC))
    except _REFUSALS as error:
        return error
    return None


def _problem(target: ScalableTarget, error: Exception) -> str:
    if isinstance(error, ClientError):
        return f"{target.resource}: AWS refused {error.operation_name}: {error.response['Error']['Message']}"
    return f"{target.resource}: {error}"
