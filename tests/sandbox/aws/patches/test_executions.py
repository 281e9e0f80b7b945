"""What StartExecution refuses, what DescribeExecution answers, and what a history shows, as AWS was recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from recordings import store
from sandbox.aws.control import Sandbox
from tests.sandbox.aws.builders import HUB, allow, create_function, finished
from tests.sandbox.aws.state_machines import create_workflow, end, event_types, history, start, wait

HISTORY = "stepfunctions/GetExecutionHistory"
DONE: dict[str, Any] = {"Done": {"Type": "Succeed"}}


def refused(sandbox: Sandbox, arn: str, **request: Any) -> ClientError:
    with pytest.raises(ClientError) as raised:
        sandbox.client("stepfunctions").start_execution(stateMachineArn=arn, **request)
    return raised.value


def as_recorded(error: ClientError, key: str, **names: str) -> bool:
    """Whether the error is that of the recording, with these names in place of the recorded ones."""
    expected = store.error(key, **names)
    return error.response["Error"] == expected.response["Error"]


def recorded_events(name: str) -> list[Mapping[str, Any]]:
    events: list[Mapping[str, Any]] = store.response(f"{HISTORY}/{name}")["events"]
    return events


def fields_of(event: Mapping[str, Any]) -> dict[str, list[str]]:
    """The type of an event, and the names of its details' fields; not those that say where it happened."""
    beside = {"resource", "resourceType"}
    return {
        str(event["type"]): sorted(
            field for details in event.values() if isinstance(details, dict) for field in set(details) - beside
        )
    }


