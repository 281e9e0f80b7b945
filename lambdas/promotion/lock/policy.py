"""Which promotion may wait for a locked endpoint, and which model may follow which. Pure: no AWS calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lambdas.promotion.contract.document import Promotion, Request
from lambdas.promotion.contract.errors import EndpointBusy, EndpointLocked, OlderModel, Superseded
from lambdas.promotion.contract.settings import WhenLocked

_TIME = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, kw_only=True)
class Waiter:
    """An execution that waits for the lock, and the time at which its model was created."""

    owner: str
    made_at: datetime


@dataclass(frozen=True, kw_only=True)
class LockState:
    """An endpoint's lock as it was read. `owner` is an execution's ARN, or None if no execution holds it.

    `last_known_good`: the endpoint's last known good promotions as text (records.py). `waiting`: the execution with
    the newest model that waits.
    """

    owner: str | None = None
    locked_at: str | None = None
    last_known_good: str | None = None
    waiting: Waiter | None = None


def require_may_wait(promotion: Promotion, held: LockState, *, now: datetime) -> None:
    """The stage configures whether a promotion waits for another; none waits longer than its deadline.

    Raises EndpointLocked, or EndpointBusy.
    """
    locked = f"{promotion.endpoint_in_words} has been locked by {held.owner} since {held.locked_at}"
    if promotion.stage.when_locked is WhenLocked.REFUSE:
        raise EndpointLocked(
            f"{locked}, and stage {promotion.stage.name!r} is configured to refuse (when_locked). Nothing was changed. "
            "Start again after that promotion has finished."
        )
    if now > promotion.deadline:
        raise EndpointBusy(
            f"{locked}, and the {promotion.deadline_in_words} passed while this one waited. Nothing was changed. "
            "Start again after that promotion has finished."
        )


def allows_older(request: Request) -> bool:
    """Whether the request is for an older model: it yields to no newer one, and no other yields to it."""
    return request.roll_back or request.allow_older


def newer_waiter(waiter: Waiter, held: LockState) -> Waiter | None:
    """Return the execution that already waits with a newer model than `waiter`'s, if there is one."""
    waiting = held.waiting
    if waiting is None or waiting.owner in {waiter.owner, held.owner}:
        return None
    return waiting if waiting.made_at > waiter.made_at else None


def superseded(promotion: Promotion, held: LockState, newer: Waiter) -> Superseded:
    """Return the error of a promotion that yields to a newer one."""
    return Superseded(
        f"{promotion.endpoint_in_words} is locked by {held.owner}, and {newer.owner} waits for the lock with a newer "
        f"model. Stage {promotion.stage.name!r} promotes the newest model that waits (when_locked: newest_wins), and "
        "this promotion changed nothing. No action required, unless the newer one fails: then start this one again."
    )


def require_not_older(promotion: Promotion) -> None:
    """A model does not replace a newer one that was promoted, unless the request allows it. Raises OlderModel."""
    current = promotion.current
    if allows_older(promotion.request) or current is None:
        return
    if promotion.model.made_at < current.made_at:
        raise OlderModel(
            f"{promotion.model.arn} was created at {promotion.model.made_at:{_TIME}} UTC, and "
            f"{promotion.endpoint_in_words} has {current.model} in service, whose model is newer: created at "
            f"{current.made_at:{_TIME}} UTC (promotion {current.promotion_id}). To promote the older model, set "
            '"allow_older": true; to roll back, set "roll_back": true without a model.'
        )
