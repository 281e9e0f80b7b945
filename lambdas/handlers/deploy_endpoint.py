"""Create the endpoint or update it to our configuration; report what blocks it: another change, or scaling."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Progress, Promotion
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint import rollout, update_constraints
from lambdas.promotion.endpoint import state as endpoint_state
from lambdas.promotion.endpoint.access import deployer_session
from lambdas.promotion.endpoint.state import ObservedEndpoint
from lambdas.promotion.runtime.handler import now, step_with_retry_count


@step_with_retry_count
def handler(promotion: Promotion, retry_count: int) -> Promotion:
    account = deployer_session(promotion)
    observed = endpoint_client.observe(promotion.stage.endpoint, sagemaker=account.sagemaker)
    change = endpoint_state.before_change(promotion, observed)
    requested = False
    if change.progress is Progress.CHANGE_REQUIRED:
        endpoint_state.require_time_to_change(promotion, now=now())
        progress = _change(promotion, observed, account)
        requested = progress is Progress.IN_PROGRESS
        change = replace(change, progress=progress)
    if change.progress is Progress.BUSY:
        endpoint_state.require_time_left(promotion, observed, now=now())
    return promotion.with_change(
        endpoint_state.adopted(promotion.change, change, requested=requested or retry_count > 0)
    )


def _change(promotion: Promotion, observed: ObservedEndpoint | None, account: RoleSession) -> Progress:
    stage, config = promotion.stage, promotion.desired_config
    if observed is None:
        return endpoint_client.create(stage.endpoint, config.name, promotion.tags, sagemaker=account.sagemaker)
    update_constraints.require_possible_update(
        config.request,
        rollout.of_stage(stage),
        observed,
        reversible=not promotion.request.roll_back,
        subject=promotion.endpoint_in_words,
    )
    return endpoint_client.update(
        stage,
        config.name,
        sagemaker=account.sagemaker,
        live_config=observed.config,
        scaling_suspended=promotion.scaling_is_suspended,
    )
