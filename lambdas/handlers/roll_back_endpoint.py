"""Bring the endpoint back to what it served before this promotion, one act at a time, until that is seen to serve."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.aws.logs import logger
from lambdas.promotion.contract.document import Promotion, RollbackProgress
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint.access import deployer_session
from lambdas.promotion.rollback import state as rollback_state
from lambdas.promotion.rollback.state import Action
from lambdas.promotion.runtime.handler import Event, now, step_with_event


@step_with_event
def handler(promotion: Promotion, event: Event) -> Promotion:
    """The event has "because" as well: the name of the error after which it is rolled back."""
    known = rollback_state.begin(promotion, now=now())
    sagemaker = deployer_session(promotion, also_config=known.to_config).sagemaker
    stage = promotion.stage
    seen = endpoint_client.observe(stage.endpoint, sagemaker=sagemaker)
    rollback_state.require_time_left(promotion, known, seen, now=now())
    action, progress = rollback_state.next_action(
        promotion, known, seen, again=event["retry_count"] > 0, error_name=event["error_name"]
    )
    if action is Action.UPDATE:
        progress = endpoint_client.roll_back(stage.endpoint, str(known.to_config), sagemaker=sagemaker)
    elif action is Action.CREATE:
        progress = RollbackProgress(
            endpoint_client.create(stage.endpoint, str(known.to_config), promotion.tags, sagemaker=sagemaker)
        )
    elif action is Action.DELETE:
        progress = endpoint_client.delete(stage.endpoint, sagemaker=sagemaker)
    logger.info("Rollback polled", extra={"to_config": known.to_config, "action": action.name, "progress": progress})
    serves = rollback_state.endpoint_summary(promotion, known, progress, seen)
    return replace(
        promotion,
        rollback=replace(
            known,
            progress=progress,
            endpoint_summary=serves,
            poll_count=known.poll_count + 1,
            deleting=known.deleting or action is Action.DELETE,
            recreated=known.recreated or action is Action.CREATE,
        ),
    )
