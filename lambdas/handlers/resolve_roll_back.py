"""Find out what a stage is to go back to: its newest good promotion by the record that does not serve now."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lambdas.promotion.aws import sessions
from lambdas.promotion.aws.logs import log_about, logger
from lambdas.promotion.contract import settings
from lambdas.promotion.contract.document import Execution, Promotion
from lambdas.promotion.contract.errors import NothingToRollBackTo
from lambdas.promotion.contract.settings import Stage
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint.access import as_onlooker
from lambdas.promotion.lock import store as lock_store
from lambdas.promotion.outcome import records
from lambdas.promotion.resolve import request as rules
from lambdas.promotion.rollback import state as rollback_state
from lambdas.promotion.runtime.handler import Event, errors_by_name

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """The event is {"input": what the execution was started with, "execution": {"arn", "started_at"}}."""
    execution = Execution.from_json(event["execution"])
    logger.append_keys(promotion_id=execution.promotion_id)
    request = rules.require_request(event["input"])
    deployed = settings.deployed()
    application, stage = rules.find_stage(request, deployed)
    target = deployed.environments[stage.environment]
    dynamodb = sessions.own_dynamodb()
    held = lock_store.look(target.endpoint_key(stage.endpoint), dynamodb=dynamodb)
    account = as_onlooker(stage, target, execution=execution, external_id=deployed.external_id)
    seen = endpoint_client.see(stage.endpoint, sagemaker=account.sagemaker)
    goal = rollback_state.goal(records.good_of(held.good), seen, stage=stage)
    promotion = _recorded(f"{application.name}/{stage.name}", goal.attempt, dynamodb=dynamodb)
    # What was found out and done on the way there is not taken over.
    again = Promotion(
        request=request,
        execution=execution,
        hub=deployed.hub,
        stage=_without_the_source(stage),
        source=deployed.environments.get(promotion.source.name, promotion.source),
        target=target,
        external_id=deployed.external_id,
        deadline=execution.started_at + timedelta(seconds=stage.deadline_seconds),
        model=promotion.model,
        digest=promotion.digest,
        artifacts=promotion.artifacts,
        wanted_model=promotion.wanted_model,
        wanted_config=promotion.wanted_config,
        tags=promotion.tags,
        images=promotion.images,
    )
    log_about(again)
    logger.info("Going back", extra={"to": goal.config, "promoted_by": goal.promotion_id})
    return again.to_json()


def _without_the_source(stage: Stage) -> Stage:
    """Going back must not need what lies in the source, nor what a smoke test sends from there: it may be gone."""
    return replace(stage, smoke_tests=tuple(test for test in stage.smoke_tests if not test.payload.read_in_source))


def _recorded(stage: str, attempt: str, *, dynamodb: DynamoDBClient) -> Promotion:
    record = records.read(stage, attempt, dynamodb=dynamodb)
    promotion = records.promotion_of(record) if record else None
    if promotion is None:
        raise NothingToRollBackTo(
            f"The record {attempt} of {stage}, which the stage would go back to, is missing or was written by a "
            'Promote that this one does not understand. Promote the model by its name, with "allow_older": true.'
        )
    return promotion
