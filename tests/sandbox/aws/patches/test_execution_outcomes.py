"""How an execution ends, that it stays so, and what is notified of it."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from sandbox.aws.control import Sandbox
from tests.sandbox.aws.builders import HUB, allow, create_function, eventually, finished, policy
from tests.sandbox.aws.state_machines import children, create_workflow, distributed, end, event_types, start, wait

# The end, and what comes after it


RUN_LATE = """
import os, time
def handler(event, context):
    with open(os.environ["RUNS"], "a") as runs: runs.write("run ")
    time.sleep(0.5)
    raise ValueError("too late")
"""


def test_a_stopped_execution_stays_stopped(patched: Sandbox, name: str, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    function = create_function(patched, HUB, name, RUN_LATE, Environment={"Variables": {"RUNS": str(runs)}})
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function},
        "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}],
        "End": True,
    }
    arn = create_workflow(patched, name, {"Copy": task}, allow("lambda:InvokeFunction", function))
    execution = start(patched, arn)
    assert eventually(runs.exists), "the function does not run"
    states = patched.client("stepfunctions")
    states.stop_execution(executionArn=execution, error="Stopped", cause="by hand")
    time.sleep(2)  # Longer than both attempts.
    described = states.describe_execution(executionArn=execution)
    assert (described["status"], described["error"], described["cause"]) == ("ABORTED", "Stopped", "by hand")
    assert event_types(patched, execution)[-2:] == ["TaskScheduled", "ExecutionAborted"]
    assert runs.read_text() == "run ", "it was tried again"


def test_a_stopped_execution_does_not_fail_afterwards(patched: Sandbox, name: str) -> None:
    arn = create_workflow(patched, name, {"Hold": {**wait(50)[1], "Output": "{% $states.input.missing %}"}})
    execution = start(patched, arn)
    assert eventually(lambda: "WaitStateEntered" in event_types(patched, execution))
    states = patched.client("stepfunctions")
    states.stop_execution(executionArn=execution)
    time.sleep(1)  # Longer than the wait, after which its output fails.
    assert states.describe_execution(executionArn=execution)["status"] == "ABORTED"


def test_an_execution_takes_no_longer_than_its_machine_allows(patched: Sandbox, name: str) -> None:
    arn = create_workflow(patched, name, dict([wait(1000)]), TimeoutSeconds=1)
    execution = start(patched, arn)
    assert finished(patched, execution)["status"] == "TIMED_OUT"
    assert event_types(patched, execution)[-1] == "ExecutionTimedOut"


def test_an_execution_that_times_out_takes_its_children_with_it(bare_sandbox: Sandbox, name: str) -> None:
    arn = create_workflow(bare_sandbox, name, {"Map": distributed(wait(1000), Items=[1, 2])}, TimeoutSeconds=1)
    ended = end(bare_sandbox, arn)
    states = bare_sandbox.client("stepfunctions")
    (run,) = states.list_map_runs(executionArn=ended["executionArn"])["mapRuns"]
    listed = states.list_executions(mapRunArn=run["mapRunArn"])["executions"]
    assert (ended["status"], [child["status"] for child in listed]) == ("TIMED_OUT", ["ABORTED", "ABORTED"])


def test_an_execution_may_not_hand_on_more_than_256_kib(patched: Sandbox, name: str) -> None:
    big = {"Type": "Pass", "Output": "{% $join($map([1..8000], function($n) { $uuid() })) %}", "Next": "Done"}
    ended = end(patched, create_workflow(patched, name, {"Big": big, "Done": {"Type": "Succeed"}}))
    assert (ended["status"], ended.get("error")) == ("FAILED", "States.DataLimitExceeded")


# Events


class Queue:
    """A queue of the hub that takes what EventBridge sends."""

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self._sqs = sandbox.client("sqs")
        self.arn = f"arn:aws:sqs:us-east-1:{HUB}:{name}"
        by_events = allow("sqs:SendMessage", self.arn, Principal={"Service": "events.amazonaws.com"})
        self._url = self._sqs.create_queue(QueueName=name, Attributes={"Policy": policy(by_events)})["QueueUrl"]

    def take(self) -> list[Any]:
        received = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in received]


class Listener:
    """Hears of the executions of one state machine and of their children."""

    def __init__(self, sandbox: Sandbox, name: str, machine_arn: str) -> None:
        self._queue = Queue(sandbox, name)
        listen(sandbox, name, machine_arn, {"Arn": self._queue.arn})

    def heard(self) -> list[Any]:
        """The events, once an execution has ended."""
        events: list[Any] = []

        def ended() -> bool:
            events.extend(self._queue.take())
            return any(event["detail"]["status"] != "RUNNING" for event in events)

        assert eventually(ended), f"heard only {events}"
        return events


def listen(sandbox: Sandbox, name: str, machine_arn: str, target: dict[str, Any]) -> str:
    """A rule for the status changes of the machine's executions. Returns its ARN."""
    events = sandbox.client("events")
    pattern = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [{"prefix": machine_arn}]},
    }
    arn: str = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
    events.put_targets(Rule=name, Targets=[{"Id": "1", **target}])
    return arn


