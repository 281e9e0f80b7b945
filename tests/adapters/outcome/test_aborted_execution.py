"""Why an execution ended is read from what AWS documents: the event's members, the description, the history."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from lambdas.promotion.aws import sessions
from lambdas.promotion.contract.document import Failure
from lambdas.promotion.contract.errors import AccessDenied, NotYetVisible
from lambdas.promotion.contract.steps import FAILED_STATE
from lambdas.promotion.outcome import aborted_execution, execution_history
from lambdas.promotion.outcome.aborted_execution import AbortedExecution
from lambdas.promotion.outcome.execution_history import LastState
from recordings import store
from tests.adapters.conftest import Stubs
from tests.unit.builders import EXECUTION

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

ARN = "arn:aws:states:us-east-1:111122223333:execution:promote:run-1"
REFUSED = Failure(error="NameTaken", family="Refused", cause="It exists.")


@pytest.fixture
def stepfunctions(aws: Stubs) -> SFNClient:
    return sessions.own_stepfunctions()


def of_event(stepfunctions: SFNClient, detail: dict[str, Any]) -> AbortedExecution:
    aborted = aborted_execution.of_event(detail, stepfunctions=stepfunctions)
    assert aborted is not None
    return aborted


@pytest.mark.parametrize(
    ("description", "status", "words"),
    [
        ("stepfunctions/DescribeExecution/failed-with-error-and-cause", "FAILED", "SomeFailure"),
        ("stepfunctions/DescribeExecution/timed-out", "TIMED_OUT", "longer than its state machine allows"),
        ("stepfunctions/DescribeExecution/aborted-with-error-and-cause", "ABORTED", "Manual: probe"),
    ],
)
def test_an_execution_is_enough(
    aws: Stubs, stepfunctions: SFNClient, description: str, status: str, words: str
) -> None:
    times = store.response("stepfunctions/DescribeExecution/timed-out")
    described = {**times, "executionArn": ARN, **store.response(description)}
    aws.of("stepfunctions").add_response("describe_execution", described, {"executionArn": ARN})
    aborted = of_event(stepfunctions, {"executionArn": ARN})
    assert aborted.status == status
    assert words in aborted.failure(LastState()).cause


def test_the_start_is_that_of_the_events_to_the_millisecond(aws: Stubs, stepfunctions: SFNClient) -> None:
    """The record's key has it. boto3 makes a time of a float of seconds, in the zone of the machine."""
    described = store.response("stepfunctions/DescribeExecution/timed-out")
    start = datetime.fromtimestamp(1707314217123 / 1000).astimezone()
    changed = {**described, "startDate": start.replace(microsecond=start.microsecond - 1)}
    aws.of("stepfunctions").add_response("describe_execution", changed)
    aborted = of_event(stepfunctions, {"executionArn": ARN})
    assert aborted.execution.started_at == datetime(2024, 2, 7, 13, 56, 57, 123_000, tzinfo=UTC)


def test_an_execution_that_runs_or_succeeded_is_left_alone(aws: Stubs, stepfunctions: SFNClient) -> None:
    described = store.response("stepfunctions/DescribeExecution/succeeded")
    running = {name: value for name, value in described.items() if name != "stopDate"} | {"status": "RUNNING"}
    for response in (described, running):
        aws.of("stepfunctions").add_response("describe_execution", response)
        assert aborted_execution.of_event({"executionArn": ARN}, stepfunctions=stepfunctions) is None


# The history


def last(aws: Stubs, stepfunctions: SFNClient, history: str) -> LastState:
    events = store.response(history)["events"]
    if events[0]["id"] < events[-1]["id"]:
        events.reverse()
    defaults = {"timestamp": datetime(2026, 8, 29, tzinfo=UTC)}
    aws.of("stepfunctions").add_response("get_execution_history", {"events": [defaults | event for event in events]})
    return execution_history.last_state(ARN, stepfunctions=stepfunctions)


