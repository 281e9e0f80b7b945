"""A task that waits until it is called back by its token."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.control import Sandbox
from tests.sandbox.aws.builders import HUB, allow, create_role, eventually, finished
from tests.sandbox.aws.state_machines import create_workflow, end, event_types, machine_arn, start

KEY = {"id": {"S": "it"}}


def create_table(sandbox: Sandbox, name: str) -> str:
    sandbox.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return f"arn:aws:dynamodb:us-east-1:{HUB}:table/{name}"


def create_waiting(sandbox: Sandbox, name: str, timeout: Any = 10_000) -> str:
    """A state machine that stores its token in a table, and waits for a hundredth of the seconds at most."""
    wait = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken",
        "Arguments": {
            "TableName": name,
            "Key": KEY,
            "UpdateExpression": "SET task_token = :token",
            "ExpressionAttributeValues": {":token": {"S": "{% $states.context.Task.Token %}"}},
        },
        "TimeoutSeconds": timeout,
        "Catch": [{"ErrorEquals": ["States.Timeout"], "Output": "late", "Next": "Done"}],
        "Next": "Done",
    }
    table = create_table(sandbox, name)
    return create_workflow(
        sandbox, name, {"Wait": wait, "Done": {"Type": "Succeed"}}, allow("dynamodb:UpdateItem", table)
    )


def token_in(sandbox: Sandbox, name: str) -> str:
    dynamodb = sandbox.client("dynamodb")
    assert eventually(lambda: "Item" in dynamodb.get_item(TableName=name, Key=KEY)), "no token is stored"
    token: str = dynamodb.get_item(TableName=name, Key=KEY)["Item"]["task_token"]["S"]
    return token


def caller(sandbox: Sandbox, name: str, *resources: str) -> Any:
    """Step Functions, as a role that may end the tasks of these state machines."""
    statements = [allow("states:SendTaskSuccess", list(resources))] if resources else []
    role = create_role(sandbox, HUB, f"{name}-caller", *statements)
    return sandbox.client("stepfunctions", HUB, sandbox.assume(role))


def test_a_token_in_a_table_ends_the_wait(bare_sandbox: Sandbox, name: str) -> None:
    execution = start(bare_sandbox, create_waiting(bare_sandbox, name))
    bare_sandbox.client("stepfunctions").send_task_success(taskToken=token_in(bare_sandbox, name), output='"here"')
    assert json.loads(finished(bare_sandbox, execution)["output"]) == "here"
    assert "TaskSucceeded" in event_types(bare_sandbox, execution)


def test_a_wait_for_a_token_ends_by_a_timeout_in_jsonata(patched: Sandbox, name: str) -> None:
    began = time.monotonic()
    ended = end(patched, create_waiting(patched, name, "{% $states.input.seconds * 10 %}"), {"seconds": 10})
    assert (ended["result"], time.monotonic() - began > 1) == ("late", True)
    assert "TaskTimedOut" in event_types(patched, ended["executionArn"])


def test_the_timeout_of_a_wait_for_a_token_takes_sandbox_time(bare_sandbox: Sandbox, name: str) -> None:
    began = time.monotonic()
    assert end(bare_sandbox, create_waiting(bare_sandbox, name, 60))["result"] == "late"
    assert 0.6 < time.monotonic() - began < 30


def test_a_task_is_ended_with_a_permission_on_its_state_machine(patched: Sandbox, name: str) -> None:
    execution = start(patched, create_waiting(patched, name))
    caller(patched, name, machine_arn(name)).send_task_success(taskToken=token_in(patched, name), output="{}")
    assert finished(patched, execution)["status"] == "SUCCEEDED"


def test_a_permission_on_another_state_machine_ends_no_task(bare_sandbox: Sandbox, name: str) -> None:
    start(bare_sandbox, create_waiting(bare_sandbox, name))
    token = token_in(bare_sandbox, name)
    with pytest.raises(ClientError, match="AccessDenied"):
        caller(bare_sandbox, name, machine_arn("other")).send_task_success(taskToken=token, output="{}")


def test_a_token_is_used_once(patched: Sandbox, name: str) -> None:
    start(patched, create_waiting(patched, name))
    token, states = token_in(patched, name), patched.client("stepfunctions")
    states.send_task_success(taskToken=token, output="{}")
    with pytest.raises(states.exceptions.TaskTimedOut):
        states.send_task_success(taskToken=token, output="{}")
