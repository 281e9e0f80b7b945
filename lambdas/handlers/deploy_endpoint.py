"""Create the endpoint, or update it to our configuration; say what stands in the way: another change, or scaling."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.contract.document import Progress, Promotion
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint import state as endpoint_state
from lambdas.promotion.endpoint import update_constraints
from lambdas.promotion.endpoint.access import as_deployer
from lambdas.promotion.runtime.handler import now, step_with_attempt


@step_with_attempt
def handler(promotion: Promotion, attempt: int) -> Promotion:
    sagemaker = as_deployer(promotion).sagemaker
    stage, config = promotion.stage, promotion.wanted_config.name
    seen = endpoint_client.see(stage.endpoint, sagemaker=sagemaker)
    change = endpoint_state.before_change(promotion, seen)
    began = False
    if change.progress is Progress.CHANGE_WANTED:
        endpoint_state.require_time_to_change(promotion, now=now())
        if seen is None:
            progress = endpoint_client.create(stage, config, promotion.tags, sagemaker=sagemaker)
        else:
            live = promotion.endpoint_in_words
            update_constraints.require_possible_update(stage, seen.variants, serverless=seen.serverless, where=live)
            progress = endpoint_client.update(stage, config, sagemaker=sagemaker)
        began = progress is Progress.UNDER_WAY
        change = replace(change, progress=progress)
    if change.progress is Progress.BUSY:
        endpoint_state.require_time_left(promotion, seen, now=now())
    return promotion.with_change(endpoint_state.joined(promotion.change, change, tried=began or attempt > 0))
