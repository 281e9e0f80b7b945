"""The payload of a state has at most 256 KiB; a Catch sees a larger result of a task, and no error in the definition.

The Developer Guide (Handling errors) says that `States.ALL` catches neither States.DataLimitExceeded nor
States.Runtime. Recordings show that it catches the former of a task's result, and that not even its own name catches
the latter. Of other states nothing was recorded: the guide holds. MiniStack hands on whatever there is, and catches
everything.
"""

import functools
import json
from typing import Any

from ministack.services import stepfunctions as sfn

BYTES = 256 * 1024
DATA_LIMIT, RUNTIME = "States.DataLimitExceeded", "States.Runtime"


class Uncaught(str):
    """The name of an error that no Catch and no Retry sees."""

    __slots__ = ()


def apply() -> None:
    add, matches, invoke = sfn._add_event, sfn._error_matches, sfn._invoke_resource

    @functools.wraps(add)
    def add_within_limit(execution: dict[str, Any], kind: str, details: Any = None) -> Any:
        if kind.endswith("StateExited"):
            exited = details["stateExitedEventDetails"]
            # Compact it is smaller, never larger.
            if len(exited["output"]) > BYTES:
                require(json.loads(exited["output"]), exited["name"])
        return add(execution, kind, details)

    @functools.wraps(matches)
    def matches_what_can_be_caught(names: list[str], error: str) -> bool:
        if error == RUNTIME or isinstance(error, Uncaught):
            return False
        return bool(matches(names, error))

    @functools.wraps(invoke)
    def invoke_within_limit(resource: str, parameters: Any) -> Any:
        result = invoke(resource, parameters)
        if _is_too_large(result):
            raise _too_large(DATA_LIMIT, _service_of(resource))
        return result

    sfn._invoke_resource = invoke_within_limit
    sfn._add_event = add_within_limit
    sfn._error_matches = matches_what_can_be_caught


def require(data: Any, state: str) -> None:
    """Raise States.DataLimitExceeded, which nothing catches, if the result of a state is too large."""
    if _is_too_large(data):
        raise _too_large(Uncaught(DATA_LIMIT), state)


def _is_too_large(data: Any) -> bool:
    return len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()) > BYTES


def _too_large(error: str, name: str) -> Exception:
    failure: Exception = sfn._ExecutionError(
        error,
        f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service limit.",
    )
    return failure


def _service_of(resource: str) -> str:
    """What a cause calls a task: its service, or its function's ARN."""
    return resource.rpartition(":::")[2].rpartition(":")[0] if ":::" in resource else resource
