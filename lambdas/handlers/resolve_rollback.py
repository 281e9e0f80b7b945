"""Find out what a stage is to go back to: its newest good promotion by the record that does not serve now."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lambdas.promotion.aws import sessions
from lambdas.promotion.aws.logs import log_about, logger
from lambdas.promotion.contract import settings
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.errors import NothingToRollBackTo
from lambdas.promotion.contract.settings import Stage
from lambdas.promotion.contract.step_events import ResolveEvent, from_event
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint.access import endpoint_viewer_session
from lambdas.promotion.lock import store as lock_store
from lambdas.promotion.outcome import records
from lambdas.promotion.resolve import request as rules
from lambdas.promotion.rollback import state as rollback_state
from lambdas.promotion.runtime.handler import Event, errors_by_name

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    resolution = from_event(event, ResolveEvent)
    execution = resolution.execution
    logger.append_keys(promotion_id=execution.promotion_id)
    request = rules.require_request(resolution.input)
    deployed = settings.deployed()
    application, stage = rules.find_stage(request, deployed)
    target = deployed.environments[stage.environment]
    dynamodb = sessions.own_dynamodb()
    held = lock_store.read(target.endpoint_key(stage.endpoint), dynamodb=dynamodb)
    account = endpoint_viewer_session(stage, target, execution=execution, external_id=deployed.external_id)
    seen = endpoint_client.observe(stage.endpoint, sagemaker=account.sagemaker)
    goal = rollback_state.goal(records.known_good_of(held.last_known_good), seen, stage=stage)
    promotion = _recorded(f"{application.name}/{stage.name}", goal.record_key, dynamodb=dynamodb)
    # What was found out and done on the way there is not taken over.
    again = Promotion(
        request=request,
        execution=execution,
        hub=deployed.hub,
        stage=_without_source_payloads(stage),
        source=deployed.environments.get(promotion.source.name, promotion.source),
        target=target,
        external_id=deployed.external_id,
        deadline=execution.started_at + timedelta(seconds=stage.deadline_seconds),
        model=promotion.model,
        digest=promotion.digest,
        artifacts=promotion.artifacts,
        desired_model=promotion.desired_model,
        desired_config=promotion.desired_config,
        tags=promotion.tags,
        images=promotion.images,
    )
    log_about(again)
    logger.info("Rollback resolved", extra={"to_config": goal.config, "promoted_by": goal.promotion_id})
    return again.to_json()


def _without_source_payloads(stage: Stage) -> Stage:
    """A rollback must not need the source, nor what a smoke test sends from there: both may no longer exist."""
    return replace(stage, smoke_tests=tuple(test for test in stage.smoke_tests if not test.payload.read_in_source))


def _recorded(stage: str, record_key: str, *, dynamodb: DynamoDBClient) -> Promotion:
    record = records.read(stage, record_key, dynamodb=dynamodb)
    promotion = records.promotion_of(record) if record else None
    if promotion is None:
        raise NothingToRollBackTo(
            f"The record {record_key} of {stage}, which the stage would go back to, is missing or was written by a "
            'Promote that this one does not understand. Promote the model by its name, with "allow_older": true.'
        )
    return promotion
