"""The longest promotion that is allowed stays below the 25,000 events of an execution (AWS: Step Functions, quotas)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import jsonata
import pytest

from lambdas.promotion.contract.lock_expressions import MOST_WAITS
from lambdas.promotion.contract.time_limits import LONGEST_DEPLOYMENT, LONGEST_ROLLBACK

MOST_EVENTS = 25_000
# Entered and exited; a task is also scheduled, started and ended, and each retry is scheduled, started and failed. One
# that is called back is also submitted.
EVENTS = {"Task": 5, "Choice": 2, "Wait": 2, "Pass": 2}
CALLED_BACK = ".waitForTaskToken"
EVENTS_OF_A_RETRY = 3
BEGUN = datetime(2026, 11, 1, tzinfo=UTC)
# Each loop of the workflow that lasts for hours, by its wait, with the states of one round.
LOCK = ("Wait for the lock", "Lock the endpoint", "Check the lock")
OTHER_CHANGE = (
    "Wait for the other change",
    "Confirm the lock",
    "Confirm the approval",
    "Deploy the endpoint",
    "Is another change in progress?",
)
DEPLOYMENT = ("Wait for the endpoint", "Inspect the endpoint", "Is the endpoint in service?")
ROLLBACK = ("Wait for the rollback", "Roll back the endpoint", "Is it rolled back?")
PREVIEW = ("Wait for the preview endpoint", "Create the preview endpoint", "Is the preview endpoint in service?")


WAITS_FOR_EVENTS = (PREVIEW[0], DEPLOYMENT[0], ROLLBACK[0])


def wait_seconds(state: dict[str, Any], *, polls: int, elapsed: timedelta) -> float:
    """How long a wait lasts, or one for an event at most."""
    seconds = state["TimeoutSeconds" if state["Type"] == "Task" else "Seconds"]
    if not isinstance(seconds, str):
        return float(seconds)
    expression = jsonata.Jsonata(seconds.removeprefix("{%").removesuffix("%}"))
    counted = {"poll_count": polls}
    expression.assign(
        "states",
        {
            "input": {"change": counted, "promotion": {"rollback": counted, "preview": counted}},
            "context": {
                "State": {"EnteredTime": (BEGUN + elapsed).isoformat()},
                "Execution": {"StartTime": BEGUN.isoformat()},
            },
        },
    )
    return float(expression.evaluate(None))


def events_of_a_run(state: dict[str, Any]) -> int:
    return EVENTS[state["Type"]] + (CALLED_BACK in state.get("Resource", ""))


def events_of(definition: dict[str, Any], loop: tuple[str, ...], lasting: timedelta, *, retries: int = 0) -> int:
    """The events of a loop that lasts so long, in which every task of every round is retried so often."""
    states = [definition["States"][name] for name in loop]
    tasks = sum("Retry" in state for state in states)
    round_: int = sum(map(events_of_a_run, states)) + tasks * retries * EVENTS_OF_A_RETRY
    elapsed, polls = timedelta(), 0
    while elapsed < lasting:
        elapsed += timedelta(seconds=wait_seconds(states[0], polls=polls, elapsed=elapsed))
        polls += 1
    return polls * round_


@pytest.mark.parametrize("waiting", [LOCK, OTHER_CHANGE, PREVIEW, DEPLOYMENT])
def test_the_longest_wait_before_a_deadline_and_the_longest_rollback_fit_into_one_execution(
    definition: dict[str, Any], waiting: tuple[str, ...]
) -> None:
    before = events_of(definition, waiting, LONGEST_DEPLOYMENT, retries=1)
    after = events_of(definition, ROLLBACK, LONGEST_ROLLBACK, retries=1)
    assert before + after < MOST_EVENTS


def test_eight_hours_of_a_deployment_have_fewer_than_5_000_events(definition: dict[str, Any]) -> None:
    assert events_of(definition, DEPLOYMENT, LONGEST_DEPLOYMENT) < 5_000


@pytest.mark.parametrize("loop", [PREVIEW, DEPLOYMENT, ROLLBACK])
def test_waits_that_are_refused_or_ended_at_once_fit_into_one_execution(
    definition: dict[str, Any], loop: tuple[str, ...]
) -> None:
    """A table refuses every one, and events end as many as there may be."""
    refused = events_of(definition, (f"{loop[0]} without events", *loop), LONGEST_DEPLOYMENT, retries=1)
    ended = MOST_WAITS * sum(events_of_a_run(definition["States"][name]) for name in loop)
    after = events_of(definition, (f"{ROLLBACK[0]} without events", *ROLLBACK), LONGEST_ROLLBACK, retries=1)
    assert refused + ended + after < MOST_EVENTS


def test_the_longest_promotion_needs_no_more_waits_than_it_may_have(definition: dict[str, Any]) -> None:
    def waits(loop: tuple[str, ...], lasting: timedelta) -> int:
        return events_of(definition, loop[:1], lasting) // events_of_a_run(definition["States"][loop[0]])

    before = max(waits(PREVIEW, LONGEST_DEPLOYMENT), waits(DEPLOYMENT, LONGEST_DEPLOYMENT))
    assert before + waits(ROLLBACK, LONGEST_ROLLBACK) < MOST_WAITS


def test_the_first_hour_is_polled_every_30_seconds(definition: dict[str, Any]) -> None:
    for wait in (LOCK[0], OTHER_CHANGE[0], *(f"{title} without events" for title in WAITS_FOR_EVENTS)):
        state = definition["States"][wait]
        assert wait_seconds(state, polls=119, elapsed=timedelta(minutes=59)) == 30, wait
        assert wait_seconds(state, polls=120, elapsed=timedelta(minutes=61)) == 120, wait


def test_where_an_event_ends_the_wait_the_poll_is_the_last_resort(definition: dict[str, Any]) -> None:
    for wait in WAITS_FOR_EVENTS:
        state = definition["States"][wait]
        assert wait_seconds(state, polls=119, elapsed=timedelta(minutes=59)) == 90, wait
        assert wait_seconds(state, polls=120, elapsed=timedelta(minutes=61)) == 120, wait


def test_ten_minutes_are_waited_in_at_most_24_transitions(definition: dict[str, Any]) -> None:
    state, elapsed, polls = definition["States"][DEPLOYMENT[0]], timedelta(), 0
    while elapsed < timedelta(minutes=10):
        elapsed += timedelta(seconds=wait_seconds(state, polls=polls, elapsed=elapsed))
        polls += 1
    assert (polls + 1) * len(DEPLOYMENT) <= 24


@pytest.mark.parametrize("polls", [None, {"poll_count": 1}])
def test_a_rollback_that_may_have_nothing_to_do_is_polled_after_30_seconds(
    definition: dict[str, Any], polls: dict[str, int] | None
) -> None:
    """Before its first run has begun, and after it: of an endpoint that was not changed, no event comes."""
    expression = jsonata.Jsonata(definition["States"]["Wait for the rollback"]["TimeoutSeconds"].strip("{%} "))
    expression.assign("states", {"input": {"promotion": {"rollback": polls}}})
    assert expression.evaluate(None) == 30
