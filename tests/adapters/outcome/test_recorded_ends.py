"""What is recorded of an execution's end, or of a step's failure, becomes a failure with a text for a person."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest

from lambdas.promotion.contract.errors import NotYetVisible
from lambdas.promotion.outcome import aborted_execution, execution_history, failure_explanation
from lambdas.promotion.outcome.execution_history import LastState
from recordings import store
from recordings.store import Recording
from tests.recorded import answer, stubbed, walked

ARN = "arn:aws:states:us-east-1:111122223333:execution:promote:run-1"
KILLED = "A step's Lambda was killed (memory or time ran out)"
SLOW = "A step did not end within its time limit"
EXPRESSION = "An expression of the state machine's definition could not be evaluated"
LARGE = "What a state returned is larger than 256 KiB"
TIMES = store.response("stepfunctions/DescribeExecution/timed-out")


# The error of each recorded history, and how it is explained; None: it has none.
HISTORIES: dict[str, tuple[str, str] | None] = {
    "lambda-invoke-raises-and-is-caught": ("CustomException", '{"errorMessage":""'),
    "function-arn-as-resource-raises": ("Exception", "Some exception was raised."),
    "task-time-out-uncaught": ("States.Timeout", SLOW),
    "task-time-out-caught": ("States.Timeout", SLOW),
    "missed-heartbeat": ("States.Timeout", SLOW),
    "inline-map-time-out-aborts-the-other-iterations": ("States.Timeout", SLOW),
    "data-limit-exceeded-is-caught-by-states-all": ("States.DataLimitExceeded", LARGE),
    "data-limit-exceeded-by-a-pass-state": ("States.DataLimitExceeded", LARGE),
    "map-run-over-no-list": ("States.ItemReaderFailed", "The state machine's role could not read the list"),
    "map-run-succeeded": None,
    "jsonata-items-no-array": ("States.QueryEvaluationError", EXPRESSION),
    "jsonata-undefined-output-field": ("States.QueryEvaluationError", EXPRESSION),
    "jsonata-undefined-argument-of-a-task": ("States.QueryEvaluationError", EXPRESSION),
    "whole-number-from-jsonata": None,
    "jsonata-wait-until-no-timestamp": ("States.QueryEvaluationError", EXPRESSION),
    "wait-state": None,
    "states-runtime-is-not-caught": ("States.Runtime", "An error occurred while executing the state 'RaiseRuntime'"),
    "event-25000": ("States.Runtime", "The execution reached the maximum number of history events"),
    "state-machine-time-out": ("States.Timeout", SLOW),
    "no-such-function": ("Lambda.ResourceNotFoundException", "Function not found: "),
    "lambda-throttled": ("Lambda.TooManyRequestsException", "The hub has no Lambda concurrency left"),
    "function-asleep-for-weeks": ("Lambda.CodeArtifactUserPendingException", "Lambda is initializing your function"),
    "function-time-out-as-sandbox-timedout": ("Sandbox.Timedout", KILLED),
    "dynamodb-validation-optimised": ("DynamoDB.AmazonDynamoDBException", "1 validation error detected"),
    "dynamodb-validation-aws-sdk": ("DynamoDb.DynamoDbException", "1 validation error detected"),
    "sns-topic-missing": ("SNS.NotFoundException", "Topic does not exist"),
    "sns-invalid-parameter": ("SNS.InvalidParameterException", "Invalid parameter: The MessageGroupId"),
    "put-events-partly-refused": ("EventBridge.FailedEntry", '{"Entries":'),
    "nested-execution-failed": ("States.TaskFailed", '{"Cause":"This state machines raises'),
}


@walked("stepfunctions/GetExecutionHistory", HISTORIES)
def test_every_failure_in_a_history_is_explained(recorded: Recording, expected: tuple[str, str] | None) -> None:
    failed = [
        details
        for event in recorded.response["events"]
        for details in event.values()
        if isinstance(details, dict) and "error" in details
    ]
    assert bool(failed) is (expected is not None)
    for details in failed:
        failure = failure_explanation.explain(details["error"], details.get("cause") or "")
        assert expected is not None
        assert (failure.error, failure.family) == (expected[0], "Errored")
        assert failure.cause.startswith(expected[1])
        assert not failure.cause.endswith("()")


@walked("stepfunctions/GetExecutionHistory", HISTORIES)
def test_the_last_state_of_a_history_has_its_error_or_its_end_is_awaited(
    recorded: Recording, expected: tuple[str, str] | None
) -> None:
    events = answer(recorded)["events"]
    events.sort(key=lambda event: -event.get("id", 0))  # the latest first, as it is asked for
    for event in events:
        event.setdefault("timestamp", datetime(2026, 8, 29, tzinfo=UTC))
        event.setdefault("id", 1)
        if failed := event.get("taskFailedEventDetails"):
            failed |= {"resource": "invoke", "resourceType": "lambda"} | failed
    with stubbed("stepfunctions") as stepfunctions:
        stepfunctions.add_response("get_execution_history", {"events": events})
        if not events[0]["type"].startswith("Execution"):
            with pytest.raises(NotYetVisible):
                execution_history.last_state(ARN, stepfunctions=stepfunctions.client)
            return
        last = execution_history.last_state(ARN, stepfunctions=stepfunctions.client)
    assert last.error == (expected[0] if expected else None)
    entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    assert last.name == (entered[0] if entered else None)


@walked(
    "lambda/Invoke",
    {
        "handler-raises": ("Exception", "Handler fails"),
        "function-timed-out": ("Sandbox.Timedout", KILLED),
        "runtime-exits": ("Runtime.ExitError", KILLED),
        "runtime-exits-with-status": ("Runtime.ExitError", KILLED),
        "response-too-large": ("Function.ResponseSizeTooLarge", "Response payload size exceeded maximum"),
    },
)
def test_what_a_step_ends_with_is_explained(recorded: Recording, expected: tuple[str, str]) -> None:
    """Step Functions takes the payload of a failed invocation for the cause, and its errorType for the error."""
    payload = json.loads(recorded.response["Payload"])
    failure = failure_explanation.explain(payload["errorType"], recorded.response["Payload"])
    assert (failure.error, failure.family) == (expected[0], "Errored")
    assert failure.cause.startswith(expected[1])
    assert payload["errorMessage"] in failure.cause


@walked(
    "stepfunctions/DescribeExecution",
    {
        "succeeded": None,
        "started-by-alias": None,
        "started-by-version": None,
        "failed-with-error-and-cause": (
            "SomeFailure",
            "SomeFailure: This state machines raises",
        ),
        "failed-without-error-and-cause": ("States.Runtime", "Step Functions ended the execution itself"),
        "failed-by-the-time-out-of-a-function": ("Lambda.Unknown", "Task timed out after 30.03 seconds"),
        "timed-out": ("TimedOut", "The execution ran longer than its state machine allows"),
        "aborted-with-error-and-cause": ("Aborted", "Manual: probe"),
        "aborted-without-reason": ("Aborted", "Somebody stopped the execution (StopExecution)."),
    },
)
def test_an_execution_is_described_with_why_it_ended(recorded: Recording, expected: tuple[str, str] | None) -> None:
    described = answer(recorded)
    if recorded.partial:
        described = {name: value for name, value in TIMES.items() if name not in {"error", "cause"}} | described
    with stubbed("stepfunctions") as stepfunctions:
        stepfunctions.add_response("describe_execution", described)
        aborted = aborted_execution.of_event({"executionArn": ARN}, stepfunctions=stepfunctions.client)
    if expected is None:
        assert aborted is None
        return
    assert aborted is not None
    failure = aborted.failure(LastState())
    assert failure.error == expected[0]
    assert expected[1] in failure.cause
    assert aborted.stopped_at == described["stopDate"]


@walked(
    "events/ExecutionStatusChange",
    {
        "running": False,
        "succeeded": False,
        "failed-has-error-and-cause": True,
        "failed-in-the-guide": True,
        "timed-out-in-the-guide": True,
        "aborted-in-the-guide": True,
    },
)
def test_an_event_is_of_an_execution_that_is_asked_for(recorded: Recording, expected: bool) -> None:
    """What is described is believed; that an ended one still seems to run is only a matter of time."""
    detail = {"executionArn": ARN, **store.event(recorded.key)["detail"]}
    described = store.response("stepfunctions/DescribeExecution/succeeded", stopDate=None, status="RUNNING")
    with stubbed("stepfunctions") as stepfunctions:
        stepfunctions.add_response("describe_execution", described, {"executionArn": detail["executionArn"]})
        with pytest.raises(NotYetVisible) if expected else nullcontext():
            assert aborted_execution.of_event(detail, stepfunctions=stepfunctions.client) is None
