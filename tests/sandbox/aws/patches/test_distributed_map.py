"""A Distributed Map in JSONata runs, fails, stops and is described as on AWS."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from sandbox.aws.control import Sandbox
from tests.sandbox.aws.builders import (
    HUB,
    allow,
    create_bucket,
    create_function,
    create_key,
    encrypt_bucket,
    eventually,
    finished,
)
from tests.sandbox.aws.state_machines import (
    children,
    create_workflow,
    distributed,
    end,
    event_types,
    history,
    map_runs,
    start,
    wait,
)

ITEM = "{% $states.context.Map.Item.Value %}"
READER = {
    "Resource": "arn:aws:states:::s3:getObject",
    "ReaderConfig": {"InputType": "JSON"},
    "Arguments": {"Bucket": "{% $states.input.bucket %}", "Key": "{% $states.input.plan.key %}"},
}

# Items, and what a child gets and returns


def test_a_map_selects_what_its_children_get(patched: Sandbox, name: str) -> None:
    selector = {
        "work_unit": ITEM,
        "index": "{% $states.context.Map.Item.Index %}",
        "stage": "{% $states.input.stage %}",
        "twice": "{% $factor * $states.context.Map.Item.Value %}",
    }
    states = {
        "Prepare": {"Type": "Pass", "Assign": {"factor": 2}, "Next": "Map"},
        "Map": distributed(Items="{% $states.input.units %}", ItemSelector=selector),
    }
    ended = end(patched, create_workflow(patched, name, states), {"stage": "qa", "units": [5, 7]})
    assert ended["result"] == [
        {"work_unit": 5, "index": 0, "stage": "qa", "twice": 10},
        {"work_unit": 7, "index": 1, "stage": "qa", "twice": 14},
    ]


def test_a_map_s_output_and_variables_come_from_its_result(patched: Sandbox, name: str) -> None:
    states = {
        "Map": distributed(
            Items=[1, 2, 3],
            Output={"count": "{% $count($states.result) %}", "stage": "{% $states.input.stage %}"},
            Assign={"sum": "{% $sum($states.result) %}"},
            Next="Add",
        ),
        "Add": {"Type": "Pass", "Output": "{% $merge([$states.input, {'sum': $sum}]) %}", "End": True},
    }
    ended = end(patched, create_workflow(patched, name, states), {"stage": "qa"})
    assert ended["result"] == {"count": 3, "stage": "qa", "sum": 6}


def test_a_map_without_items_succeeds(patched: Sandbox, name: str) -> None:
    ended = end(patched, create_workflow(patched, name, {"Map": distributed(Items="{% [] %}")}))
    assert (ended["status"], ended["result"]) == ("SUCCEEDED", [])


def test_a_child_sees_only_its_own_input_and_variables(patched: Sandbox, name: str) -> None:
    look = {
        "Type": "Pass",
        "Output": "{% [$exists($outer), $exists($states.context.Map), $states.context.Execution.Input] %}",
        "End": True,
    }
    states = {
        "Prepare": {"Type": "Pass", "Assign": {"outer": 1}, "Next": "Map"},
        "Map": distributed(("Look", look), Items=["work_unit"]),
    }
    ended = end(patched, create_workflow(patched, name, states))
    assert ended["result"] == [[False, False, "work_unit"]]


def test_a_child_returns_the_output_of_its_succeed_state(patched: Sandbox, name: str) -> None:
    done = ("Done", {"Type": "Succeed", "Output": {"copied": "{% $states.input.key %}"}})
    states = {"Map": distributed(done, Items=[{"key": "a", "size": 1}])}
    assert end(patched, create_workflow(patched, name, states))["result"] == [{"copied": "a"}]


def test_a_child_fails_with_the_error_of_its_fail_state(patched: Sandbox, name: str) -> None:
    refuse = {"Type": "Fail", "Error": "{% $states.input.error %}", "Cause": "{% 'of ' & $states.input.key %}"}
    states = {"Map": distributed(("Refuse", refuse), Items=[{"key": "a", "error": "ArtifactChanged"}])}
    ended = end(patched, create_workflow(patched, name, states))
    (child,) = children(patched, ended["executionArn"])
    assert (child["status"], child["error"], child["cause"]) == ("FAILED", "ArtifactChanged", "of a")


def test_a_child_counts_its_retries_and_waits_for_them_in_sandbox_time(patched: Sandbox, name: str) -> None:
    source = "def handler(attempt, c):\n    if attempt < 2: raise ValueError(attempt)\n    return attempt"
    function = create_function(patched, HUB, name, source)
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function, "Payload": "{% $states.context.State.RetryCount %}"},
        "Retry": [{"ErrorEquals": ["ValueError"], "IntervalSeconds": 30, "BackoffRate": 1}],
        "Output": "{% $states.result.Payload %}",
        "End": True,
    }
    states = {"Map": distributed(("Copy", task), Items=["a"])}
    arn = create_workflow(patched, name, states, allow("lambda:InvokeFunction", function))
    assert end(patched, arn)["result"] == [2]


@pytest.mark.parametrize("attempt", range(2))
def test_many_children_may_be_the_first_to_call_a_function(bare_sandbox: Sandbox, name: str, attempt: int) -> None:
    function = create_function(bare_sandbox, HUB, name, f"def handler(unit, c): return unit + {attempt}")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function, "Payload": "{% $states.input %}"},
        "Output": "{% $states.result.Payload %}",
        "End": True,
    }
    states = {"Map": distributed(("Copy", task), Items="{% [1..16] %}", Output="{% $sum($states.result) %}")}
    arn = create_workflow(bare_sandbox, name, states, allow("lambda:InvokeFunction", function))
    assert end(bare_sandbox, arn)["result"] == 136 + 16 * attempt


# Reading the items from S3


@pytest.fixture
def reading(name: str) -> Callable[..., Any]:
    """An execution whose Map reads an encrypted object of the hub, with a role that may do what it is given."""

    def run(sandbox: Sandbox, *may: str, content: str = '["a", "b"]', **fields: Any) -> Any:
        key = create_key(sandbox, HUB)
        create_bucket(sandbox, HUB, name)
        encrypt_bucket(sandbox, HUB, name, key)
        sandbox.client("s3", HUB).put_object(Bucket=name, Key="plans/work-units.json", Body=content.encode())
        resources = {"s3:GetObject": f"arn:aws:s3:::{name}/plans/*", "kms:Decrypt": key}
        statements = [allow(action, resources[action]) for action in may]
        states = {"Map": distributed(**{"ItemReader": READER, **fields})}
        arn = create_workflow(sandbox, name, states, *statements)
        return end(sandbox, arn, {"bucket": name, "plan": {"key": "plans/work-units.json"}})

    return run


def test_a_map_reads_its_items_from_an_object(patched: Sandbox, reading: Callable[..., Any]) -> None:
    ended = reading(patched, "s3:GetObject", "kms:Decrypt", ItemSelector={"work_unit": ITEM})
    assert ended["result"] == [{"work_unit": "a"}, {"work_unit": "b"}]


@pytest.mark.parametrize(
    ("may", "lacks"),
    [("kms:Decrypt", "s3:GetObject"), ("s3:GetObject", "kms:Decrypt")],
    ids=["the object", "the key"],
)
def test_a_map_reads_only_what_its_machine_s_role_may(
    patched: Sandbox, reading: Callable[..., Any], may: str, lacks: str
) -> None:
    ended = reading(patched, may)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.ItemReaderFailed")
    assert lacks in ended["cause"]
    assert f"assumed-role/{ended['stateMachineArn'].rpartition(':')[2]}-workflow/" in ended["cause"]


@pytest.mark.parametrize("content", ['{"units": []}', "not JSON"])
def test_a_map_reads_nothing_but_a_list(bare_sandbox: Sandbox, reading: Callable[..., Any], content: str) -> None:
    ended = reading(bare_sandbox, "s3:GetObject", "kms:Decrypt", content=content)
    assert ended["error"] == "States.ItemReaderFailed"


def test_json_lines_are_items_too(patched: Sandbox, reading: Callable[..., Any]) -> None:
    lines = {**READER, "ReaderConfig": {"InputType": "JSONL", "MaxItems": "{% 1 + 1 %}"}}
    content = '{"n": 1}\n{"n": 2}\n{"n": 3}\n'
    ended = reading(patched, "s3:GetObject", "kms:Decrypt", content=content, ItemReader=lines)
    assert ended["result"] == [{"n": 1}, {"n": 2}]


# Rights, failures and their limits


def test_a_map_requires_permission_to_start_its_own_state_machine(patched: Sandbox, name: str) -> None:
    arn = create_workflow(patched, name, {"Map": distributed(Items=[1])}, starts=False)
    ended = end(patched, arn)
    assert (ended["status"], ended.get("error")) == ("FAILED", "States.Permissions")
    assert f"states:StartExecution on resource: {arn}" in ended["cause"]


def test_a_map_s_failure_is_retried_as_another_map_run_and_caught(bare_sandbox: Sandbox, name: str) -> None:
    states = {
        "Map": distributed(
            ("Refuse", {"Type": "Fail", "Error": "Refused"}),
            Items=[1],
            Retry=[{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "IntervalSeconds": 1, "MaxAttempts": 1}],
            Catch=[{"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput.Error %}", "Next": "Caught"}],
        ),
        "Caught": {"Type": "Pass", "End": True},
    }
    ended = end(bare_sandbox, create_workflow(bare_sandbox, name, states))
    assert ended["result"] == "States.ExceedToleratedFailureThreshold"
    assert [run["status"] for run in map_runs(bare_sandbox, ended["executionArn"])] == ["FAILED", "FAILED"]


REFUSE_BAD = (
    (
        "Ask",
        {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input = 'bad' %}", "Next": "Pause"}],
            "Default": "Hold",
        },
    ),
    ("Pause", {"Type": "Wait", "Seconds": 30, "Next": "Refuse"}),
    ("Refuse", {"Type": "Fail", "Error": "Refused", "Cause": "it is bad"}),
)


def test_the_first_failure_ends_a_map_and_its_other_children(patched: Sandbox, name: str) -> None:
    states = {"Map": distributed(*REFUSE_BAD, wait(300), Items=["bad", "a", "b", "c"], MaxConcurrency=3)}
    ended = end(patched, create_workflow(patched, name, states))
    assert ended["error"] == "States.ExceedToleratedFailureThreshold"
    (run,) = map_runs(patched, ended["executionArn"])
    assert run["status"] == "FAILED"
    assert count(run, "total", "failed", "aborted", "pending") == (4, 1, 2, 1)
    statuses = sorted(child["status"] for child in children(patched, ended["executionArn"]))
    # Those that wait were not waited for: then they would have succeeded.
    assert statuses == ["ABORTED", "ABORTED", "FAILED"]


def test_as_many_failures_as_are_tolerated_do_not_end_a_map(patched: Sandbox, name: str) -> None:
    states = {"Map": distributed(*REFUSE_BAD, wait(1), Items=["bad", "a"], ToleratedFailurePercentage="{% 50 %}")}
    ended = end(patched, create_workflow(patched, name, states))
    assert ended["result"] == [None, "a"]
    (run,) = map_runs(patched, ended["executionArn"])
    assert count(run, "total", "failed", "succeeded") == (2, 1, 1)


def count(run: Any, *names: str) -> tuple[int, ...]:
    assert run["itemCounts"] == run["executionCounts"]
    return tuple(run["executionCounts"][name] for name in names)


def test_results_too_large_for_a_state_end_the_execution_whatever_is_caught(patched: Sandbox, name: str) -> None:
    big = ("Big", {"Type": "Pass", "Output": "{% $join($map([1..1000], function($n) { $uuid() })) %}", "End": True})
    states = {
        "Map": distributed(
            big,
            Items="{% [1..10] %}",
            Output="{% $count($states.result) %}",
            Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
        ),
        "Caught": {"Type": "Pass", "End": True},
    }
    ended = end(patched, create_workflow(patched, name, states))
    assert (ended["status"], ended.get("error")) == ("FAILED", "States.DataLimitExceeded")


@pytest.mark.parametrize("field", ["ItemBatcher", "ResultWriter"])
def test_what_the_sandbox_cannot_do_with_a_map_it_does_not_pretend(patched: Sandbox, name: str, field: str) -> None:
    states = {"Map": distributed(Items=[1], **{field: {}})}
    ended = end(patched, create_workflow(patched, name, states))
    assert (ended["status"], field in ended.get("cause", "")) == ("FAILED", True)


# While it runs, and when it is stopped


@pytest.fixture
def holding(name: str) -> Callable[[Sandbox], str]:
    """An execution two of whose six units hold for a second."""

    def run(sandbox: Sandbox) -> str:
        states = {"Map": distributed(wait(100), Items="{% [1..6] %}", MaxConcurrency=2)}
        execution = start(sandbox, create_workflow(sandbox, name, states))
        assert eventually(lambda: len(running(sandbox, execution)) == 2), "the children do not start"
        return execution

    return run


def running(sandbox: Sandbox, execution: str) -> list[Any]:
    if not sandbox.client("stepfunctions").list_map_runs(executionArn=execution)["mapRuns"]:
        return []
    return [child for child in children(sandbox, execution) if child["status"] == "RUNNING"]


def test_a_map_run_counts_its_children_while_they_run(bare_sandbox: Sandbox, holding: Callable[[Sandbox], str]) -> None:
    execution = holding(bare_sandbox)
    (run,) = map_runs(bare_sandbox, execution)
    assert (run["status"], run["maxConcurrency"]) == ("RUNNING", 2)
    assert count(run, "total", "running", "pending", "succeeded") == (6, 2, 4, 0)
    assert {child["mapRunArn"] for child in children(bare_sandbox, execution)} == {run["mapRunArn"]}
    assert finished(bare_sandbox, execution)["status"] == "SUCCEEDED"
    (run,) = map_runs(bare_sandbox, execution)
    assert count(run, "total", "running", "pending", "succeeded") == (6, 0, 0, 6)


def test_a_stopped_execution_stops_its_children(patched: Sandbox, holding: Callable[[Sandbox], str]) -> None:
    execution = holding(patched)
    patched.client("stepfunctions").stop_execution(executionArn=execution, error="Stopped", cause="by hand")
    assert [child["status"] for child in children(patched, execution)] == ["ABORTED", "ABORTED"]
    time.sleep(1.2)  # Longer than a unit takes.
    assert [child["status"] for child in children(patched, execution)] == ["ABORTED", "ABORTED"]
    (run,) = map_runs(patched, execution)
    assert run["status"] == "ABORTED"
    assert count(run, "total", "running", "aborted", "pending") == (6, 0, 2, 4)
    assert event_types(patched, execution)[-3:] == ["MapRunAborted", "MapStateAborted", "ExecutionAborted"]


def test_a_stopped_child_is_a_failure_of_its_map(bare_sandbox: Sandbox, holding: Callable[[Sandbox], str]) -> None:
    execution = holding(bare_sandbox)
    states = bare_sandbox.client("stepfunctions")
    states.stop_execution(executionArn=running(bare_sandbox, execution)[0]["executionArn"])
    ended = finished(bare_sandbox, execution)
    assert ended["error"] == "States.ExceedToleratedFailureThreshold"


def test_a_map_run_s_concurrency_can_be_raised_while_it_runs(
    bare_sandbox: Sandbox, holding: Callable[[Sandbox], str]
) -> None:
    execution = holding(bare_sandbox)
    (run,) = map_runs(bare_sandbox, execution)
    bare_sandbox.client("stepfunctions").update_map_run(mapRunArn=run["mapRunArn"], maxConcurrency=6)
    assert eventually(lambda: len(running(bare_sandbox, execution)) == 4)


# Histories


def test_the_history_has_the_map_run(patched: Sandbox, name: str) -> None:
    arn = create_workflow(patched, name, {"Map": distributed(Items=[1, 2])})
    execution = end(patched, arn)["executionArn"]
    assert event_types(patched, execution) == [
        "ExecutionStarted",
        "MapStateEntered",
        "MapStateStarted",
        "MapRunStarted",
        "MapRunSucceeded",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
    ]
    (run,) = map_runs(patched, execution)
    (began,) = [event for event in history(patched, execution) if event["type"] == "MapRunStarted"]
    assert began["mapRunStartedEventDetails"]["mapRunArn"] == run["mapRunArn"]


def test_the_history_records_why_a_map_run_failed(patched: Sandbox, name: str) -> None:
    refuse = ("Refuse", {"Type": "Fail", "Error": "Refused"})
    execution = end(patched, create_workflow(patched, name, {"Map": distributed(refuse, Items=[1])}))["executionArn"]
    (failed,) = [event for event in history(patched, execution) if event["type"] == "MapRunFailed"]
    assert failed["mapRunFailedEventDetails"]["error"] == "States.ExceedToleratedFailureThreshold"


def test_a_child_has_a_history_of_its_own(patched: Sandbox, name: str) -> None:
    arn = create_workflow(patched, name, {"Map": distributed(Items=["work_unit"])})
    (child,) = children(patched, end(patched, arn)["executionArn"])
    assert child["executionArn"].startswith(f"{arn.replace(':stateMachine:', ':execution:')}/Units:")
    assert event_types(patched, child["executionArn"]) == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]


# Speed


def test_units_run_beside_each_other_and_the_api_answers_meanwhile(bare_sandbox: Sandbox, name: str) -> None:
    states = {"Map": distributed(wait(20), Items="{% [1..40] %}", MaxConcurrency=16)}
    execution = start(bare_sandbox, create_workflow(bare_sandbox, name, states))
    client, statuses = bare_sandbox.client("stepfunctions"), ["RUNNING"]
    while statuses[-1] == "RUNNING":
        statuses.append(client.describe_execution(executionArn=execution)["status"])
        client.get_execution_history(executionArn=execution)
    assert statuses[-1] == "SUCCEEDED"
    assert statuses.count("RUNNING") > 1, "it answered only when all was over"
    units = children(bare_sandbox, execution)
    assert len(units) == 40
    assert max(at_work(units, unit["startDate"]) for unit in units) > 1


def at_work(units: list[Any], when: datetime) -> int:
    """How many had begun and not ended."""
    return sum(unit["startDate"] <= when < unit["stopDate"] for unit in units)
