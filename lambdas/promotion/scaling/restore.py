"""An endpoint's automatic scaling after its update: what was put aside, and what the stage says, is registered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

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


def resume(promotion: Promotion, *, succeeded: bool, hub: S3Client, leave_registered: bool = False) -> int:
    """Register what the promotion has put aside, and return how many targets that were; it can be repeated.

    What the stage says is registered too, but only after a promotion that went `well`. What does not fit what the
    endpoint serves now is left out, and stays written down. `leave_registered`: and what is registered already.

    Raises ScalingIncomplete, which names every variant whose scaling could not be registered.
    """
    put_aside = work_lists.read_if_exists(work_lists.SUSPENDED_SCALING, ScalableTarget, promotion, s3=hub)
    configured = promotion.stage.autoscaling if succeeded else ()
    targets = scaling_targets.to_register(put_aside, configured, endpoint=promotion.stage.endpoint)
    if not targets:
        return 0
    account = scaler_session(promotion, alarms=[alarm["AlarmName"] for one in targets for alarm in one.alarms])
    there = scaling_client.live(promotion.stage.endpoint, sagemaker=account.sagemaker)
    fitting = [target for target in targets if _matches(target, there.variants)]
    if leave_registered:
        now_there = scaling_client.registered(promotion.stage.endpoint, there.variants, account)
        fitting = [target for target in fitting if target.key not in {one.key for one in now_there}]
    problems = [problem for target in fitting if (problem := _problem_of(target, account))]
    if problems:
        raise ScalingIncomplete(
            f"{promotion.endpoint_in_words} is not scaled as it should be: {'; '.join(problems)}. What was there "
            f"before the update is written down in s3://{promotion.hub.bucket}/{promotion.work_lists_prefix}"
            f"{work_lists.SUSPENDED_SCALING}, if anything was put aside; docs/operations.md says how to put it back."
        )
    return len(fitting)


def _matches(target: ScalableTarget, there: Mapping[str, Specification]) -> bool:
    fits = scaling_targets.matches(target, there)
    if not fits:
        logger.warning("A scaled variant no longer exists", extra={"target": target.resource})
    return fits


def _problem_of(target: ScalableTarget, account: RoleSession) -> str | None:
    """Register one target. Another one that cannot be registered does not keep it from that."""
    try:
        scaling_client.register(target, account, now=datetime.now(UTC))
    except Transient:
        raise
    except PromotionError as error:
        return f"{target.resource}: {error}"
    except ClientError as error:
        return f"{target.resource}: AWS refused {error.operation_name}: {error.response['Error']['Message']}"
    return None
