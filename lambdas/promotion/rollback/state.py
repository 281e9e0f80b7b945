"""How an endpoint gets back to what it served before a promotion that failed. Pure.

The step asks again and again; each time it sees the endpoint and does the one thing that comes next, so it can be
killed and run again at any moment.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime

from lambdas.promotion.contract.document import KnownGood, Promotion, Rollback, RollbackProgress
from lambdas.promotion.contract.errors import NothingToRollBackTo, RollbackFailed, SmokeTestFailed, Superseded
from lambdas.promotion.contract.settings import FirstDeployment, Stage
from lambdas.promotion.contract.time_limits import LONGEST_ROLLBACK
from lambdas.promotion.endpoint.state import ObservedEndpoint

_IN_PROGRESS = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}


class Action(enum.Enum):
    """What is to be done with the endpoint now."""

    NOTHING = enum.auto()
    UPDATE = enum.auto()
    CREATE = enum.auto()
    DELETE = enum.auto()


def previous_config(promotion: Promotion) -> str | None:
    """Return what the endpoint served before; None if there was no endpoint.

    If it served our configuration already, it is the last good one by the record, if that is another.
    """
    if not _served_before(promotion):
        return promotion.change.previous_config if promotion.change else None
    serving = promotion.lock.current if promotion.lock else None
    return serving.config if serving and serving.config != promotion.desired_config.name else None


def goal(good: Sequence[KnownGood], seen: ObservedEndpoint | None, *, stage: Stage) -> KnownGood:
    """Return the good promotion before the one that the endpoint serves now, or the newest if it serves none of them.

    What is newer than what serves was left behind, even if that could not be noted. Raises NothingToRollBackTo.
    """
    configs = [one.config for one in good]
    at = configs.index(seen.heading_for) + 1 if seen and seen.heading_for in configs else 0
    if at < len(good):
        return good[at]
    raise NothingToRollBackTo(
        f"The record knows no earlier good promotion to stage {stage.name!r} than what the endpoint {stage.endpoint} "
        f"serves{f' ({seen.heading_for})' if seen else ''}. Promote the model that is to serve by its name, with "
        '"allow_older": true if it is an older one.'
    )


def require_same_goal(promotion: Promotion, seen: ObservedEndpoint | None) -> None:
    """What was to be gone back to must still be the goal now that the endpoint is locked. Raises Superseded."""
    if not promotion.request.roll_back:
        return
    good = promotion.lock.last_known_good if promotion.lock else ()
    try:
        now = goal(good, seen, stage=promotion.stage).config
    except NothingToRollBackTo:
        now = None
    if now != promotion.desired_config.name:
        raise Superseded(
            f"{promotion.endpoint_in_words} was changed or rolled back by another promotion while this one waited: "
            f"{promotion.desired_config.name} is not what comes before what it serves now. Nothing was changed. "
            "Look at what serves, and ask again."
        )


def begin(promotion: Promotion, *, now: datetime) -> Rollback:
    """Return the roll-back as it is known, or a new one."""
    return promotion.rollback or Rollback(
        progress=RollbackProgress.BUSY, began_at=now, to_config=previous_config(promotion)
    )


def next_action(  # noqa: PLR0911 - an answer for each state
    promotion: Promotion, known: Rollback, seen: ObservedEndpoint | None, *, again: bool, error_name: str
) -> tuple[Action, RollbackProgress]:
    """Say what comes next. `again`: an earlier run of the step may have had an effect already.

    `because` is the name of the error that leads here. What served our configuration before this promotion came is not
    its doing: only a model that answers wrongly is taken away, and only for one that is known to be good.
    """
    if _served_before(promotion) and (known.to_config is None or error_name != SmokeTestFailed.__name__):
        return Action.NOTHING, RollbackProgress.SKIPPED
    polled_before = again or known.poll_count > 0
    if seen is None:
        return _without_endpoint(known, deleted=again or known.deleting, polled_before=polled_before)
    if seen.status == "Deleting":
        return Action.NOTHING, RollbackProgress.BUSY
    if not _is_ours(promotion, known, seen):
        return Action.NOTHING, RollbackProgress.SKIPPED
    if seen.status in _IN_PROGRESS or seen.pending_config:
        return Action.NOTHING, RollbackProgress.BUSY
    if seen.status == "InService" and seen.config == known.to_config:
        return Action.NOTHING, _after_return(promotion, seen, polled_before=polled_before)
    if known.to_config is None and promotion.stage.failed_first_deployment is FirstDeployment.KEEP:
        return Action.NOTHING, RollbackProgress.KEPT
    if known.to_config and known.recreated and seen.status == "Failed":
        raise RollbackFailed(
            f"{promotion.endpoint_in_words} was deleted, because it was Failed, and made anew with its previous "
            f"configuration {known.to_config}, and that is Failed as well. {seen.reason} Nothing serves."
        )
    if known.to_config is None or seen.status == "Failed":
        return Action.DELETE, RollbackProgress.IN_PROGRESS
    return Action.UPDATE, RollbackProgress.IN_PROGRESS


def _served_before(promotion: Promotion) -> bool:
    return promotion.change is not None and promotion.change.previous_config == promotion.desired_config.name


def _without_endpoint(known: Rollback, *, deleted: bool, polled_before: bool) -> tuple[Action, RollbackProgress]:
    if known.to_config is None:
        if deleted:
            return Action.NOTHING, RollbackProgress.DELETED
        # An answer right after a creation may be from before it.
        return Action.NOTHING, RollbackProgress.NOT_NEEDED if polled_before else RollbackProgress.BUSY
    # Only a Failed endpoint is deleted on the way to its previous configuration.
    return (Action.CREATE, RollbackProgress.IN_PROGRESS) if deleted else (Action.NOTHING, RollbackProgress.SKIPPED)


def _is_ours(promotion: Promotion, known: Rollback, seen: ObservedEndpoint) -> bool:
    """Whether the endpoint is on the way from the previous configuration to ours, or back, by this promotion."""
    if seen.heading_for == promotion.desired_config.name:
        return True
    requested = bool(promotion.change and promotion.change.requested)
    if not seen.config and not seen.pending_config:
        return requested  # a creation that failed has no configuration (API: DescribeEndpoint)
    return seen.heading_for == known.to_config and (requested or seen.status not in {"Failed", "OutOfService"})


def _after_return(promotion: Promotion, seen: ObservedEndpoint, *, polled_before: bool) -> RollbackProgress:
    before = promotion.change.previous_modified_at if promotion.change else None
    if before is not None and seen.modified_at <= before:
        # Nothing has happened to it, or the answer is from before it did.
        return RollbackProgress.NOT_NEEDED if polled_before else RollbackProgress.BUSY
    return RollbackProgress.DONE if seen.counts_settled else RollbackProgress.BUSY


def require_time_left(promotion: Promotion, known: Rollback, seen: ObservedEndpoint | None, *, now: datetime) -> None:
    """A roll-back is watched for hours, but not for ever. Raises RollbackFailed."""
    if now > known.began_at + LONGEST_ROLLBACK:
        raise RollbackFailed(
            f"{promotion.endpoint_in_words} is still {seen.status if seen else 'not there'} "
            f"{LONGEST_ROLLBACK.total_seconds() / 3600:.0f} hours after its roll-back to {known.to_config} began."
        )


def endpoint_summary(
    promotion: Promotion, known: Rollback, progress: RollbackProgress, seen: ObservedEndpoint | None
) -> str:
    """Say for a person what the endpoint serves after the roll-back."""
    where = promotion.endpoint_in_words
    if progress is RollbackProgress.SKIPPED and _served_before(promotion):
        none = "" if known.to_config else " The record knows no other good promotion to go back to."
        return (
            f"{where} served {promotion.desired_config.name} before this promotion came, and was left as it is.{none}"
        )
    good = [one.config for one in promotion.lock.last_known_good] if promotion.lock else []
    unknown = "" if known.to_config in good else " No good promotion of that is known: see that it answers well."
    return {
        RollbackProgress.DONE: f"{where} serves its previous configuration {known.to_config}.{unknown}",
        RollbackProgress.DELETED: f"{where} does not exist: it served nothing before this promotion.",
        RollbackProgress.KEPT: f"{where} was made by this promotion and is kept as configured "
        f"(failed_first_deployment: keep), {seen.status if seen else ''} on {promotion.desired_config.name}.",
        RollbackProgress.NOT_NEEDED: f"{where} was not changed.",
        RollbackProgress.SKIPPED: f"{where} was left as it is, "
        + (f"{seen.status} on {seen.heading_for}" if seen else "deleted")
        + ": that is somebody else's doing.",
    }.get(progress, "")
