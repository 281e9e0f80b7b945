"""State machines in JSONata, and what the tests of their executions look at."""

import json
from typing import Any

from sandbox.aws.control import Sandbox
from tests.sandbox.aws.builders import HUB, allow, create_role, finished

STATES = {"Service": "states.amazonaws.com"}


def machine_arn(name: str) -> str:
    return f"arn:aws:states:us-east-1:{HUB}:stateMachine:{name}"


def create_workflow(
    sandbox: Sandbox, name: str, states: dict[str, Any], *statements: dict[str, Any], starts: bool = True, **top: Any
) -> str:
    """A state machine of the hub that begins with the first of the states. Returns its ARN.

    Its role may what the statements say and, unless not `starts`, start executions of its own machine.
    """
    itself = [allow("states:StartExecution", machine_arn(name))] if starts else []
    role = create_role(sandbox, HUB, f"{name}-workflow", *itself, *statements, by=STATES)
    definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states, **top}
    answer = sandbox.client("stepfunctions").create_state_machine(
        name=name, roleArn=role, definition=json.dumps(definition)
    )
    arn: str = answer["stateMachineArn"]
    return arn


def distributed(*children: tuple[str, dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """A Distributed Map that is the last state, each child of which goes through the states `children`."""
    states = dict(children) or {"Return": {"Type": "Pass", "End": True}}
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": next(iter(states)),
        "States": states,
    }
    end = {} if "Next" in fields else {"End": True}
    return {"Type": "Map", "Label": "Units", "ItemProcessor": processor, **end, **fields}


def wait(seconds: int) -> tuple[str, dict[str, Any]]:
    """A last state that takes a hundredth of the seconds."""
    return "Hold", {"Type": "Wait", "Seconds": seconds, "End": True}


def start(sandbox: Sandbox, arn: str, data: Any = None) -> str:
    """Start an execution. Returns its ARN."""
    states = sandbox.client("stepfunctions")
    execution: str = states.start_execution(stateMachineArn=arn, input=json.dumps(data or {}))["executionArn"]
    return execution


def end(sandbox: Sandbox, arn: str, data: Any = None) -> Any:
    """An execution, started and ended. Its `result` is its output, decoded."""
    described = finished(sandbox, start(sandbox, arn, data))
    assert described is not None, "the execution does not end"
    return {**described, "result": json.loads(described.get("output") or "null")}


def map_runs(sandbox: Sandbox, execution: str) -> list[Any]:
    """The Map Runs of an execution as they are described, the first first."""
    states = sandbox.client("stepfunctions")
    listed = states.list_map_runs(executionArn=execution)["mapRuns"]
    listed.sort(key=lambda run: run["startDate"])
    return [states.describe_map_run(mapRunArn=run["mapRunArn"]) for run in listed]


def children(sandbox: Sandbox, execution: str) -> list[Any]:
    """The children of the execution's only Map Run as they are described."""
    states = sandbox.client("stepfunctions")
    (run,) = states.list_map_runs(executionArn=execution)["mapRuns"]
    listed = states.list_executions(mapRunArn=run["mapRunArn"])["executions"]
    return [states.describe_execution(executionArn=child["executionArn"]) for child in listed]


def history(sandbox: Sandbox, execution: str) -> list[Any]:
    pages = sandbox.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=execution)
    return [event for page in pages for event in page["events"]]


def event_types(sandbox: Sandbox, execution: str) -> list[str]:
    return [event["type"] for event in history(sandbox, execution)]