@pytest.mark.parametrize(
    ("history", "error", "state"),
    [
        ("stepfunctions/GetExecutionHistory/jsonata-undefined-output-field", "States.QueryEvaluationError", "State0"),
        (
            "stepfunctions/GetExecutionHistory/jsonata-undefined-argument-of-a-task",
            "States.QueryEvaluationError",
            "State0",
        ),
        (
            "stepfunctions/GetExecutionHistory/data-limit-exceeded-by-a-pass-state",
            "States.DataLimitExceeded",
            "State_1",
        ),
        ("stepfunctions/GetExecutionHistory/states-runtime-is-not-caught", "States.Runtime", "RaiseRuntime"),
        ("stepfunctions/GetExecutionHistory/event-25000", "States.Runtime", None),
    ],
)
def test_an_end_that_no_state_could_catch_is_an_error_by_its_own_name(
    aws: Stubs, stepfunctions: SFNClient, history: str, error: str, state: str | None
) -> None:
    aborted = failed(error=error)
    ended = last(aws, stepfunctions, history)
    failure = aborted.failure(ended)
    assert not aborted.ended_itself(ended)
    assert (failure.error, failure.family, ended.name) == (error, "Errored", state)
    assert str(ended.cause) in failure.cause


def test_a_time_out_keeps_its_name(aws: Stubs, stepfunctions: SFNClient) -> None:
    aborted = failed(status="TIMED_OUT")
    ended = last(aws, stepfunctions, "stepfunctions/GetExecutionHistory/state-machine-time-out")
    assert (aborted.failure(ended).error, aborted.failure(ended).family) == ("TimedOut", "Aborted")


def test_a_history_without_its_end_is_asked_again(aws: Stubs, stepfunctions: SFNClient) -> None:
    events = store.response("stepfunctions/GetExecutionHistory/jsonata-undefined-output-field")["events"][:2]
    aws.of("stepfunctions").add_response("get_execution_history", {"events": events[::-1]})
    with pytest.raises(NotYetVisible, match=ARN):
        execution_history.last_state(ARN, stepfunctions=stepfunctions)


# Whose end it was


def failed(**changes: Any) -> AbortedExecution:
    now = datetime(2026, 8, 29, tzinfo=UTC)
    defaults: dict[str, Any] = {"input": {}, "status": "FAILED", "stopped_at": now}
    return AbortedExecution(execution=EXECUTION, **defaults | changes)


OWN = LastState(name=FAILED_STATE, failure=REFUSED, error="NameTaken", cause="It exists.")


def test_what_the_workflow_concluded_keeps_its_failure() -> None:
    assert failed().ended_itself(OWN)
    assert failed().failure(OWN) == REFUSED


@pytest.mark.parametrize(
    ("aborted", "ended"),
    [
        (failed(), replace(OWN, error="States.QueryEvaluationError")),
        (failed(), replace(OWN, error="States.Runtime")),
        (failed(error="States.DataLimitExceeded"), OWN),
        (failed(), replace(OWN, name="Is the endpoint locked?")),
        (failed(), replace(OWN, failure=None)),
        (failed(), replace(OWN, error=None)),
        (failed(status="ABORTED"), OWN),
        (failed(status="TIMED_OUT"), OWN),
    ],
)
def test_any_other_end_is_not_the_workflows(aborted: AbortedExecution, ended: LastState) -> None:
    assert not aborted.ended_itself(ended)


def test_an_error_of_step_functions_after_a_failure_reports_both() -> None:
    ended = replace(OWN, name="Is the endpoint locked?", error="States.QueryEvaluationError", cause="no field")
    failure = failed().failure(ended)
    assert failure.error == "States.QueryEvaluationError"
    assert failure.cause.endswith("no field The promotion had failed with NameTaken: It exists.")


def test_a_denied_description_names_the_permission(aws: Stubs, stepfunctions: SFNClient) -> None:
    aws.of("stepfunctions").add_client_error("describe_execution", "AccessDeniedException", "no")
    with pytest.raises(AccessDenied, match=f"states:DescribeExecution on {ARN}"):
        aborted_execution.of_event({"executionArn": ARN}, stepfunctions=stepfunctions)


def test_a_state_whose_input_cannot_be_read_is_named(aws: Stubs, stepfunctions: SFNClient) -> None:
    """Python reads no more than so many brackets in one another."""
    events = store.response("stepfunctions/GetExecutionHistory/states-runtime-is-not-caught")["events"]
    for event in events:
        if "stateEnteredEventDetails" in event:
            event["stateEnteredEventDetails"]["input"] = "[" * 9_000 + "]" * 9_000
        event.setdefault("timestamp", datetime(2026, 8, 29, tzinfo=UTC))
    aws.of("stepfunctions").add_response("get_execution_history", {"events": events[::-1]})
    ended = execution_history.last_state(ARN, stepfunctions=stepfunctions)
    assert (ended.name, ended.promotion) == ("RaiseRuntime", None)
