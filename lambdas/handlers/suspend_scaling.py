"""Write down the automatic scaling that stands in the way of an update, or of going back, then deregister it."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.aws import work_lists
from lambdas.promotion.contract.document import Promotion, SuspendedScaling
from lambdas.promotion.runtime.handler import hub_s3, step
from lambdas.promotion.scaling import client as scaling_client
from lambdas.promotion.scaling import targets as scaling_targets
from lambdas.promotion.scaling.access import scaler_session
from lambdas.promotion.scaling.targets import ScalableTarget


@step
def handler(promotion: Promotion) -> Promotion:
    account, hub = scaler_session(promotion), hub_s3()
    endpoint = promotion.stage.endpoint
    live = scaling_client.live(endpoint, sagemaker=account.sagemaker)
    now = scaling_client.configured(live.config, sagemaker=account.sagemaker)
    back = promotion.rollback.to_config if promotion.rollback else None
    wanted = (
        scaling_client.configured(back, sagemaker=account.sagemaker) if back else scaling_targets.variants_of(promotion)
    )
    # A Failed endpoint may not tell its variants.
    registered = scaling_client.registered(endpoint, {**live.variants, **now, **wanted}, account)
    blocking_targets = scaling_targets.blocking_targets(registered, current=now, desired=wanted)
    # Read after what is registered was read. Whoever sees less because another run of this step has deregistered it
    # sees here what that run wrote down before: so a list is never replaced by a shorter one.
    known = work_lists.read_if_exists(work_lists.SUSPENDED_SCALING, ScalableTarget, promotion, s3=hub)
    written = scaling_targets.merged(known, blocking_targets)
    work_lists.write(work_lists.SUSPENDED_SCALING, written, promotion, s3=hub)
    scaling_client.deregister(blocking_targets, autoscaling=account.autoscaling)
    return replace(
        promotion,
        suspended_scaling=SuspendedScaling(
            targets=len(written), list_key=f"{promotion.work_lists_prefix}{work_lists.SUSPENDED_SCALING}"
        ),
    )
