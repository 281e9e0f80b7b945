"""Create the endpoint, or update it to our configuration; say what stands in the way: another change, or scaling."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.contract.document import Progress, Promotion
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint import state as endpoint_state
from lambdas.promotion.endpoint import update_constraints
from lambdas.promotion.endpoint.access import deployer_session
from lambdas.promotion.runtime.handler import now, step_with_retry_count


@step_with_retry_count
def handler(promotion: Promotion, retry_count: int) -> Promotion:
    sagemaker = deployer_session(promotion).sagemaker
    stage, config = promotion.stage, promotion.desired_config.name
    seen = endpoint_client.observe(stage.endpoint, sagemaker=sagemaker)
    change = endpoint_state.before_change(promotion, seen)
    began = False
    if change.progress is Progress.CHANGE_REQUIRED:
        endpoint_state.require_time_to_change(promotion, now=now())
        if seen is None:
            progress = endpoint_client.create(stage.endpoint, config, promotion.tags, sagemaker=sagemaker)
        else:
            live = promotion.endpoint_in_words
            update_constraints.require_possible_update(stage, seen.variants, serverless=seen.serverless, subject=live)
            progress = endpoint_client.update(stage, config, sagemaker=sagemaker)
        began = progress is Progress.IN_PROGRESS
        change = replace(change, progress=progress)
    if change.progress is Progress.BUSY:
        endpoint_state.require_time_left(promotion, seen, now=now())
    return promotion.with_change(endpoint_state.adopted(promotion.change, change, requested=began or retry_count > 0))
