"""Concurrent calls: in order, no more than the service accepts, each retried while a retry can help."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import botocore.exceptions
import pytest

from lambdas.promotion.aws import concurrency
from lambdas.promotion.contract.errors import (
    AccessDenied,
    ArtifactChanged,
    NameTaken,
    NotYetVisible,
    OutOfTime,
    ServiceUnavailable,
    SessionExpired,
    Throttled,
)

T = TypeVar("T")
NOWHERE = "https://bucket.s3.amazonaws.com/"
BROKEN = [
    ServiceUnavailable("500"),
    NotYetVisible("409"),
    botocore.exceptions.ReadTimeoutError(endpoint_url=NOWHERE),
    botocore.exceptions.EndpointConnectionError(endpoint_url=NOWHERE),
    botocore.exceptions.ConnectionClosedError(endpoint_url=NOWHERE),
]
PERMANENT = [AccessDenied("no permission"), ArtifactChanged("changed"), KeyError("a fault"), ValueError("")]
# Long enough for a busy machine; a test that waits so long has failed.
PATIENCE = 30.0
# No machine is so slow that so many calls are made between two lines.
FAR_TOO_MANY = 10**6


def run(calls: Sequence[Callable[[], T]], *, at_once: int = 4, seconds: float = PATIENCE) -> list[T]:
    return concurrency.run(calls, at_once=at_once, until=time.monotonic() + seconds, doing="Copying")


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "_LONGEST_PAUSE", 0.0)


class Call:
    """A call that raises some errors before it succeeds. `attempts`: how often it was made."""

    def __init__(self, *errors: Exception) -> None:
        self._errors: Iterator[Exception] = iter(errors)
        self.attempts = 0

    def __call__(self) -> str:
        self.attempts += 1
        for error in self._errors:
            raise error
        return "response"


class InProgress:
    """Counts the calls in progress, and keeps the maximum."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self.maximum = 0

    def __enter__(self) -> None:
        with self._lock:
            self._count += 1
            self.maximum = max(self.maximum, self._count)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._count -= 1


# Results


def test_results_come_in_the_order_of_the_calls_whichever_is_quicker() -> None:
    last_is_done = threading.Event()

    def first() -> str:
        assert last_is_done.wait(PATIENCE)
        return "first"

    def last() -> str:
        last_is_done.set()
        return "last"

    assert run([first, last]) == ["first", "last"]


def test_no_calls_have_no_results() -> None:
    assert run([]) == []


def test_a_result_may_be_none() -> None:
    assert run([lambda: None, lambda: None]) == [None, None]


# Pace


def test_as_many_calls_as_allowed_are_in_progress() -> None:
    """Each waits for all the others."""
    all_started = threading.Barrier(4)
    assert len(run([lambda: all_started.wait(PATIENCE)] * 4, at_once=4)) == 4


@pytest.mark.parametrize("at_once", [1, 3])
def test_never_more_calls_than_allowed_are_in_progress(at_once: int) -> None:
    in_progress = InProgress()

    def call() -> None:
        with in_progress:
            time.sleep(0.001)

    run([call] * 30, at_once=at_once)
    assert in_progress.maximum == at_once


def throttled_together(number: int, after: Callable[[], None]) -> list[Callable[[], None]]:
    """Return calls of which each is throttled once, all at the same moment, and then calls `after`."""
    all_started = threading.Barrier(number)
    throttled: set[int] = set()

    def call(own: int) -> None:
        if own not in throttled:
            throttled.add(own)
            all_started.wait(PATIENCE)
            raise Throttled("slow down")
        after()

    return [lambda own=own: call(own) for own in range(number)]  # type: ignore[misc]


def test_half_as_many_are_in_progress_after_throttling() -> None:
    in_progress = InProgress()

    def after() -> None:
        with in_progress:
            time.sleep(0.15)

    # Fewer than would allow one more: half of eight and, after four successes, five.
    run(throttled_together(8, after), at_once=8)
    assert 1 <= in_progress.maximum <= 5


def test_the_pace_recovers_after_throttling() -> None:
    pace = concurrency._Pace(8)
    pace.decrease()
    assert pace._allowed == 4
    for _ in range(30):  # four, five, six and seven successes, and some more as one is added little by little
        pace.increase()
    assert pace._allowed == 8


def test_one_call_is_always_in_progress_however_often_it_is_throttled(no_pauses: None) -> None:
    calls = [Call(*[Throttled("slow down")] * 40) for _ in range(4)]
    assert run(calls) == ["response"] * 4


