"""The state machine's definition: kept as a golden file, valid, and with a way out for every error."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonata
import pytest

from lambdas.promotion.contract.errors import PromotionError, Transient, every_error
from lambdas.promotion.contract.steps import Step
from recordings import store
from tests import PROJECT

GOLDEN = Path(__file__).parent / "golden" / "promotion.asl.json"
State = dict[str, Any]
# The states in which the endpoint may have been changed.
WITH_A_CHANGE = ("Deploy the endpoint", "Suspend scaling", "Inspect the endpoint", "Smoke-test the endpoint")
# Those before and after in which the endpoint's automatic scaling may be put aside.
WITHOUT_SCALING = (
    "Confirm the lock",
    "Confirm the approval",
    "Roll back the endpoint",
    "Suspend scaling for the rollback",
)
WITH_A_PREVIEW = ["Create the preview endpoint", "Smoke-test the preview endpoint"]
# The waits that an event ends, with what polls afterwards.
WAITS_FOR_EVENTS = {
    "Wait for the preview endpoint": "Create the preview endpoint",
    "Wait for the endpoint": "Inspect the endpoint",
    "Wait for the rollback": "Roll back the endpoint",
}
# The states in which an upload may be open.
WITH_UPLOADS = (
    "Plan the copy",
    "Copy the only work unit",
    "Copy the artifacts",
    "Complete the copy",
    "Verify the copies",
    "Verify the artifacts",
)
# The Maps over the work units, with the state that each runs, and where its failure leads.
MAPS = {
    "Copy the artifacts": ("Copy a work unit", "Work unit failed"),
    "Verify the copies": ("Verify a work unit", "Verification failed"),
}


def states(definition: dict[str, Any]) -> Iterator[tuple[str, State]]:
    for name, state in definition["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


def tasks(definition: dict[str, Any]) -> list[tuple[str, State]]:
    return [(name, state) for name, state in states(definition) if state["Type"] == "Task"]


def steps(definition: dict[str, Any]) -> list[tuple[str, State]]:
    """The tasks that run a Lambda."""
    return [(name, state) for name, state in tasks(definition) if state["Resource"].endswith(":lambda:invoke")]


def test_the_definition_is_the_golden_one(definition: dict[str, Any]) -> None:
    """A change of the workflow is seen in review: run UPDATE_GOLDEN=1 pytest tests/stacks and look at the diff."""
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(definition, indent=1) + "\n")
    assert definition == json.loads(GOLDEN.read_text())


def test_the_resolved_definition_is_valid(definition: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "promotion.asl.json"
    file.write_text(json.dumps(definition))
    validator = PROJECT / "node_modules" / ".bin" / "asl-validator"
    done = subprocess.run([str(validator), "--json-path", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_task_and_the_execution_have_a_time_limit(definition: dict[str, Any]) -> None:
    assert definition["TimeoutSeconds"] > 0
    unlimited = [name for name, state in tasks(definition) if not state.get("TimeoutSeconds")]
    assert unlimited == []


def test_every_transient_error_is_retried_by_every_task_and_no_other_is(definition: dict[str, Any]) -> None:
    ours = {error.__name__ for error in every_error(PromotionError)}
    transient = {error.__name__ for error in every_error(Transient)}
    for name, state in steps(definition):
        retried = {error for retrier in state["Retry"] for error in retrier["ErrorEquals"]}
        assert retried & ours == transient, name


def test_throttled_and_killed_lambdas_are_retried_by_every_task(definition: dict[str, Any]) -> None:
    needed = {"Lambda.TooManyRequestsException", "Lambda.ServiceException", "Lambda.Unknown", "States.Timeout"}
    for name, state in steps(definition):
        assert needed <= {error for retrier in state["Retry"] for error in retrier["ErrorEquals"]}, name


@pytest.mark.parametrize(
    "key",
    [
        "stepfunctions/GetExecutionHistory/lambda-throttled",
        "stepfunctions/GetExecutionHistory/function-asleep-for-weeks",
        "stepfunctions/GetExecutionHistory/function-time-out-as-sandbox-timedout",
        "stepfunctions/GetExecutionHistory/task-time-out-uncaught",
    ],
)
def test_a_recorded_failure_that_passes_is_retried_by_every_task(definition: dict[str, Any], key: str) -> None:
    (error,) = {
        details["error"]
        for event in store.response(key)["events"]
        for details in event.values()
        if isinstance(details, dict) and "error" in details
    }
    for name, state in steps(definition):
        assert error in {error for retrier in state["Retry"] for error in retrier["ErrorEquals"]}, name


def test_every_error_leads_to_the_failed_state(definition: dict[str, Any]) -> None:
    ways = {"Explain the failure": "Record the promotion", "Record the promotion": "Is the endpoint locked?"}
    ways |= {
        "Unlock the endpoint": "Is the outcome to be announced?",
        "Record the last known good and unlock the endpoint": "Record the promotion",
        "Announce the outcome": "What is the outcome?",
    }
    ways |= {wait: f"{wait} without events" for wait in WAITS_FOR_EVENTS}
    ways |= dict.fromkeys(WITH_UPLOADS, "Abort the uploads")
    ways |= dict.fromkeys(WITH_A_CHANGE, "Roll back the endpoint")
    ways |= dict.fromkeys(WITHOUT_SCALING, "Resume scaling after the failure")
    ways |= dict.fromkeys(WITH_A_PREVIEW, "Delete the preview endpoint")
    for name, state in definition["States"].items():
        if state["Type"] in {"Task", "Map"}:
            caught = [catcher for catcher in state["Catch"] if catcher["ErrorEquals"] == ["States.ALL"]]
            assert [catcher["Next"] for catcher in caught] == [ways.get(name, "Explain the failure")], name


@pytest.mark.parametrize(("wait", "poll"), WAITS_FOR_EVENTS.items())
def test_whatever_ends_a_wait_for_an_event_a_poll_follows_with_the_same_document(
    definition: dict[str, Any], wait: str, poll: str
) -> None:
    state, without_events = definition["States"][wait], definition["States"][f"{wait} without events"]
    assert [catcher["ErrorEquals"] for catcher in state["Catch"]] == [["States.Timeout"], ["States.ALL"]]
    assert (state["Next"], state["Catch"][0]["Next"], without_events["Next"]) == (poll, poll, poll)
    assert {state["Output"], *(catcher["Output"] for catcher in state["Catch"])} == {"{% $states.input %}"}
    assert "Output" not in without_events


@pytest.mark.parametrize("preview", [None, {"endpoint": "reviews-qa-preview-0123456789ab"}])
def test_the_wait_for_a_preview_has_a_name_even_if_no_run_of_the_step_has_begun_it(
    definition: dict[str, Any], preview: dict[str, str] | None
) -> None:
    """An expression without a value fails the state."""
    values = definition["States"]["Wait for the preview endpoint"]["Arguments"]["ExpressionAttributeValues"]
    expression = jsonata.Jsonata(values[":endpoint"]["S"].strip("{%} "))
    expression.assign("states", {"input": {"preview": preview}})
    assert expression.evaluate(None) == (preview["endpoint"] if preview else "")


@pytest.mark.parametrize(
    ("rollback", "then"),
    [
        ({"progress": "InProgress", "deleting": True}, "Wait for the rollback without events"),
        ({"progress": "InProgress", "deleting": False}, "Wait for the rollback"),
        ({"progress": "Busy"}, "Wait for the rollback"),
        ({"progress": "Deleted", "deleting": True}, "Resume scaling after the failure"),
    ],
)
def test_of_a_rollback_that_deletes_the_endpoint_no_event_is_expected(
    definition: dict[str, Any], rollback: dict[str, Any], then: str
) -> None:
    choice = definition["States"]["Is it rolled back?"]

    def holds(condition: str) -> bool:
        expression = jsonata.Jsonata(condition.strip("{%} "))
        expression.assign("states", {"input": {"promotion": {"rollback": rollback}}})
        return expression.evaluate(None) is True

    taken = (branch["Next"] for branch in choice["Choices"] if holds(branch["Condition"]))
    assert next(taken, choice["Default"]) == then


def test_a_last_known_good_that_is_not_recorded_is_counted_and_announced_before_the_promotion_fails_with_it(
    definition: dict[str, Any],
) -> None:
    """The first announcement says Promoted: it must not be published."""
    state = definition["States"]["Record the last known good and unlock the endpoint"]
    lost, failed = state["Catch"]
    assert (lost["ErrorEquals"], lost["Next"]) == (
        ["DynamoDB.ConditionalCheckFailedException"],
        "Is the outcome to be announced?",
    )
    expression = jsonata.Jsonata(failed["Output"].removeprefix("{%").removesuffix("%}"))
    envelope = {
        "promotion": {"result": {"outcome": "Promoted"}, "request": {"dry_run": False}},
        "announcement": {"subject": "Promoted: reviews to qa"},
    }
    expression.assign("states", {"input": envelope, "errorOutput": {"Error": "DynamoDB.X", "Cause": "denied"}})
    after = expression.evaluate(None)
    assert (after["failure"]["error"], after["failure"]["family"]) == ("RecordNotWritten", "Errored")
    assert after["failure"]["cause"].startswith("The promotion ended Promoted, and ")
    assert after["announcement"] is None


@pytest.mark.parametrize(
    ("state", "retries", "requested", "untouched"),
    [
        ("Deploy the endpoint", 0, False, True),
        ("Deploy the endpoint", 1, False, False),
        ("Deploy the endpoint", 0, True, False),
        ("Suspend scaling", 2, False, True),
        ("Suspend scaling", 0, True, False),
        ("Inspect the endpoint", 0, False, False),
        ("Smoke-test the endpoint", 0, False, False),
    ],
)
def test_an_error_says_whether_the_endpoint_can_have_been_changed(
    definition: dict[str, Any], state: str, retries: int, requested: bool, untouched: bool
) -> None:
    last = definition["States"][state]["Catch"][-1]
    assert last["Next"] == "Roll back the endpoint"
    expression = jsonata.Jsonata(last["Output"].removeprefix("{%").removesuffix("%}"))
    document = {"change": {"requested": requested}}
    context = {"State": {"RetryCount": retries}}
    expression.assign("states", {"input": document, "errorOutput": {"Error": "E", "Cause": "C"}, "context": context})
    assert expression.evaluate(None) == {
        "failed": {"Error": "E", "Cause": "C"},
        "promotion": document,
        "untouched": untouched,
    }


@pytest.mark.parametrize("name", MAPS)
def test_a_work_units_failure_is_its_output_so_that_its_name_is_not_lost(definition: dict[str, Any], name: str) -> None:
    """A Map that fails says States.ExceedToleratedFailureThreshold, whatever the unit's own error was."""
    title, failed = MAPS[name]
    unit = definition["States"][name]["ItemProcessor"]["States"][title]
    assert [(catcher["ErrorEquals"], catcher["Next"]) for catcher in unit["Catch"]] == [(["States.ALL"], failed)]
    assert "'Error': $states.errorOutput.Error" in unit["Catch"][0]["Output"]


