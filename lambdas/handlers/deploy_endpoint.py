"""Create the endpoint or update it to our configuration; report what blocks it: another change, or scaling."""

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
    observed = endpoint_client.observe(stage.endpoint, sagemaker=sagemaker)
    change = endpoint_state.before_change(promotion, observed)
    requested = False
    if change.progress is Progress.CHANGE_REQUIRED:
        endpoint_state.require_time_to_change(promotion, now=now())
        if observed is None:
            progress = endpoint_client.create(stage.endpoint, config, promotion.tags, sagemaker=sagemaker)
        else:
            subject = promotion.endpoint_in_words
            update_constraints.require_possible_update(
                stage, observed.variants, serverless=observed.serverless, subject=subject
            )
            progress = endpoint_client.update(stage, config, sagemaker=sagemaker)
        requested = progress is Progress.IN_PROGRESS
        change = replace(change, progress=progress)
    if change.progress is Progress.BUSY:
        endpoint_state.require_time_left(promotion, observed, now=now())
    return promotion.with_change(
        endpoint_state.adopted(promotion.change, change, requested=requested or retry_count > 0)
    )
