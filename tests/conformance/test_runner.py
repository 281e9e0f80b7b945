"""A run ends with a clean-up, in whatever way it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance import runner
from conformance.checks import Check
from conformance.outcomes import CannotRun, Outcome, OutOfBudget
from conformance.results import Results
from tests.conformance.builders import FakeAccount, check, plan, resource, world

DIFFERENT = Outcome(expected="a", answered="b", differences=["a expected, b answered"])


class Run:
    """A run with its result file, and how often it was cleaned up after."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "results.jsonl"
        self.cleaned = 0
        self.reported: list[str] = []

    def start(self, *checks: Check, left: tuple[str, ...] = (), on_aws: bool = True, **fields: Any) -> list[str]:
        def clean() -> list[str]:
            self.cleaned += 1
            return list(left)

        return runner.run(
            plan(*checks, **fields),
            world(fields.get("resources"), is_aws=on_aws),
            Results(self.file),
            clean=clean,
            report=self.reported.append,
        )

    def lines(self, kind: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.file.read_text().splitlines()]
        return [line for line in lines if line["kind"] == kind]


@pytest.fixture
def a_run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_each_check_has_a_line_with_what_came_of_it(a_run: Run) -> None:
    a_run.start(check("a"), check("b", DIFFERENT), check("c", CannotRun("no such image")))
    assert [(line["id"], line["verdict"]) for line in a_run.lines("check")] == [
        ("a", "same"),
        ("b", "different"),
        ("c", "could not run"),
    ]
    assert a_run.lines("check")[1]["differences"] == ["a expected, b answered"]
    assert a_run.lines("check")[2]["reason"] == "no such image"


def test_the_file_says_what_was_asked_where_and_with_what(a_run: Run) -> None:
    a_run.start(check("a"))
    (line,) = a_run.lines("run")
    assert (line["region"], line["endpoint"], line["run"]) == ("eu-west-1", "AWS", "abc123")
    assert {"promote", "python", "boto3", "botocore"} <= set(line["versions"])
    (end,) = a_run.lines("end")
    assert (end["same"], end["different"], end["could not run"], end["left"]) == (1, 0, 0, [])


def test_nothing_runs_above_the_budget(a_run: Run) -> None:
    with pytest.raises(OutOfBudget):
        a_run.start(check("a", creates=["an endpoint"], dollars=3.0))
    assert not a_run.file.exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZeroDivisionError()])
def test_a_run_that_is_interrupted_or_fails_is_cleaned_up_after(a_run: Run, error: BaseException) -> None:
    with pytest.raises(type(error)):
        a_run.start(check("a", error), check("b"))
    assert a_run.cleaned == 1
    (end,) = a_run.lines("end")
    assert end["stopped"] == type(error).__name__
    assert a_run.lines("check") == []


def test_an_interrupted_run_says_what_is_left(a_run: Run) -> None:
    with pytest.raises(KeyboardInterrupt):
        a_run.start(check("a", KeyboardInterrupt()), left=("bucket b",))
    assert a_run.reported[-1] == "still there    bucket b"


def test_what_is_left_is_returned_and_written(a_run: Run) -> None:
    assert a_run.start(check("a"), left=("bucket b",)) == ["bucket b"]
    assert a_run.lines("end")[0]["left"] == ["bucket b"]


def test_no_check_begins_after_the_time_limit(a_run: Run) -> None:
    a_run.start(check("a", ZeroDivisionError()), minutes=0.0)
    assert a_run.lines("check")[0]["reason"] == "the time limit was reached before"
    assert a_run.cleaned == 1


def test_what_the_sandbox_cannot_answer_is_not_passed_there(a_run: Run) -> None:
    a_run.start(check("a", sandbox="it archives nothing"), on_aws=False)
    assert a_run.lines("check")[0]["reason"] == "cannot run here: it archives nothing"


def test_aws_is_asked_what_the_sandbox_cannot_answer(a_run: Run) -> None:
    a_run.start(check("a", sandbox="it archives nothing"))
    assert a_run.lines("check")[0]["verdict"] == "same"


def test_a_resource_is_made_once_and_not_tried_again_after_it_failed() -> None:
    made: list[str] = []

    def make(_: object) -> dict[str, str]:
        made.append("bucket")
        raise CannotRun("no more buckets")

    a_world = world({"bucket": resource("a bucket", make=make), "model": resource("a model", needs=("bucket",))})
    for name in ("bucket", "model", "bucket"):
        with pytest.raises(CannotRun, match="no more buckets"):
            a_world.need(name)
    assert made == ["bucket"]


def test_no_two_names_are_equal_and_each_has_the_run_s() -> None:
    a_world = world()
    names = [a_world.name() for _ in range(3)]
    assert len(set(names)) == 3
    assert all(name.startswith("promote-conformance-abc123-") and len(name) <= 35 for name in names)
    assert a_world.values()["account"] == FakeAccount().number