def task(resource: str, arguments: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    end_of_it = {} if "Next" in fields else {"End": True}
    return {"Type": "Task", "Resource": resource, "Arguments": dict(arguments), **end_of_it, **fields}


# StartExecution


def test_a_name_has_at_most_80_characters(patched: Sandbox, name: str) -> None:
    arn, long = create_workflow(patched, name, DONE), "x" * 81
    error = refused(patched, arn, name=long)
    recorded = store.recording("stepfunctions/StartExecution/name-longer-than-80").error["message"].split("'")[1]
    assert as_recorded(error, "stepfunctions/StartExecution/name-longer-than-80", **{recorded: long})
    patched.client("stepfunctions").start_execution(stateMachineArn=arn, name="x" * 80)


@pytest.mark.parametrize("bad", ["a/b", "a b", "a:b", "a,b", "a#b", "a\tb", "a?b", "a*b", "a{b}", "a\x7fb"])
def test_a_name_has_no_forbidden_character(patched: Sandbox, name: str, bad: str) -> None:
    error = refused(patched, create_workflow(patched, name, DONE), name=bad)
    assert as_recorded(error, "stepfunctions/StartExecution/name-with-a-forbidden-character", **{"activity/name": bad})


@pytest.mark.parametrize("good", ["v1.2_3-rc=1+x@y", "größe", "(a)'!"])
def test_a_name_may_have_other_characters(bare_sandbox: Sandbox, name: str, good: str) -> None:
    arn = create_workflow(bare_sandbox, name, DONE)
    assert bare_sandbox.client("stepfunctions").start_execution(stateMachineArn=arn, name=good)


@pytest.mark.parametrize(
    ("text", "recording"),
    [
        ("not", "stepfunctions/StartExecution/input-is-a-bare-word"),
        ("", "stepfunctions/StartExecution/input-is-empty"),
    ],
)
def test_input_has_to_be_json(patched: Sandbox, name: str, text: str, recording: str) -> None:
    error = refused(patched, create_workflow(patched, name, DONE), input=text)
    expected = store.error(recording).response["Error"]
    assert error.response["Error"]["Code"] == expected["Code"]
    assert error.response["Error"]["Message"].replace("'", "") == expected["Message"].replace("'", "")


def test_input_may_be_any_json(bare_sandbox: Sandbox, name: str) -> None:
    answer = store.response("stepfunctions/StartExecution/input-is-json-null")
    arn = create_workflow(bare_sandbox, name, DONE)
    started = bare_sandbox.client("stepfunctions").start_execution(stateMachineArn=arn, input="null")
    assert set(answer) <= set(started)


def test_input_has_at_most_256_kib(patched: Sandbox, name: str) -> None:
    """Which error it is, was not found: `stepfunctions/StartExecution/input-too-long`."""
    arn, room = create_workflow(patched, name, DONE), 256 * 1024 - 2
    assert refused(patched, arn, input=json.dumps("x" * (room + 1))).response["Error"]["Code"] == "ValidationException"
    assert refused(patched, arn, input=f'"{"é" * (room // 2 + 1)}"').response["Error"]["Code"] == "ValidationException"
    patched.client("stepfunctions").start_execution(stateMachineArn=arn, input=json.dumps("x" * room))


def test_the_name_of_a_running_execution_starts_it_again_only_with_the_same_input(
    bare_sandbox: Sandbox, name: str
) -> None:
    sequence = store.recording("stepfunctions/StartExecution/same-name-while-running-then-other-input").requests
    arn = create_workflow(bare_sandbox, name, dict([wait(1000)]))
    first, again, other = ({name: exchange["request"][name] for name in ("name", "input")} for exchange in sequence)
    states = bare_sandbox.client("stepfunctions")
    started = states.start_execution(stateMachineArn=arn, **first)
    assert set(started) - {"ResponseMetadata"} == set(sequence[0]["response"])
    repeated = states.start_execution(stateMachineArn=arn, **again)
    fields = list(sequence[1]["response"])
    assert [repeated[field] for field in fields] == [started[field] for field in fields]
    error = refused(bare_sandbox, arn, **other).response["Error"]
    recorded = sequence[2]["error"]
    execution = recorded["message"].split("'")[1]
    assert error["Code"] == recorded["code"]
    expected = recorded["message"].replace(execution, started["executionArn"])
    assert error["Message"].lower() == expected.lower()  # MiniStack writes it in small letters


# DescribeExecution

ENDS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("stepfunctions/DescribeExecution/succeeded", DONE, {}),
    (
        "stepfunctions/DescribeExecution/failed-with-error-and-cause",
        {"No": {"Type": "Fail", "Error": "SomeFailure", "Cause": "a cause"}},
        {},
    ),
    ("stepfunctions/DescribeExecution/timed-out", dict([wait(1000)]), {"TimeoutSeconds": 1}),
]


@pytest.mark.parametrize(
    ("recording", "states", "top"), ENDS, ids=[recording.rpartition("/")[2] for recording, _, _ in ENDS]
)
def test_an_execution_is_described_by_how_it_ended(
    patched: Sandbox, name: str, recording: str, states: dict[str, Any], top: dict[str, Any]
) -> None:
    described = finished(patched, start(patched, create_workflow(patched, name, states, **top)))
    expected = store.response(recording)
    assert set(described) - {"ResponseMetadata"} == set(expected)
    same = ("status", "redriveStatus", "redriveStatusReason", "redriveCount", "outputDetails")
    assert [described.get(field) for field in same] == [expected.get(field) for field in same]


def test_an_execution_that_is_stopped_without_a_reason_has_none(bare_sandbox: Sandbox, name: str) -> None:
    execution = start(bare_sandbox, create_workflow(bare_sandbox, name, dict([wait(1000)])))
    states = bare_sandbox.client("stepfunctions")
    states.stop_execution(executionArn=execution)
    described = states.describe_execution(executionArn=execution)
    expected = store.response("stepfunctions/DescribeExecution/aborted-without-reason")
    assert described["status"] == expected["status"]
    assert not {"error", "cause", "output"} & set(described)


# Tasks that take too long

SLEEP = "import time\ndef handler(event, context): time.sleep(5)"


