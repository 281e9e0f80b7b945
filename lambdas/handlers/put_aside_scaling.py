"""Write down the automatic scaling that stands in the way of an update, or of going back, then deregister it."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.aws import work_lists
from lambdas.promotion.contract.document import Promotion, PutAside
from lambdas.promotion.runtime.handler import s3_of_hub, step
from lambdas.promotion.scaling import client as scaling_client
from lambdas.promotion.scaling import targets as scaling_targets
from lambdas.promotion.scaling.access import as_scaler
from lambdas.promotion.scaling.targets import ScalableTarget


@step
def handler(promotion: Promotion) -> Promotion:
    account, hub = as_scaler(promotion), s3_of_hub()
    endpoint = promotion.stage.endpoint
    live = scaling_client.live(endpoint, sagemaker=account.sagemaker)
    now = scaling_client.configured(live.config, sagemaker=account.sagemaker)
    back = promotion.roll_back.to if promotion.roll_back else None
    wanted = (
        scaling_client.configured(back, sagemaker=account.sagemaker) if back else scaling_targets.variants_of(promotion)
    )
    # A Failed endpoint may not tell its variants.
    registered = scaling_client.registered(endpoint, {**live.variants, **now, **wanted}, account)
    in_the_way = scaling_targets.in_the_way(registered, now=now, wanted=wanted)
    # Read after what is registered was read. Whoever sees less because another run of this step has deregistered it
    # sees here what that run wrote down before: so a list is never replaced by a shorter one.
    known = work_lists.read_if_there(work_lists.SCALING, ScalableTarget, promotion, s3=hub)
    written = scaling_targets.merged(known, in_the_way)
    work_lists.write(work_lists.SCALING, written, promotion, s3=hub)
    scaling_client.deregister(in_the_way, autoscaling=account.autoscaling)
    return replace(promotion, scaling=PutAside(targets=len(written), list=f"{promotion.lists}{work_lists.SCALING}"))
