"""The longest promotion that is allowed stays below the 25,000 events of an execution (AWS: Step Functions, quotas)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import jsonata
import pytest

from lambdas.promotion.contract.time_limits import LONGEST_DEPLOYMENT, LONGEST_ROLLBACK

MOST_EVENTS = 25_000
# Entered and exited; a task is also scheduled, started and ended, and each retry is scheduled, started and failed.
EVENTS = {"Task": 5, "Choice": 2, "Wait": 2, "Pass": 2}
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


def wait_seconds(state: dict[str, Any], *, polls: int, elapsed: timedelta) -> float:
    seconds = state["Seconds"]
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


def events_of(definition: dict[str, Any], loop: tuple[str, ...], lasting: timedelta, *, retries: int = 0) -> int:
    """The events of a loop that lasts so long, in which every task of every round is retried so often."""
    states = [definition["States"][name] for name in loop]
    tasks = sum(state["Type"] == "Task" for state in states)
    round_: int = sum(EVENTS[state["Type"]] for state in states) + tasks * retries * EVENTS_OF_A_RETRY
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


def test_the_first_hour_is_polled_every_30_seconds(definition: dict[str, Any]) -> None:
    for loop in (LOCK, OTHER_CHANGE, PREVIEW, DEPLOYMENT, ROLLBACK):
        wait = definition["States"][loop[0]]
        assert wait_seconds(wait, polls=119, elapsed=timedelta(minutes=59)) == 30, loop[0]
        assert wait_seconds(wait, polls=120, elapsed=timedelta(minutes=61)) == 120, loop[0]


def test_a_rollback_that_no_run_has_begun_yet_is_polled_every_30_seconds(definition: dict[str, Any]) -> None:
    expression = jsonata.Jsonata(definition["States"]["Wait for the rollback"]["Seconds"].strip("{%} "))
    expression.assign("states", {"input": {"promotion": {"rollback": None}}})
    assert expression.evaluate(None) == 30
