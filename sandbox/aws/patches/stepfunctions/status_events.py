"""The status event of an execution has its error and cause, and children of a Map have no events.

Its detail is what DescribeExecution answers (Developer Guide: EventBridge). MiniStack's has neither error nor cause of
an execution that was stopped.
"""

import functools
import json
from typing import Any

from ministack.services import eventbridge
from ministack.services import stepfunctions as sfn

REDRIVABLE = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})


def apply() -> None:
    emit = sfn._emit_execution_status_event

    @functools.wraps(emit)
    def emit_whole(execution: dict[str, Any]) -> None:
        if execution.get("sync") or execution.get("mapRunArn"):
            return
        try:
            eventbridge._put_events({"Entries": [_entry(execution)]}, allow_aws_source=True)
        except Exception:
            # Delivery is best effort: it never fails an execution.
            sfn.logger.exception("No status event of %s", execution["executionArn"])

    sfn._emit_execution_status_event = emit_whole


def _entry(execution: dict[str, Any]) -> dict[str, Any]:
    return {
        "Source": "aws.states",
        "DetailType": "Step Functions Execution Status Change",
        "Resources": [execution["executionArn"]],
        "Detail": json.dumps(_detail(execution)),
    }


def _detail(execution: dict[str, Any]) -> dict[str, Any]:
    status = execution["status"]
    output = execution["output"] if status == "SUCCEEDED" else None
    return {
        "executionArn": execution["executionArn"],
        "stateMachineArn": execution["stateMachineArn"],
        "name": execution["name"],
        "status": status,
        "startDate": sfn._iso_to_epoch_ms(execution["startDate"]),
        "stopDate": sfn._iso_to_epoch_ms(execution["stopDate"]),
        **_payload("input", execution["input"]),
        **(_payload("output", output) if output is not None else {"output": None, "outputDetails": None}),
        "stateMachineVersionArn": execution.get("stateMachineVersionArn"),
        "stateMachineAliasArn": execution.get("stateMachineAliasArn"),
        "redriveDate": None,
        **redrive(status),
        "error": execution.get("error") or None,
        "cause": execution.get("cause") or None,
    }


def redrive(status: str) -> dict[str, Any]:
    """Whether an execution with this status can be redriven, in the words of an event and of DescribeExecution."""
    redrivable = status in REDRIVABLE
    return {
        "redriveCount": 0,
        "redriveStatus": "REDRIVABLE" if redrivable else "NOT_REDRIVABLE",
        "redriveStatusReason": None if redrivable else f"Execution is {status} and cannot be redriven",
    }


def _payload(name: str, text: str) -> dict[str, Any]:
    """Left out when it is larger than an event may be."""
    fits = len(text) <= sfn._STATUS_EVENT_PAYLOAD_CAP
    return {name: text if fits else None, f"{name}Details": {"included": fits}}
