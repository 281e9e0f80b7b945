"""How an endpoint rolls back to its configuration before a promotion that failed. Pure: no AWS calls.

The step reconciles: each invocation observes the endpoint and does the next action, one at a time, so it can be
terminated and retried at any moment.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from lambdas.promotion.contract.document import (
    KnownGood,
    Promotion,
    Rollback,
    RollbackProgress,
    RollbackTarget,
    VerifiedCopies,
)
from lambdas.promotion.contract.errors import (
    InvalidInput,
    NothingToRollBackTo,
    RollbackFailed,
    SmokeTestFailed,
    Superseded,
)
from lambdas.promotion.contract.settings import FirstDeployment, Stage
from lambdas.promotion.contract.time_limits import LONGEST_ROLLBACK
from lambdas.promotion.endpoint.state import ObservedEndpoint
from lambdas.promotion.rollback import capacity

# An update back lasts minutes to hours. One that SageMaker has reverted or refused this often needs a person.
MOST_ATTEMPTS = 3
_IN_PROGRESS = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}


class Action(enum.Enum):
    """The next action on the endpoint."""

    NOTHING = enum.auto()
    UPDATE = enum.auto()
    CREATE = enum.auto()
    DELETE = enum.auto()
    RESTORE_CAPACITY = enum.auto()


def previous_config(promotion: Promotion) -> str | None:
    """Return the endpoint's configuration before the promotion; None if there was no endpoint.

    If the endpoint already had our configuration, it is the last known good one of the record, if that is another.
    """
    if not _had_our_config(promotion):
        return promotion.change.previous_config if promotion.change else None
    current = promotion.lock.current if promotion.lock else None
    return current.config if current and current.config != promotion.desired_config.name else None


def goal(
    last_known_good: Sequence[KnownGood], observed: ObservedEndpoint | None, *, stage: Stage, to: str | None = None
) -> KnownGood:
    """Return the last known good promotion with the id `to`; without it, the one before the one in service.

    If none of them is in service, that is the newest. A promotion newer than the one in service was abandoned, even if
    that could not be recorded. Raises NothingToRollBackTo.
    """
    if to is not None:
        return _named(last_known_good, to, stage=stage)
    configs = [promotion.config for promotion in last_known_good]
    index = configs.index(observed.heading_for) + 1 if observed and observed.heading_for in configs else 0
    if index < len(last_known_good):
        return last_known_good[index]
    raise NothingToRollBackTo(
        f"No last-known-good promotion to stage {stage.name!r} is recorded that is earlier than the current deployment "
        f"of the endpoint {stage.endpoint}{f' ({observed.heading_for})' if observed else ''}. Promote the desired "
        'model by its name, with "allow_older": true if it is an older one.'
    )


def _named(last_known_good: Sequence[KnownGood], promotion_id: str, *, stage: Stage) -> KnownGood:
    for good in last_known_good:
        if good.promotion_id == promotion_id:
            return good
    existing = ", ".join(f"{good.promotion_id} ({good.ended_at:%Y-%m-%d %H:%M} UTC)" for good in last_known_good)
    raise NothingToRollBackTo(
        f"No last-known-good promotion to stage {stage.name!r} has the id {promotion_id!r} (roll_back_to). These are "
        f"recorded, the newest first: {existing or 'none'}."
    )


def target(goal: KnownGood, last_known_good: Sequence[KnownGood], observed: ObservedEndpoint | None) -> RollbackTarget:
    """Return from what to what the endpoint is rolled back."""
    current = observed.heading_for if observed else None
    return RollbackTarget(
        to_promotion=goal.promotion_id,
        to_config=goal.config,
        from_promotion=next((good.promotion_id for good in last_known_good if good.config == current), None),
        from_config=current,
    )


def has_drifted(last_known_good: Sequence[KnownGood], observed: ObservedEndpoint | None) -> bool:
    """Whether the endpoint serves, or is updated to, what none of its last known good promotions brought."""
    return observed is not None and observed.heading_for not in {good.config for good in last_known_good}


def drift(goal: KnownGood, observed: ObservedEndpoint, *, stage: Stage) -> InvalidInput:
    """Return the error of a rollback from what no promotion recorded: a person may have put it there with reason."""
    return InvalidInput(
        f"The endpoint {stage.endpoint} serves {observed.heading_for}, which no promotion of stage {stage.name!r} has "
        f"recorded since {goal.config} (promotion {goal.promotion_id}) was last known good: another principal changed "
        f'it. To roll back to {goal.config}, add "accept_drift": true; "roll_back_to" names another promotion.'
    )


def require_unchanged_since(
    started_at: datetime, observed: ObservedEndpoint | None, *, other: str | None, behind: bool, stage: Stage
) -> None:
    """A rollback goes back from what served when it was started, and not one further. Raises Superseded.

    `other`: the running execution that holds the endpoint's lock; `behind`: the endpoint serves an earlier promotion
    than the last that was recorded.
    """
    again = "Nothing was changed. Check the current deployment, then start the rollback again."
    if other and behind and observed:
        raise Superseded(
            f"The endpoint {stage.endpoint} is being rolled back to {observed.heading_for} by {other}. {again}"
        )
    if observed and observed.modified_at > started_at:
        raise Superseded(
            f"The endpoint {stage.endpoint} was changed at {observed.modified_at:%Y-%m-%d %H:%M:%S} UTC, after this "
            f"rollback was started. {again}"
        )


def require_verified(goal: KnownGood) -> VerifiedCopies:
    """Return the copies of the model to roll back to, with which it is compared first. Raises NothingToRollBackTo."""
    if goal.verified is None:
        raise NothingToRollBackTo(
            f"The promotion {goal.promotion_id} of {goal.stage}, which the stage would go back to, has no list of "
            "verified copies, so nothing can tell whether its artifacts are unchanged. Promote the model by its name, "
            'with "allow_older": true.'
        )
    return goal.verified


def copies_of_previous(promotion: Promotion, rollback: Rollback) -> VerifiedCopies | None:
    """Return the copies of the model that the rollback puts in service again; None if no promotion verified them."""
    known_good = promotion.lock.last_known_good if promotion.lock else ()
    return next((good.verified for good in known_good if good.config == rollback.to_config), None)


def require_same_goal(promotion: Promotion, observed: ObservedEndpoint | None) -> None:
    """The resolved rollback target must still be the goal now that the endpoint is locked. Raises Superseded."""
    request = promotion.request
    if not request.roll_back or (request.dry_run and promotion.lock is None):
        return
    last_known_good = promotion.lock.last_known_good if promotion.lock else ()
    try:
        config = goal(last_known_good, observed, stage=promotion.stage, to=request.roll_back_to).config
    except NothingToRollBackTo:
        config = None
    if config != promotion.desired_config.name:
        raise Superseded(
            f"{promotion.endpoint_in_words} was changed or rolled back by another promotion while this one waited: "
            f"{promotion.desired_config.name} is no longer the configuration before its current deployment. Nothing "
            "was changed. Check the current deployment, then start the rollback again."
        )


def begin(promotion: Promotion, *, now: datetime) -> Rollback:
    """Return the rollback that is in progress, or a new one."""
    return promotion.rollback or Rollback(
        progress=RollbackProgress.BUSY, began_at=now, to_config=previous_config(promotion)
    )


def with_reason(rollback: Rollback, observed: ObservedEndpoint | None) -> Rollback:
    """Keep what SageMaker reports of an attempt: it may report it only while it reverts the update."""
    if rollback.attempts and observed and observed.failure_reason:
        return replace(rollback, reason=observed.reason)
    return rollback


def next_action(  # noqa: PLR0911 - one result for each state
    promotion: Promotion, rollback: Rollback, observed: ObservedEndpoint | None, *, again: bool, error_name: str
) -> tuple[Action, RollbackProgress]:
    """Return the next action. `again`: an earlier invocation of the step may have had an effect already.

    `error_name` is the name of the error that caused the rollback. An endpoint that had our configuration before this
    promotion was not changed by it: only a model that fails its smoke test is replaced, and only by one that is a last
    known good.
    """
    if _had_our_config(promotion) and (rollback.to_config is None or error_name != SmokeTestFailed.__name__):
        return Action.NOTHING, RollbackProgress.SKIPPED
    polled_before = again or rollback.poll_count > 0
    if observed is None:
        deleted = again or rollback.deleting
        return _without_endpoint(promotion, rollback, deleted=deleted, polled_before=polled_before)
    if observed.status == "Deleting":
        return Action.NOTHING, RollbackProgress.BUSY
    if not _is_ours(promotion, rollback, observed):
        return Action.NOTHING, RollbackProgress.SKIPPED
    if observed.status in _IN_PROGRESS or observed.pending_config:
        return Action.NOTHING, RollbackProgress.BUSY
    if observed.status == "InService" and observed.config == rollback.to_config:
        return _after_return(promotion, rollback, observed, polled_before=polled_before)
    if rollback.to_config is None and promotion.stage.failed_first_deployment is FirstDeployment.KEEP:
        return Action.NOTHING, RollbackProgress.KEPT
    if rollback.to_config and rollback.recreated and observed.status == "Failed":
        raise RollbackFailed(
            f"{promotion.endpoint_in_words} was deleted, because it was Failed, and recreated with its previous "
            f"configuration {rollback.to_config}, which is Failed as well. {observed.reason} No model is in service."
        )
    if rollback.to_config is None or observed.status == "Failed":
        return Action.DELETE, RollbackProgress.IN_PROGRESS
    _require_attempts_left(promotion, rollback, f"is {observed.status} on {observed.heading_for}")
    return Action.UPDATE, RollbackProgress.IN_PROGRESS


def _had_our_config(promotion: Promotion) -> bool:
    return promotion.change is not None and promotion.change.previous_config == promotion.desired_config.name


def _without_endpoint(
    promotion: Promotion, rollback: Rollback, *, deleted: bool, polled_before: bool
) -> tuple[Action, RollbackProgress]:
    if rollback.to_config is None:
        if deleted:
            return Action.NOTHING, RollbackProgress.DELETED
        # A response right after a creation may be stale.
        return Action.NOTHING, RollbackProgress.NOT_NEEDED if polled_before else RollbackProgress.BUSY
    if not deleted:  # a rollback to a previous configuration deletes only a Failed endpoint
        return Action.NOTHING, RollbackProgress.SKIPPED
    _require_attempts_left(promotion, rollback, "was deleted, because it was Failed, and no model is in service")
    return Action.CREATE, RollbackProgress.IN_PROGRESS


def _require_attempts_left(promotion: Promotion, rollback: Rollback, state: str, *, most: int = MOST_ATTEMPTS) -> None:
    if rollback.attempts >= most:
        raise RollbackFailed(
            f"{promotion.endpoint_in_words} {state}: {rollback.attempts} attempts to roll it back to "
            f"{rollback.to_config} failed. {rollback.reason or 'SageMaker reports no reason.'} Update the endpoint to "
            "a last known good configuration immediately."
        )


def _is_ours(promotion: Promotion, rollback: Rollback, observed: ObservedEndpoint) -> bool:
    """Whether this promotion updates the endpoint from the previous configuration to ours, or back."""
    if observed.heading_for == promotion.desired_config.name:
        return True
    requested = bool(promotion.change and promotion.change.requested)
    if not observed.config and not observed.pending_config:
        return requested  # a creation that failed has no configuration (API: DescribeEndpoint)
    return observed.heading_for == rollback.to_config and (
        requested or observed.status not in {"Failed", "OutOfService"}
    )


def _after_return(
    promotion: Promotion, rollback: Rollback, observed: ObservedEndpoint, *, polled_before: bool
) -> tuple[Action, RollbackProgress]:
    before = promotion.change.previous_modified_at if promotion.change else None
    if before is not None and observed.modified_at <= before:
        # The endpoint has not been changed, or the response is stale.
        return Action.NOTHING, RollbackProgress.NOT_NEEDED if polled_before else RollbackProgress.BUSY
    if not observed.counts_settled:
        return Action.NOTHING, RollbackProgress.BUSY
    lost = capacity.lost(promotion, rollback, observed)
    if not lost:
        return Action.NOTHING, RollbackProgress.DONE
    _require_attempts_left(
        promotion,
        rollback,
        f"has its previous configuration in service, but not its previous capacity ({capacity.as_text(lost)})",
        most=MOST_ATTEMPTS + len(observed.capacities),
    )
    return Action.RESTORE_CAPACITY, RollbackProgress.IN_PROGRESS


def require_time_left(promotion: Promotion, rollback: Rollback, state: str, *, now: datetime) -> None:
    """A rollback is observed for hours, not indefinitely; `state` is that of the endpoint. Raises RollbackFailed."""
    if now > rollback.began_at + LONGEST_ROLLBACK:
        raise RollbackFailed(
            f"{promotion.endpoint_in_words} {state} {LONGEST_ROLLBACK.total_seconds() / 3600:.0f} hours after the "
            f"rollback to {rollback.to_config} began. {rollback.reason}".rstrip()
        )


def endpoint_summary(
    promotion: Promotion, rollback: Rollback, progress: RollbackProgress, observed: ObservedEndpoint | None
) -> str:
    """Describe as text what is in service after the rollback."""
    endpoint = promotion.endpoint_in_words
    if progress is RollbackProgress.SKIPPED and _had_our_config(promotion):
        no_target = "" if rollback.to_config else " No other last-known-good promotion is recorded to roll back to."
        return (
            f"{endpoint} had {promotion.desired_config.name} in service before this promotion and was left unchanged."
            f"{no_target}"
        )
    known_good = [good.config for good in promotion.lock.last_known_good] if promotion.lock else []
    unverified = (
        "" if rollback.to_config in known_good else " It is not a last known good configuration: verify its responses."
    )
    return {
        RollbackProgress.DONE: f"{endpoint} has its previous configuration {rollback.to_config} in service."
        f"{unverified}",
        RollbackProgress.DELETED: f"{endpoint} does not exist: it did not exist before this promotion.",
        RollbackProgress.KEPT: f"{endpoint} was created by this promotion and is kept "
        f"(failed_first_deployment: keep), {observed.status if observed else ''} on {promotion.desired_config.name}.",
        RollbackProgress.NOT_NEEDED: f"{endpoint} was not changed.",
        RollbackProgress.SKIPPED: f"{endpoint} was left unchanged, "
        + (f"{observed.status} on {observed.heading_for}" if observed else "deleted")
        + ": another principal changed it.",
    }.get(progress, "")
