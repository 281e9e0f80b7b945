"""Who may wait for an endpoint that another promotion has locked, and which model may follow which. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.errors import EndpointBusy, EndpointLocked, OlderModel, Superseded
from lambdas.promotion.contract.settings import WhenLocked

_TIME = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, kw_only=True)
class Waiter:
    """The newest model that waits for the lock, and the execution that does."""

    owner: str
    made_at: datetime


@dataclass(frozen=True, kw_only=True)
class LockState:
    """An endpoint's lock as it was found. `owner` is an execution's ARN, or None if nobody holds it.

    `good`: the endpoint's good promotions as text (records.py).
    """

    owner: str | None = None
    locked_at: str | None = None
    last_known_good: str | None = None
    waiting: Waiter | None = None


def require_may_wait(promotion: Promotion, held: LockState, *, now: datetime) -> None:
    """The stage says whether a promotion waits for another; none waits longer than its deadline.

    Raises EndpointLocked, or EndpointBusy.
    """
    by = f"{promotion.endpoint_in_words} is locked by {held.owner} since {held.locked_at}"
    if promotion.stage.when_locked is WhenLocked.REFUSE:
        raise EndpointLocked(
            f"{by}, and stage {promotion.stage.name!r} is configured to refuse (when_locked). Nothing was changed. "
            "Start again when that promotion has ended."
        )
    if now > promotion.deadline:
        raise EndpointBusy(
            f"{by}, and the deadline of stage {promotion.stage.name!r} ({promotion.deadline:%Y-%m-%d %H:%M} UTC) "
            "passed while this one waited. Nothing was changed. Start again when that promotion has ended."
        )


def allows_older(promotion: Promotion) -> bool:
    """Whether an older model is asked for: it gives way to no newer one, and no other gives way to it."""
    return promotion.request.roll_back or promotion.request.allow_older


def newer_waiter(promotion: Promotion, held: LockState) -> Waiter | None:
    """Return who waits already with a newer model."""
    waiting = held.waiting
    if waiting is None or waiting.owner in {promotion.execution.arn, held.owner}:
        return None
    return waiting if waiting.made_at > promotion.model.made_at else None


def superseded(promotion: Promotion, held: LockState, newer: Waiter) -> Superseded:
    """What a promotion says that gives way."""
    return Superseded(
        f"{promotion.endpoint_in_words} is locked by {held.owner}, and {newer.owner} waits for it with a newer model. "
        f"Of those that wait the newest wins in stage {promotion.stage.name!r} (when_locked), and this one changed "
        "nothing. There is nothing to do, unless the newer one fails: then start this one again."
    )


def require_not_older(promotion: Promotion) -> None:
    """A model does not overtake a newer one that was promoted, unless that is asked for."""
    serving = promotion.lock.current if promotion.lock else None
    if allows_older(promotion) or serving is None:
        return
    if promotion.model.made_at < serving.made_at:
        raise OlderModel(
            f"{promotion.model.arn} was made at {promotion.model.made_at:{_TIME}} UTC, and "
            f"{promotion.endpoint_in_words} serves {serving.model}, whose model was made later, at "
            f"{serving.made_at:{_TIME}} UTC (promotion {serving.promotion_id}). To go back to the older one, ask for "
            'it: "allow_older": true, or "roll_back": true without a model.'
        )
