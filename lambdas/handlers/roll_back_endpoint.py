"""Bring the endpoint back to what it served before this promotion, one action at a time, until that serves again."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.aws.logs import logger
from lambdas.promotion.contract.document import Promotion, RollbackProgress
from lambdas.promotion.contract.step_events import RollBackEvent
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint.access import deployer_session
from lambdas.promotion.rollback import state as rollback_state
from lambdas.promotion.rollback.state import Action
from lambdas.promotion.runtime.handler import now, step_with_event


@step_with_event(RollBackEvent)
def handler(event: RollBackEvent) -> Promotion:
    promotion = event.promotion
    rollback = rollback_state.begin(promotion, now=now())
    sagemaker = deployer_session(promotion, also_config=rollback.to_config).sagemaker
    stage = promotion.stage
    observed = endpoint_client.observe(stage.endpoint, sagemaker=sagemaker)
    rollback_state.require_time_left(promotion, rollback, observed, now=now())
    action, progress = rollback_state.next_action(
        promotion, rollback, observed, again=event.retry_count > 0, error_name=event.error_name
    )
    if action is Action.UPDATE:
        progress = endpoint_client.roll_back(stage.endpoint, str(rollback.to_config), sagemaker=sagemaker)
    elif action is Action.CREATE:
        progress = RollbackProgress(
            endpoint_client.create(stage.endpoint, str(rollback.to_config), promotion.tags, sagemaker=sagemaker)
        )
    elif action is Action.DELETE:
        progress = endpoint_client.delete(stage.endpoint, sagemaker=sagemaker)
    logger.info("Rollback polled", extra={"to_config": rollback.to_config, "action": action.name, "progress": progress})
    summary = rollback_state.endpoint_summary(promotion, rollback, progress, observed)
    return replace(
        promotion,
        rollback=replace(
            rollback,
            progress=progress,
            endpoint_summary=summary,
            poll_count=rollback.poll_count + 1,
            deleting=rollback.deleting or action is Action.DELETE,
            recreated=rollback.recreated or action is Action.CREATE,
        ),
    )