def test_every_step_has_a_state_of_its_own(definition: dict[str, Any]) -> None:
    used = {name: state["Arguments"]["Payload"]["step"] for name, state in steps(definition)}
    assert used.pop("Resume scaling after the failure") == used["Resume scaling"]
    assert used.pop("Suspend scaling for the rollback") == used["Suspend scaling"]
    assert used.pop("Smoke-test the preview endpoint") == used["Smoke-test the endpoint"]
    assert used.pop("Copy the only work unit") == used["Copy a work unit"]
    assert used.pop("Verify a work unit") == used["Verify the artifacts"]
    assert len(used) == len(set(used.values())) == len(set(Step) - {Step.CLEAN_UP_ABORTED})


def test_what_becomes_of_the_scaling_after_a_failure_does_not_hide_the_failure(definition: dict[str, Any]) -> None:
    put_back = definition["States"]["Resume scaling after the failure"]
    assert put_back["Output"] == "{% $states.input %}"
    assert "$merge([$states.input, {'scaling_failed'" in put_back["Catch"][0]["Output"]


def test_every_state_can_be_reached(definition: dict[str, Any]) -> None:
    reached: set[str] = set()
    preflight = [definition["StartAt"]]
    while preflight:
        name = preflight.pop()
        if name in reached:
            continue
        reached.add(name)
        state = definition["States"][name]
        preflight += [state[field] for field in ("Next", "Default") if field in state]
        preflight += [branch["Next"] for branch in [*state.get("Choices", []), *state.get("Catch", [])]]
    assert reached == set(definition["States"])


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("failures", [1, 2, 3])
def test_of_all_failed_work_units_the_first_gives_the_reason(
    definition: dict[str, Any], failures: int, name: str
) -> None:
    """In JSONata `a.b[0]` is an array of each one's first; `(a.b)[0]` is the first of all."""
    outputs = definition["States"][name]["Output"].removeprefix("{%").removesuffix("%}")
    failed = [{"failed": {"Error": f"E{number}", "Cause": "c"}} for number in range(failures)]
    expression = jsonata.Jsonata(outputs)
    expression.assign("states", {"input": {"a": 1}, "result": [{"objects": 1, "bytes": 2}, *failed]})
    assert expression.evaluate(None) == {"failed": {"Error": "E0", "Cause": "c"}, "promotion": {"a": 1}}