def timed_out(sandbox: Sandbox, name: str, **fields: Any) -> list[Any]:
    function = create_function(sandbox, HUB, name, SLEEP)
    states = {
        "Sleep": task("arn:aws:states:::lambda:invoke", {"FunctionName": function}, TimeoutSeconds=1, **fields),
        "Handler": {"Type": "Pass", "End": True},
    }
    arn = create_workflow(sandbox, name, states, allow("lambda:InvokeFunction", function))
    return history(sandbox, end(sandbox, arn)["executionArn"])


def test_a_task_that_takes_too_long_has_no_cause(patched: Sandbox, name: str) -> None:
    expected = recorded_events("task-time-out-uncaught")
    assert [fields_of(event) for event in timed_out(patched, name)[-2:]] == [
        fields_of(event) for event in expected[-2:]
    ]


def test_a_catch_of_a_task_that_takes_too_long_gets_an_empty_cause(patched: Sandbox, name: str) -> None:
    caught = timed_out(patched, name, Catch=[{"ErrorEquals": ["States.Timeout"], "Next": "Handler"}])
    expected = recorded_events("task-time-out-caught")[1]["stateExitedEventDetails"]["output"]
    exited = next(event for event in caught if event["type"] == "TaskStateExited")
    assert json.loads(exited["stateExitedEventDetails"]["output"]) == json.loads(expected)


def test_an_execution_that_takes_too_long_has_no_cause(patched: Sandbox, name: str) -> None:
    ended = end(patched, create_workflow(patched, name, dict([wait(1000)]), TimeoutSeconds=1))
    (expected,) = recorded_events("state-machine-time-out")
    assert fields_of(history(patched, ended["executionArn"])[-1]) == fields_of(expected)


# Choices


@pytest.mark.parametrize("value", ["1", "'true'", "[true]", "{'a': 1}", "null", "$states.input.missing"])
def test_the_condition_of_a_choice_has_to_be_a_boolean(bare_sandbox: Sandbox, name: str, value: str) -> None:
    """AWS's error was not found: `stepfunctions/GetExecutionHistory/choice-condition-no-boolean`."""
    choice = {"Type": "Choice", "Choices": [{"Condition": f"{{% {value} %}}", "Next": "Done"}], "Default": "Done"}
    ended = end(bare_sandbox, create_workflow(bare_sandbox, name, {"Choice": choice, **DONE}))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.QueryEvaluationError")


def test_a_condition_that_is_not_empty_is_not_true(patched: Sandbox, name: str) -> None:
    choice = {"Type": "Choice", "Choices": [{"Condition": "{% 1 %}", "Next": "Done"}], "Default": "Done"}
    ended = end(patched, create_workflow(patched, name, {"Choice": choice, **DONE}))
    assert ended["status"] == "FAILED"
    assert "Expected 'boolean', but was 'number'" in ended["cause"]


# Results that are too large

LARGE = "def handler(event, context): return 'x' * (256 * 1024)"


@pytest.mark.parametrize("names", [["States.ALL"], ["States.TaskFailed"], ["States.DataLimitExceeded"]])
def test_a_tasks_result_that_is_too_large_is_caught(patched: Sandbox, name: str, names: list[str]) -> None:
    function = create_function(patched, HUB, name, LARGE)
    catch = [{"ErrorEquals": names, "Next": "Handler", "Output": "{% $states.errorOutput %}"}]
    states = {
        "Invoke": task("arn:aws:states:::lambda:invoke", {"FunctionName": function}, Catch=catch),
        "Handler": {"Type": "Pass", "End": True},
    }
    ended = end(patched, create_workflow(patched, name, states, allow("lambda:InvokeFunction", function)))
    failed, exited, _ = recorded_events("data-limit-exceeded-is-caught-by-states-all")
    assert ended["status"] == "SUCCEEDED"
    assert ended["result"] == json.loads(exited["stateExitedEventDetails"]["output"])
    events = history(patched, ended["executionArn"])
    assert fields_of(failed) in [fields_of(event) for event in events]


