"""An execution knows the version and the alias by which it was started, and so do its descriptions and events.

(API: DescribeExecution, stateMachineAliasArn.) MiniStack forgets them. What runs is the newest revision's definition,
also by an older version: there the sandbox differs still.
"""

import functools
import json
from contextvars import ContextVar
from typing import Any

from ministack.services import stepfunctions as sfn

_FIELDS = ("stateMachineVersionArn", "stateMachineAliasArn")
_started_by: ContextVar[dict[str, str]] = ContextVar("sandbox_started_by", default={})  # noqa: B039 - never changed


def apply() -> None:
    start, emit = sfn._start_execution, sfn._emit_execution_status_event
    describe, list_all = sfn._describe_execution, sfn._list_executions

    @functools.wraps(start)
    def start_by(data: dict[str, Any]) -> Any:
        token = _started_by.set(_qualifiers(data.get("stateMachineArn", "")))
        try:
            return start(data)
        finally:
            _started_by.reset(token)

    @functools.wraps(emit)
    def emit_with_qualifiers(execution: dict[str, Any]) -> None:
        # The first event is that of the start, before the first state; a Map's children are started by none.
        if len(execution["events"]) == 1 and execution["status"] == "RUNNING" and not execution.get("mapRunArn"):
            execution.update(_started_by.get())
        emit(execution)

    @functools.wraps(describe)
    def describe_with_qualifiers(data: dict[str, Any]) -> Any:
        status, headers, body = describe(data)
        if status != 200:
            return status, headers, body
        return status, headers, json.dumps(_with_qualifiers(json.loads(body))).encode()

    @functools.wraps(list_all)
    def list_with_qualifiers(data: dict[str, Any]) -> Any:
        status, headers, body = list_all(data)
        if status != 200:
            return status, headers, body
        answer = json.loads(body)
        answer["executions"] = [_with_qualifiers(entry) for entry in answer["executions"]]
        return status, headers, json.dumps(answer).encode()

    sfn._start_execution = start_by
    sfn._emit_execution_status_event = emit_with_qualifiers
    sfn._describe_execution = describe_with_qualifiers
    sfn._list_executions = list_with_qualifiers


def _qualifiers(arn: str) -> dict[str, str]:
    """The version that runs, and the alias if `arn` is that of one."""
    version = sfn._execution_version_arn(arn)
    if version is None:
        return {}
    return {_FIELDS[0]: version, **({_FIELDS[1]: arn} if arn in sfn._state_machine_aliases else {})}


def _with_qualifiers(fields: dict[str, Any]) -> dict[str, Any]:
    execution = sfn._executions.get(fields["executionArn"]) or {}
    return {**fields, **{name: execution[name] for name in _FIELDS if name in execution}}
