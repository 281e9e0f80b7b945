"""Which promotion may wait for a locked endpoint, and which model may follow which."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from lambdas.promotion.contract.document import Lock, Request
from lambdas.promotion.contract.errors import EndpointBusy, EndpointLocked, OlderModel
from lambdas.promotion.contract.settings import WhenLocked
from lambdas.promotion.lock import policy as lock_policy
from lambdas.promotion.lock.policy import LockState, Waiter
from tests.unit.builders import BEGUN, REQUEST, STAGE, TRAINED, good, promotion

OTHER = "arn:aws:states:us-east-1:111111111111:execution:promote:release-6"
THIRD = "arn:aws:states:us-east-1:111111111111:execution:promote:release-8"
HELD = LockState(owner=OTHER, locked_at="2026-11-01T11:59:00.000Z")
WAITS = promotion()
WAITER = Waiter(owner=WAITS.execution.arn, made_at=WAITS.model.made_at)
REFUSES = promotion(stage=replace(STAGE, when_locked=WhenLocked.REFUSE))


def test_a_promotion_of_a_locked_endpoint_waits_until_the_deadline() -> None:
    lock_policy.require_may_wait(WAITS, HELD, now=WAITS.deadline)
    with pytest.raises(EndpointBusy, match=r"release-6 since 2026-11-01T11:59.*Nothing was changed"):
        lock_policy.require_may_wait(WAITS, HELD, now=WAITS.deadline + timedelta(seconds=1))


def test_a_stage_may_refuse_immediately() -> None:
    with pytest.raises(EndpointLocked, match=r"release-6.*configured to refuse"):
        lock_policy.require_may_wait(REFUSES, HELD, now=BEGUN)


def waiting(owner: str, *, newer_by: float) -> LockState:
    return replace(HELD, waiting=Waiter(owner=owner, made_at=TRAINED + timedelta(seconds=newer_by)))


def test_a_promotion_yields_to_a_newer_model_that_waits() -> None:
    assert lock_policy.newer_waiter(WAITER, waiting(THIRD, newer_by=1)) == waiting(THIRD, newer_by=1).waiting


@pytest.mark.parametrize("seconds", [-1, 0])
def test_a_promotion_does_not_yield_to_a_model_that_is_not_newer(seconds: float) -> None:
    assert lock_policy.newer_waiter(WAITER, waiting(THIRD, newer_by=seconds)) is None


@pytest.mark.parametrize("owner", [WAITS.execution.arn, OTHER])
def test_a_promotion_yields_neither_to_itself_nor_to_the_holder(owner: str) -> None:
    assert lock_policy.newer_waiter(WAITER, waiting(owner, newer_by=1)) is None


def after(*, newer_by: float) -> Lock:
    return Lock(fence=3, last_known_good=(good(made_at=TRAINED + timedelta(seconds=newer_by)),))


def test_an_older_model_does_not_replace_a_newer_one() -> None:
    with pytest.raises(OlderModel, match=r"release-6.*allow_older"):
        lock_policy.require_not_older(promotion(lock=after(newer_by=1)))


@pytest.mark.parametrize("seconds", [-1, 0])
def test_a_model_that_is_newer_or_the_same_may_follow(seconds: float) -> None:
    lock_policy.require_not_older(promotion(lock=after(newer_by=seconds)))


def test_only_the_last_promotion_counts() -> None:
    """After a rollback the newer model that was abandoned blocks no promotion."""
    lock = Lock(
        fence=3, last_known_good=(good(made_at=TRAINED - timedelta(days=2)), good(made_at=TRAINED + timedelta(days=2)))
    )
    lock_policy.require_not_older(promotion(lock=lock))


def test_a_dry_run_compares_the_age_with_what_it_has_read_without_a_lock() -> None:
    newer = after(newer_by=1).last_known_good
    with pytest.raises(OlderModel, match=r"release-6.*allow_older"):
        lock_policy.require_not_older(promotion(lock=None, known_good=newer))
    lock_policy.require_not_older(promotion(lock=Lock(fence=1), known_good=newer))


@pytest.mark.parametrize("request_for_older", [replace(REQUEST, allow_older=True), replace(REQUEST, roll_back=True)])
def test_an_older_model_is_promoted_on_request(request_for_older: Request) -> None:
    lock_policy.require_not_older(promotion(lock=after(newer_by=1), request=request_for_older))


def test_the_first_promotion_of_an_endpoint_may_follow() -> None:
    lock_policy.require_not_older(promotion(lock=None))


def test_a_promotion_that_yields_names_who_holds_the_lock_and_who_comes_first() -> None:
    newer = Waiter(owner=THIRD, made_at=TRAINED)
    message = str(lock_policy.superseded(WAITS, HELD, newer))
    assert f"is locked by {OTHER}, and {THIRD} waits for the lock with a newer model" in message