def test_a_pass_states_result_that_is_too_large_ends_the_execution(patched: Sandbox, name: str) -> None:
    big = {"Type": "Pass", "Output": "{% $join($map([1..8000], function($n) { $uuid() })) %}", "Next": "Done"}
    ended = end(patched, create_workflow(patched, name, {"State_1": big, **DONE}))
    expected = recorded_events("data-limit-exceeded-by-a-pass-state")
    assert event_types(patched, ended["executionArn"]) == [event["type"] for event in expected]
    details = expected[-1]["executionFailedEventDetails"]
    assert (ended["error"], ended["cause"]) == (details["error"], details["cause"])


@pytest.mark.parametrize("names", [["States.ALL"], ["States.Runtime"]])
def test_no_catch_sees_an_error_in_the_definition(patched: Sandbox, name: str, names: list[str]) -> None:
    """MiniStack reports an integration that it does not have as such an error."""
    states = {
        "Unknown": task("arn:aws:states:::braket:none", {}, Catch=[{"ErrorEquals": names, "Next": "Handler"}]),
        "Handler": {"Type": "Pass", "End": True},
    }
    ended = end(patched, create_workflow(patched, name, states))
    expected = recorded_events("states-runtime-is-not-caught")[-1]["executionFailedEventDetails"]
    assert (ended["status"], ended.get("error")) == ("FAILED", expected["error"])


# What a service refuses


def failure_of(sandbox: Sandbox, name: str, resource: str, arguments: Mapping[str, Any], action: str) -> Any:
    states = {"Call": task(resource, arguments)}
    ended = end(sandbox, create_workflow(sandbox, name, states, allow(action)))
    assert ended["status"] == "FAILED"
    return ended


def test_a_missing_topic_is_not_found(patched: Sandbox, name: str) -> None:
    arguments = {"TopicArn": f"arn:aws:sns:us-east-1:{HUB}:{name}", "Message": "it"}
    ended = failure_of(patched, name, "arn:aws:states:::sns:publish", arguments, "sns:Publish")
    expected = recorded_events("sns-topic-missing")[-1]["executionFailedEventDetails"]
    assert ended["error"] == expected["error"]
    assert form_of(ended["cause"]) == form_of(expected["cause"])


def test_a_bad_parameter_of_a_topic_is_named(patched: Sandbox, name: str) -> None:
    topic = patched.client("sns").create_topic(Name=name)["TopicArn"]
    arguments = {"TopicArn": topic, "Message": "x" * (256 * 1024 + 1)}
    ended = failure_of(patched, name, "arn:aws:states:::sns:publish", arguments, "sns:Publish")
    expected = recorded_events("sns-invalid-parameter")[-1]["executionFailedEventDetails"]
    assert ended["error"] == expected["error"]
    assert form_of(ended["cause"]) == form_of(expected["cause"])


def test_a_role_that_may_not_publish_has_an_authorization_error(patched: Sandbox, name: str) -> None:
    topic = patched.client("sns").create_topic(Name=name)["TopicArn"]
    arguments = {"TopicArn": topic, "Message": "it"}
    ended = failure_of(patched, name, "arn:aws:states:::sns:publish", arguments, "sns:GetTopicAttributes")
    code = store.recording("sns/Publish/denied").error["code"]
    assert ended["error"] == f"SNS.{code}Exception"


def test_a_request_that_dynamodb_does_not_understand_has_the_sdks_general_name(patched: Sandbox, name: str) -> None:
    create_table(patched, name)
    arguments = {"TableName": name, "Item": {"other": {"S": "1"}}}
    ended = failure_of(patched, name, "arn:aws:states:::dynamodb:putItem", arguments, "dynamodb:PutItem")
    expected = recorded_events("dynamodb-validation-optimised")[-1]["executionFailedEventDetails"]
    assert ended["error"] == expected["error"]
    assert form_of(ended["cause"]) == form_of(expected["cause"])


