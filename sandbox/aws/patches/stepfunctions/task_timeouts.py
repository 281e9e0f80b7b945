"""A task that exceeds its TimeoutSeconds is TaskTimedOut with States.Timeout, and has no cause.

A Catch gets an empty cause. MiniStack's is TaskFailed with a sentence.
"""

import functools
from collections.abc import Callable
from typing import Any

from ministack.services import stepfunctions as sfn

TIMEOUT = "States.Timeout"
_FAILED = "taskFailedEventDetails"


def apply() -> None:
    add = sfn._add_event

    @functools.wraps(add)
    def add_timeout(execution: dict[str, Any], kind: str, details: Any = None) -> Any:
        if kind == "TaskFailed" and details[_FAILED]["error"] == TIMEOUT:
            kind, details = "TaskTimedOut", {"taskTimedOutEventDetails": details[_FAILED]}
        return add(execution, kind, _without_empty(details))

    sfn._add_event = add_timeout
    sfn._invoke_resource_with_timeout = _without_cause(sfn._invoke_resource_with_timeout)
    sfn._invoke_with_callback = _without_cause(sfn._invoke_with_callback)


def _without_cause(invoke: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(invoke)
    def invoke_in_time(*arguments: Any) -> Any:
        try:
            return invoke(*arguments)
        except sfn._ExecutionError as error:
            if error.error == TIMEOUT:
                raise sfn._ExecutionError(TIMEOUT, "") from None
            raise

    return invoke_in_time


def _without_empty(details: Any) -> Any:
    """The details of an event: an error or a cause that is empty has no field."""
    return {
        name: {key: value for key, value in fields.items() if value or key not in ("error", "cause")}
        if isinstance(fields, dict)
        else fields
        for name, fields in (details or {}).items()
    }
