"""Find what a stage is rolled back to: the newest of its last known good promotions that is not in service now."""

from __future__ import annotations

from typing import Any

from lambdas.promotion.aws import sessions
from lambdas.promotion.aws.logs import log_about, logger
from lambdas.promotion.contract import settings
from lambdas.promotion.contract.document import Execution, KnownGood
from lambdas.promotion.contract.step_events import ResolveEvent, from_event
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint.access import endpoint_viewer_session
from lambdas.promotion.endpoint.state import ObservedEndpoint
from lambdas.promotion.lock import store as lock_store
from lambdas.promotion.lock.policy import LockState
from lambdas.promotion.outcome import records
from lambdas.promotion.resolve import approval as approvals
from lambdas.promotion.resolve import start
from lambdas.promotion.resolve.service import Resolution
from lambdas.promotion.rollback import state as rollback_state
from lambdas.promotion.runtime.handler import Event, errors_by_name


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """The answer is the document."""
    started = from_event(event, ResolveEvent)
    logger.append_keys(promotion_id=started.execution.promotion_id)
    resolution = Resolution.of(started, settings.deployed())
    resolution.require_alias(start.alias_of(started.execution, stepfunctions=sessions.own_stepfunctions()))
    stage, target, external_id = resolution.stage, resolution.target, resolution.deployed.external_id
    dynamodb = sessions.own_dynamodb()
    lock = lock_store.read(target.endpoint_key(stage.endpoint), dynamodb=dynamodb)
    account = endpoint_viewer_session(stage, target, execution=started.execution, external_id=external_id)
    observed = endpoint_client.observe(stage.endpoint, sagemaker=account.sagemaker)
    goal = _goal(resolution, lock, observed)
    recorded = records.require_promotion(goal.stage, goal.record_key, dynamodb=dynamodb)
    approval = approvals.require(resolution, recorded.model, promoted_by=goal.promotion_id)
    promotion = resolution.rollback(
        recorded,
        rollback_state.require_verified(goal),
        approval=approval,
        target=rollback_state.target(goal, records.known_good_of(lock.last_known_good), observed),
    )
    log_about(promotion)
    logger.info("Rollback resolved", extra={"to_config": goal.config, "promoted_by": goal.promotion_id})
    return promotion.to_json()


def _goal(resolution: Resolution, lock: LockState, observed: ObservedEndpoint | None) -> KnownGood:
    """Return what the stage is rolled back to. Raises Superseded, InvalidInput or NothingToRollBackTo."""
    request, stage, execution = resolution.request, resolution.stage, resolution.execution
    last_known_good = records.known_good_of(lock.last_known_good)
    goal = rollback_state.goal(last_known_good, observed, stage=stage, to=request.roll_back_to)
    if request.roll_back_to is None:
        configs = [good.config for good in last_known_good]
        rollback_state.require_unchanged_since(
            execution.started_at,
            observed,
            other=_other_owner(lock, execution),
            behind=observed is not None and observed.heading_for in configs[1:],
            stage=stage,
        )
    if observed and not request.accept_drift and rollback_state.has_drifted(last_known_good, observed):
        config = resolution.target.sagemaker_arn("endpoint-config", observed.heading_for)
        stage_key = f"{request.application}/{stage.name}"
        since = last_known_good[0].record_key
        if not records.has_failed_with(config, stage_key, since=since, dynamodb=sessions.own_dynamodb()):
            raise rollback_state.drift(goal, observed, stage=stage)
    return goal


def _other_owner(lock: LockState, execution: Execution) -> str | None:
    """Return the running execution that holds the lock, if it is another."""
    if lock.owner in {None, execution.arn}:
        return None
    running = lock_store.is_running(str(lock.owner), stepfunctions=sessions.own_stepfunctions())
    return lock.owner if running else None