@pytest.mark.parametrize("units", [1, 3])
@pytest.mark.parametrize(
    ("name", "of_unit", "field", "before", "after"),
    [
        ("Copy the artifacts", {"objects": 1, "bytes": 2}, "copied", {"objects": 5, "bytes": 7}, (5, 7)),
        ("Verify the copies", {"compared": 1, "computed": 2}, "verification", None, (0, 0)),
    ],
)
def test_a_map_adds_up_what_its_work_units_report(
    definition: dict[str, Any],
    name: str,
    of_unit: dict[str, int],
    field: str,
    before: dict[str, int] | None,
    after: tuple[int, int],
    units: int,
) -> None:
    expression = jsonata.Jsonata(definition["States"][name]["Output"].removeprefix("{%").removesuffix("%}"))
    expression.assign("states", {"input": {"a": 1, field: before}, "result": [of_unit] * units})
    first, second = of_unit
    assert expression.evaluate(None) == {"a": 1, field: {first: after[0] + units, second: after[1] + 2 * units}}


def test_the_only_work_unit_adds_what_it_copied(definition: dict[str, Any]) -> None:
    output = definition["States"]["Copy the only work unit"]["Output"]
    expression = jsonata.Jsonata(output.removeprefix("{%").removesuffix("%}"))
    document = {"a": 1, "copied": {"objects": 5, "bytes": 7}}
    expression.assign("states", {"input": document, "result": {"Payload": {"objects": 1, "bytes": 2}}})
    assert expression.evaluate(None) == {"a": 1, "copied": {"objects": 6, "bytes": 9}}


