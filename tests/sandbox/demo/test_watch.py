"""What the demo shows of an execution."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from sandbox.demo import watch

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def entered(name: str, seconds: float) -> dict[str, Any]:
    return {"type": "TaskStateEntered", "timestamp": at(seconds), "stateEnteredEventDetails": {"name": name}}


def exited(name: str, seconds: float) -> dict[str, Any]:
    return {"type": "TaskStateExited", "timestamp": at(seconds), "stateExitedEventDetails": {"name": name}}


def failed(error: str, seconds: float) -> dict[str, Any]:
    return {"type": "TaskFailed", "timestamp": at(seconds), "taskFailedEventDetails": {"error": error}}


def visit(name: str, seconds: float) -> list[dict[str, Any]]:
    """A visit of one second."""
    return [entered(name, seconds), exited(name, seconds + 1)]


def shown(polls: list[list[watch.Row]]) -> list[str]:
    """The lines where the output is no terminal."""
    console = Console(file=io.StringIO(), width=80)
    watch._show_lines(iter(polls), console)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined, no-any-return]


def test_a_state_is_shown_while_it_runs() -> None:
    (row,) = watch.rows_of([entered("Copy", 0)], now=at(3))
    assert (row.name, row.running, row.seconds) == ("Copy", True, 3)


def test_a_loop_stays_in_its_rows() -> None:
    events = [*visit("Wait", 0), *visit("Inspect", 1), *visit("Wait", 2), *visit("Inspect", 3)]
    rows = watch.rows_of(events, now=at(9))
    assert [(row.name, row.times, row.seconds) for row in rows] == [("Wait", 2, 2), ("Inspect", 2, 2)]


def test_a_state_that_is_entered_again_later_has_a_row_of_its_own() -> None:
    names = ["Inspect", "Smoke-test", "Explain", "Roll back", "Inspect"]
    events = [event for position, name in enumerate(names) for event in visit(name, position)]
    assert [row.name for row in watch.rows_of(events, now=at(9))] == names


def test_a_failed_state_is_not_marked_as_done() -> None:
    events = [entered("Smoke-test", 0), failed("SmokeTestFailed", 1), exited("Smoke-test", 1), *visit("Explain", 2)]
    first, second = watch.rows_of(events, now=at(9))
    assert (first.error, first.running, second.error) == ("SmokeTestFailed", False, "")
    assert str(watch._mark(first)) == "✗"
    assert str(watch._mark(second)) == "✓"


def test_a_retry_that_succeeds_is_no_failure() -> None:
    succeeded = {"type": "TaskSucceeded", "timestamp": at(2)}
    (row,) = watch.rows_of([entered("Copy", 0), failed("E", 1), succeeded, exited("Copy", 2)], now=at(9))
    assert row.error == ""


@pytest.mark.parametrize(("resource", "error"), [("updateItem.waitForTaskToken", ""), ("invoke", "States.Timeout")])
def test_a_wait_that_ends_without_its_event_is_no_failure(resource: str, error: str) -> None:
    details = {"error": "States.Timeout", "resource": resource}
    late = {"type": "TaskTimedOut", "timestamp": at(1), "taskTimedOutEventDetails": details}
    (row,) = watch.rows_of([entered("Wait", 0), late, exited("Wait", 1)], now=at(9))
    assert row.error == error


def test_the_end_of_an_execution_ends_its_states() -> None:
    ended = {"type": "ExecutionAborted", "timestamp": at(2)}
    (row,) = watch.rows_of([entered("Copy", 0), ended], now=at(9))
    assert (row.running, row.seconds) == (False, 2)


def test_a_line_is_printed_as_a_state_is_entered_and_one_when_it_has_failed() -> None:
    begun = [entered("Copy", 0)]
    polls = [begun, [*begun, failed("E", 1), exited("Copy", 1), entered("Explain", 1)]]
    assert shown([watch.rows_of(events, now=at(9)) for events in polls]) == [
        "      0.0 s  Copy",
        "             ✗ Copy: E",
        "      1.0 s  Explain",
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_a_row_breaks_between_words(width: int) -> None:
    console = Console(file=io.StringIO(), width=width)
    detail = "3 of 5 units, 1.2 MB of 3.0 MB in 400 objects, and some more words than fit in"
    console.print(watch._table([watch.Row("Copy the artifacts", BEGIN, BEGIN, running=False, detail=detail)]))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(len(line) for line in lines) <= width
    assert " ".join(" ".join(lines).split()) == f"0.0 s ✓ Copy the artifacts {detail}"


@pytest.mark.parametrize(
    ("objects", "shown"), [(1, "3.0 MB in 1 object"), (2, "3.0 MB in 2 objects")], ids=["one", "several"]
)
def test_a_copy_of_one_unit_shows_what_it_copies(objects: int, shown: str) -> None:
    assert watch.size_of({"bytes": 3_000_000, "objects": objects}) == shown
