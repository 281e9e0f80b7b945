"""Record the scalable targets that block an update or a rollback, then deregister them."""

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
    configured = scaling_client.configured(live.config, sagemaker=account.sagemaker)
    rollback_config = promotion.rollback.to_config if promotion.rollback else None
    desired = (
        scaling_client.configured(rollback_config, sagemaker=account.sagemaker)
        if rollback_config
        else scaling_targets.variants_of(promotion)
    )
    # A Failed endpoint may not tell its variants.
    registered = scaling_client.registered(endpoint, {**live.variants, **configured, **desired}, account)
    blocking_targets = scaling_targets.blocking_targets(registered, current=configured, desired=desired)
    scaling_targets.require_restorable(blocking_targets, subject=promotion.endpoint_in_words)
    # Read after the registered targets: a run that sees fewer, because another run of this step has deregistered some,
    # finds here what that run recorded before. So a list is never replaced by a shorter one.
    suspended = work_lists.read_if_exists(work_lists.SUSPENDED_SCALING, ScalableTarget, promotion, s3=hub)
    merged = scaling_targets.merged(suspended, blocking_targets)
    work_lists.write(work_lists.SUSPENDED_SCALING, merged, promotion, s3=hub)
    if blocking_targets:
        narrowed = scaler_session(promotion, deregistered=[target.arn for target in blocking_targets])
        scaling_client.deregister(blocking_targets, autoscaling=narrowed.autoscaling)
    return replace(
        promotion,
        suspended_scaling=SuspendedScaling(
            targets=len(merged),
            list_key=f"{promotion.work_lists_prefix}{work_lists.SUSPENDED_SCALING}",
            complete=not blocking_targets,
        ),
    )