# The states that are polled again after an error that passes, with the wait before it.
POLLED = {
    "Inspect the endpoint": "Wait for the endpoint",
    "Smoke-test the endpoint": "Wait for the endpoint without events",
    "Create the preview endpoint": "Wait for the preview endpoint",
    "Smoke-test the preview endpoint": "Wait for the preview endpoint without events",
    "Delete the preview endpoint": "Wait for the deletion",
    "Roll back the endpoint": "Wait for the rollback",
    "Suspend scaling for the rollback": "Wait for the rollback",
}
# Those after which nothing makes up for an error that passes.
PATIENT = ("Resume scaling", "Resume scaling after the failure", "Explain the failure", "Record the promotion")


def test_minutes_without_lambda_say_nothing_about_an_endpoint(definition: dict[str, Any]) -> None:
    for name, wait in POLLED.items():
        catcher = definition["States"][name]["Catch"][0]
        assert catcher["Next"] == wait, name
        assert {"Lambda.TooManyRequestsException", "Lambda.ServiceException", "Throttled"} <= set(
            catcher["ErrorEquals"]
        )
        # Lambda reports a missing permission with it too.
        assert "Lambda.AWSLambdaException" not in catcher["ErrorEquals"]
    polled = {
        name
        for name, state in steps(definition)
        if any("Lambda.TooManyRequestsException" in catcher["ErrorEquals"] for catcher in state.get("Catch", []))
    }
    assert polled == set(POLLED)


@pytest.mark.parametrize("error", ["Lambda.TooManyRequestsException", "Throttled", "ServiceUnavailable"])
@pytest.mark.parametrize("name", PATIENT)
def test_what_nothing_makes_up_for_is_retried_for_most_of_an_hour(
    definition: dict[str, Any], name: str, error: str
) -> None:
    (retrier,) = [retrier for retrier in definition["States"][name]["Retry"] if error in retrier["ErrorEquals"]]
    delays = [
        min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** attempt, retrier["MaxDelaySeconds"])
        for attempt in range(retrier["MaxAttempts"])
    ]
    assert sum(delays) > 50 * 60