def test_a_pause_is_longer_the_more_the_pace_was_slowed_and_never_too_long() -> None:
    pace = concurrency._Pace(50)
    assert 0.05 <= pace.pause(0) <= 0.1
    pace._allowed = 1.0
    assert 2.5 <= pace.pause(0) <= 5
    assert 0.05 * 2**5 <= concurrency._Pace(1).pause(5) <= 0.1 * 2**5
    assert concurrency._Pace(50).pause(30) <= 10
    assert concurrency._Pace(50).pause(10_000) <= 10


def test_a_call_that_is_throttled_again_and_again_waits_up_to_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    assert run([Call(*[Throttled("slow down")] * 12)]) == ["response"]
    assert pauses[0] <= 0.5
    assert all(5 <= pause <= 10 for pause in pauses[7:])


# Retries


@pytest.mark.parametrize("error", BROKEN, ids=lambda error: type(error).__name__)
def test_a_broken_response_is_requested_eight_times_in_all(no_pauses: None, error: Exception) -> None:
    recovered, broken = Call(*[error] * 7), Call(*[error] * 9)
    assert run([recovered]) == ["response"]
    with pytest.raises(type(error)):
        run([broken])
    assert (recovered.attempts, broken.attempts) == (8, 8)


def test_a_slow_down_response_does_not_count_as_a_retry(no_pauses: None) -> None:
    call = Call(*[Throttled("slow down")] * 20, *[ServiceUnavailable("500")] * 7)
    assert run([call]) == ["response"]


def test_a_session_that_ended_ends_the_step(no_pauses: None) -> None:
    """A retry would use the same session."""
    call = Call(SessionExpired("ended"))
    with pytest.raises(SessionExpired):
        run([call])
    assert call.attempts == 1


@pytest.mark.parametrize("error", PERMANENT, ids=lambda error: type(error).__name__)
def test_an_error_that_a_retry_cannot_fix_is_raised_unchanged(error: Exception) -> None:
    call = Call(error)
    with pytest.raises(type(error)) as raised:
        run([call])
    assert (raised.value, call.attempts) == (error, 1)


# The first error


def test_after_an_error_no_further_call_begins() -> None:
    later = [Call() for _ in range(100)]
    with pytest.raises(AccessDenied):
        run([Call(AccessDenied("no permission")), *later], at_once=1)
    assert sum(call.attempts for call in later) == 0


def test_after_an_error_a_call_that_is_throttled_repeatedly_ends_too(no_pauses: None) -> None:
    failed, refusals = threading.Event(), itertools.count()

    def throttled() -> None:
        assert failed.wait(PATIENCE)
        assert next(refusals) < FAR_TOO_MANY, "it is retried after the error"
        raise Throttled("slow down")

    def denied() -> None:
        failed.set()
        raise AccessDenied("no permission")

    with pytest.raises(AccessDenied):
        run([throttled, throttled, denied], seconds=float("inf"))
    assert next(refusals) < FAR_TOO_MANY


@pytest.mark.parametrize("other", [NameTaken("later"), ServiceUnavailable("later")])
def test_of_several_errors_the_first_is_raised(monkeypatch: pytest.MonkeyPatch, other: Exception) -> None:
    monkeypatch.setattr(concurrency, "_MOST_ATTEMPTS", 1)
    for _ in range(5):
        failed = threading.Event()

        def first(failed: threading.Event = failed) -> None:
            try:
                raise AccessDenied("first")
            finally:
                threading.Timer(0.05, failed.set).start()

        def second(failed: threading.Event = failed) -> None:
            assert failed.wait(PATIENCE)
            raise other

        calls: list[Callable[[], None]] = [second, second, second, first, second, second]
        with pytest.raises(AccessDenied, match="first"):
            run(calls, at_once=16)


# Time


def test_no_call_begins_after_the_time() -> None:
    calls = [Call() for _ in range(20)]
    with pytest.raises(OutOfTime, match="Copying needs more time"):
        run(calls, seconds=-1)
    assert sum(call.attempts for call in calls) == 0


def test_a_call_that_was_completed_in_time_is_not_repeated() -> None:
    until = time.monotonic() + 0.4  # long enough for the first one to begin on a busy machine
    first, later = Call(), Call()
    calls: list[Callable[[], object]] = [first, lambda: time.sleep(until - time.monotonic() + 0.01), later]
    with pytest.raises(OutOfTime):
        concurrency.run(calls, at_once=1, until=until, doing="Copying")
    assert (first.attempts, later.attempts) == (1, 0)


def test_retries_of_slow_down_responses_end_with_the_deadline(no_pauses: None) -> None:
    def throttled() -> None:
        raise Throttled("slow down")

    with pytest.raises(OutOfTime):
        run([throttled] * 3, seconds=0.05)