def test_a_condition_of_dynamodb_that_fails_keeps_its_name(bare_sandbox: Sandbox, name: str) -> None:
    create_table(bare_sandbox, name)
    arguments = {
        "TableName": name,
        "Item": {"id": {"S": "1"}},
        "ConditionExpression": "attribute_exists(id)",
    }
    ended = failure_of(bare_sandbox, name, "arn:aws:states:::dynamodb:putItem", arguments, "dynamodb:PutItem")
    assert ended["error"] == "DynamoDB.ConditionalCheckFailedException"


def create_table(sandbox: Sandbox, name: str) -> None:
    sandbox.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def form_of(cause: str) -> list[str]:
    """What a cause says after its sentence, without the request's id."""
    return [part for part in cause.rpartition(" (")[2].split("; ") if not part.startswith("Request ID")]


# Inline Maps


def inline(states: dict[str, Any], **fields: Any) -> dict[str, Any]:
    processor = {"StartAt": next(iter(states)), "States": states}
    return {"Type": "Map", "ItemProcessor": processor, "End": True, **fields}


def test_the_states_of_an_inline_map_stand_in_the_history(patched: Sandbox, name: str) -> None:
    item = {"Each": {"Type": "Pass", "Output": "{% $states.input * 2 %}", "End": True}}
    ended = end(patched, create_workflow(patched, name, {"Copies": inline(item, Items=[1, 2], MaxConcurrency=1)}))
    assert ended["result"] == [2, 4]
    iteration = ["MapIterationStarted", "PassStateEntered", "PassStateExited", "MapIterationSucceeded"]
    assert event_types(patched, ended["executionArn"])[1:-1] == [
        "MapStateEntered",
        "MapStateStarted",
        *iteration,
        *iteration,
        "MapStateSucceeded",
        "MapStateExited",
    ]
    events = history(patched, ended["executionArn"])
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    started = [event["mapIterationStartedEventDetails"] for event in events if event["type"] == "MapIterationStarted"]
    assert started == [{"name": "Copies", "index": 0}, {"name": "Copies", "index": 1}]


def test_the_iterations_of_an_inline_map_number_their_events(bare_sandbox: Sandbox, name: str) -> None:
    item = {"Each": {"Type": "Pass", "Next": "Then"}, "Then": {"Type": "Pass", "End": True}}
    ended = end(bare_sandbox, create_workflow(bare_sandbox, name, {"Copies": inline(item, Items=list(range(40)))}))
    events = history(bare_sandbox, ended["executionArn"])
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))


def test_a_failed_iteration_of_an_inline_map_stands_in_the_history(patched: Sandbox, name: str) -> None:
    item = {"Each": {"Type": "Fail", "Error": "Bad", "Cause": "it is bad"}}
    ended = end(patched, create_workflow(patched, name, {"MapWait": inline(item, Items=[1])}))
    assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "Bad", "it is bad")
    recorded = recorded_events("inline-map-time-out-aborts-the-other-iterations")
    failed = next(event for event in recorded if event["type"] == "MapIterationFailed")
    events = history(patched, ended["executionArn"])
    assert [event["type"] for event in events[-3:]] == ["MapIterationFailed", "MapStateFailed", "ExecutionFailed"]
    assert events[-3]["mapIterationFailedEventDetails"] == failed["mapIterationFailedEventDetails"]


def test_the_branches_of_a_parallel_stand_in_the_history(patched: Sandbox, name: str) -> None:
    branch = {"StartAt": "Branch", "States": {"Branch": {"Type": "Pass", "End": True}}}
    ended = end(
        patched, create_workflow(patched, name, {"Both": {"Type": "Parallel", "Branches": [branch], "End": True}})
    )
    assert "PassStateExited" in event_types(patched, ended["executionArn"])
