"""The payload of a state has at most 256 KiB; no Catch catches a larger one, or an error in the definition.

`States.ALL` catches neither States.DataLimitExceeded nor States.Runtime (Developer Guide: Handling errors). MiniStack
hands on whatever there is, and catches everything.
"""

import functools
import json
from typing import Any

from ministack.services import stepfunctions as sfn

BYTES = 256 * 1024
TERMINAL = frozenset({"States.DataLimitExceeded", "States.Runtime"})


def apply() -> None:
    add, matches = sfn._add_event, sfn._error_matches

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
        return error in names if error in TERMINAL else bool(matches(names, error))

    sfn._add_event = add_within_limit
    sfn._error_matches = matches_what_can_be_caught


def require(data: Any, state: str) -> None:
    """Raise States.DataLimitExceeded if the state's result is too large."""
    if len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()) > BYTES:
        raise sfn._ExecutionError(
            "States.DataLimitExceeded",
            f"The state/task '{state}' returned a result with a size exceeding the maximum number of bytes service "
            "limit.",
        )
