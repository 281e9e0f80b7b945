"""Bring the endpoint back to what it served before this promotion, one act at a time, until that is seen to serve."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.aws.logs import logger
from lambdas.promotion.contract.document import Promotion, RollBackProgress
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint.access import as_deployer
from lambdas.promotion.rollback import state as rollback_state
from lambdas.promotion.rollback.state import Act
from lambdas.promotion.runtime.handler import Event, now, step_with_event


@step_with_event
def handler(promotion: Promotion, event: Event) -> Promotion:
    """The event has "because" as well: the name of the error after which it is rolled back."""
    known = rollback_state.begin(promotion, now=now())
    sagemaker = as_deployer(promotion, also_config=known.to).sagemaker
    stage = promotion.stage
    seen = endpoint_client.see(stage.endpoint, sagemaker=sagemaker)
    rollback_state.require_time_left(promotion, known, seen, now=now())
    act, progress = rollback_state.next_act(
        promotion, known, seen, again=event["attempt"] > 0, because=event["because"]
    )
    if act is Act.UPDATE:
        progress = endpoint_client.go_back(stage, str(known.to), sagemaker=sagemaker)
    elif act is Act.CREATE:
        progress = RollBackProgress(endpoint_client.create(stage, str(known.to), promotion.tags, sagemaker=sagemaker))
    elif act is Act.DELETE:
        progress = endpoint_client.delete(stage.endpoint, sagemaker=sagemaker)
    logger.info("Rolling back", extra={"to": known.to, "act": act.name, "progress": progress})
    serves = rollback_state.serves(promotion, known, progress, seen)
    return replace(
        promotion,
        roll_back=replace(
            known,
            progress=progress,
            serves=serves,
            looks=known.looks + 1,
            deleting=known.deleting or act is Act.DELETE,
            made=known.made or act is Act.CREATE,
        ),
    )