def test_the_default_bus_receives_each_status(bare_sandbox: Sandbox, name: str) -> None:
    arn = create_workflow(bare_sandbox, name, {"Copy": {"Type": "Pass", "Output": {"copied": 1}, "End": True}})
    listener = Listener(bare_sandbox, name, arn)
    execution = start(bare_sandbox, arn, {"stage": "qa"})
    began, ended = listener.heard()
    assert (began["source"], began["account"], began["resources"]) == ("aws.states", HUB, [execution])
    assert [began["detail"]["status"], ended["detail"]["status"]] == ["RUNNING", "SUCCEEDED"]
    assert began["detail"]["stopDate"] is None
    detail = ended["detail"]
    assert (detail["executionArn"], detail["stateMachineArn"], detail["name"]) == (
        execution,
        arn,
        execution.rpartition(":")[2],
    )
    assert (json.loads(detail["input"]), json.loads(detail["output"])) == ({"stage": "qa"}, {"copied": 1})
    assert 0 <= detail["stopDate"] - detail["startDate"] < 5000


def test_the_default_bus_receives_the_reason_of_a_failed_execution(bare_sandbox: Sandbox, name: str) -> None:
    arn = create_workflow(bare_sandbox, name, {"Refuse": {"Type": "Fail", "Error": "Refused", "Cause": "it is bad"}})
    listener = Listener(bare_sandbox, name, arn)
    start(bare_sandbox, arn)
    detail = listener.heard()[-1]["detail"]
    assert (detail["status"], detail["error"], detail["cause"]) == ("FAILED", "Refused", "it is bad")


def test_the_default_bus_receives_the_reason_of_an_aborted_execution(patched: Sandbox, name: str) -> None:
    arn = create_workflow(patched, name, dict([wait(300)]))
    listener = Listener(patched, name, arn)
    states = patched.client("stepfunctions")
    states.stop_execution(executionArn=start(patched, arn), error="Stopped", cause="by hand")
    detail = listener.heard()[-1]["detail"]
    assert (detail["status"], detail["error"], detail["cause"]) == ("ABORTED", "Stopped", "by hand")
    assert detail["redriveStatus"] == "REDRIVABLE"


def test_the_default_bus_receives_the_timeout_of_an_execution(patched: Sandbox, name: str) -> None:
    arn = create_workflow(patched, name, dict([wait(1000)]), TimeoutSeconds=1)
    listener = Listener(patched, name, arn)
    start(patched, arn)
    assert [event["detail"]["status"] for event in listener.heard()] == ["RUNNING", "TIMED_OUT"]


def test_the_default_bus_receives_no_events_of_a_map_s_children(bare_sandbox: Sandbox, name: str) -> None:
    units = distributed(wait(50), Items=[1, 2], ToleratedFailureCount=1)
    arn = create_workflow(bare_sandbox, name, {"Map": units})
    listener = Listener(bare_sandbox, name, arn)
    execution = start(bare_sandbox, arn)
    assert eventually(lambda: "MapRunStarted" in event_types(bare_sandbox, execution))
    child = eventually(lambda: children(bare_sandbox, execution))[0]
    bare_sandbox.client("stepfunctions").stop_execution(executionArn=child["executionArn"])
    assert finished(bare_sandbox, execution)["status"] == "SUCCEEDED"
    assert {event["detail"]["executionArn"] for event in listener.heard()} == {execution}


# Functions that are notified

NOTIFY = """
import json, os, boto3
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(event["detail"]["status"]))
"""


def test_a_rule_runs_a_function_that_lets_it_in(bare_sandbox: Sandbox, name: str) -> None:
    sqs = bare_sandbox.client("sqs")
    queue = sqs.create_queue(QueueName=f"{name}-notified")["QueueUrl"]
    function = create_function(bare_sandbox, HUB, name, NOTIFY, Environment={"Variables": {"QUEUE": queue}})
    bare_sandbox.client("iam").put_role_policy(
        RoleName=f"{name}-function", PolicyName="tell", PolicyDocument=policy(allow("sqs:SendMessage"))
    )
    arn = create_workflow(bare_sandbox, name, {"Done": {"Type": "Succeed"}})
    rule = listen(bare_sandbox, name, arn, {"Arn": function})
    bare_sandbox.client("lambda").add_permission(
        FunctionName=name,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    start(bare_sandbox, arn)
    statuses: list[str] = []

    def both() -> bool:
        statuses.extend(
            json.loads(message["Body"]) for message in sqs.receive_message(QueueUrl=queue).get("Messages", [])
        )
        return len(statuses) == 2

    assert eventually(both, 20), statuses
    assert sorted(statuses) == ["RUNNING", "SUCCEEDED"]


@pytest.mark.parametrize("source", [None, "another-rule"])
def test_a_rule_runs_no_function_that_does_not_let_it_in(patched: Sandbox, name: str, source: str | None) -> None:
    function = create_function(patched, HUB, name, "def handler(e, c): return e")
    if source:
        patched.client("lambda").add_permission(
            FunctionName=name,
            StatementId="rule",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=f"arn:aws:events:us-east-1:{HUB}:rule/{source}",
        )
    arn = create_workflow(patched, name, {"Done": {"Type": "Succeed"}})
    letters = Queue(patched, f"{name}-letters")
    listen(patched, name, arn, {"Arn": function, "DeadLetterConfig": {"Arn": letters.arn}})
    start(patched, arn)
    assert eventually(letters.take), "the rule ran the function"
