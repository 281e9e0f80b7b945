"""Bring the endpoint back to what it served before this promotion, one action at a time, until that serves again."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.artifacts import verified_copies
from lambdas.promotion.aws.logs import logger
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Promotion, Rollback, RollbackProgress
from lambdas.promotion.contract.errors import ArtifactMismatch, NotYetVisible, RollbackFailed, Transient
from lambdas.promotion.contract.step_events import RollBackEvent
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint.access import deployer_session
from lambdas.promotion.endpoint.state import ObservedEndpoint
from lambdas.promotion.rollback import capacity
from lambdas.promotion.rollback import state as rollback_state
from lambdas.promotion.rollback.state import Action
from lambdas.promotion.runtime.handler import hub_s3, now, step_with_event

_UNFINISHED = {RollbackProgress.BUSY, RollbackProgress.IN_PROGRESS, RollbackProgress.BLOCKED_BY_SCALING}


@step_with_event(RollBackEvent)
def handler(event: RollBackEvent) -> Promotion:
    promotion = event.promotion
    rollback = rollback_state.begin(promotion, now=now())
    account = deployer_session(promotion, also_config=rollback.to_config)
    try:
        observed = endpoint_client.observe(promotion.stage.endpoint, sagemaker=account.sagemaker)
    except Transient as error:
        rollback_state.require_time_left(promotion, rollback, f"cannot be described ({error})", now=now())
        return replace(promotion, rollback=replace(rollback, progress=RollbackProgress.BUSY))
    action, progress = rollback_state.next_action(
        promotion, rollback, observed, again=event.retry_count > 0, error_name=event.error_name
    )
    if progress in _UNFINISHED:
        state = f"is still {observed.status} on {observed.heading_for}" if observed else "still does not exist"
        rollback_state.require_time_left(promotion, rollback, state, now=now())
    rollback = rollback_state.with_reason(rollback, observed)
    rollback = _act(action, promotion, replace(rollback, progress=progress), observed, account)
    logger.info(
        "Rollback polled",
        extra={"to_config": rollback.to_config, "action": action.name, "progress": rollback.progress},
    )
    summary = rollback_state.endpoint_summary(promotion, rollback, rollback.progress, observed)
    return replace(
        promotion,
        rollback=replace(
            rollback,
            endpoint_summary=summary,
            poll_count=rollback.poll_count + 1,
            deleting=rollback.deleting or action is Action.DELETE,
            recreated=rollback.recreated or action is Action.CREATE,
        ),
    )


def _act(
    action: Action, promotion: Promotion, rollback: Rollback, observed: ObservedEndpoint | None, account: RoleSession
) -> Rollback:
    """Do the action, and count it as an attempt if SageMaker accepts it or misses something that it needs.

    What a rollback needs was created long ago: what is missing was deleted, and does not become visible.
    """
    if action is Action.NOTHING:
        return rollback
    if action is not Action.DELETE:
        _require_as_verified(promotion, rollback, account)
    try:
        progress = _call(action, promotion, rollback, observed, account)
    except NotYetVisible as error:
        return replace(
            rollback,
            progress=RollbackProgress.BUSY,
            attempts=rollback.attempts + 1,
            reason=f"SageMaker reports: {error.__cause__}",
        )
    attempted = progress is RollbackProgress.IN_PROGRESS and action is not Action.DELETE
    return replace(rollback, progress=progress, attempts=rollback.attempts + attempted)


def _require_as_verified(promotion: Promotion, rollback: Rollback, account: RoleSession) -> None:
    """New instances load the previous model's copies again: they must be those that were verified.

    Raises RollbackFailed.
    """
    verified = rollback_state.copies_of_previous(promotion, rollback)
    if verified is None:
        return
    try:
        verified_copies.require_unchanged(
            verified, promotion.target.account, promotion.hub, hub_s3=hub_s3(), s3=account.s3
        )
    except ArtifactMismatch as error:
        raise RollbackFailed(
            f"{promotion.endpoint_in_words} was not rolled back to {rollback.to_config}. {error}"
        ) from error


def _call(
    action: Action, promotion: Promotion, rollback: Rollback, observed: ObservedEndpoint | None, account: RoleSession
) -> RollbackProgress:
    stage, config, sagemaker = promotion.stage, str(rollback.to_config), account.sagemaker
    suspended = promotion.scaling_is_suspended
    if action is Action.DELETE:
        return endpoint_client.delete(stage.endpoint, sagemaker=sagemaker, scaling_suspended=suspended)
    if action is Action.CREATE:
        return RollbackProgress(endpoint_client.create(stage.endpoint, config, promotion.tags, sagemaker=sagemaker))
    if action is Action.RESTORE_CAPACITY and observed:
        first = capacity.lost(promotion, rollback, observed)[0]
        return endpoint_client.restore_capacity(stage.endpoint, first, sagemaker=sagemaker)
    return endpoint_client.roll_back(
        stage.endpoint,
        config,
        live_config=observed.config if observed else "",
        not_retained=capacity.from_config(stage),
        sagemaker=sagemaker,
        scaling_suspended=suspended,
    )
