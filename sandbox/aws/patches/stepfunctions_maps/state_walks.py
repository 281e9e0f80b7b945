"""How a chain of states of a Map or a Parallel is gone through, with its events in a history."""

import json
from typing import Any

from ministack.core.responses import now_iso
from ministack.services import stepfunctions as sfn


def walk(states: dict[str, Any], start_at: str, data: Any, execution: dict[str, Any], ctx: dict[str, Any]) -> Any:
    """Go through the states, with their events in the history of the execution, and return the output."""
    name: str | None = start_at
    while name:
        state = states.get(name)
        if state is None:
            raise sfn._ExecutionError("States.Runtime", f"State '{name}' not found")
        kind = state["Type"]
        ctx["State"] = {"Name": name, "EnteredTime": now_iso(), "RetryCount": 0}
        entered = {"name": name, "input": json.dumps(data)}
        sfn._add_event(execution, f"{kind}StateEntered", {"stateEnteredEventDetails": entered})
        data, following = _step(kind, state, data, execution, ctx)
        exited = {"name": name, "output": json.dumps(data)}
        sfn._add_event(execution, f"{kind}StateExited", {"stateExitedEventDetails": exited})
        name = following
    return data


def _step(kind: str, state: dict[str, Any], data: Any, execution: dict[str, Any], ctx: dict[str, Any]) -> Any:
    if kind == "Fail":
        raise sfn._ExecutionError(*sfn._fail_state_error(state, data, ctx))
    if kind == "Succeed":
        return sfn._apply_output_path(state, sfn._apply_input_path(state, data, ctx), ctx), None
    if kind in ("Task", "Parallel", "Map"):
        return getattr(sfn, f"_execute_{kind.lower()}")(state, data, execution, ctx)
    if kind in ("Pass", "Choice", "Wait"):
        return getattr(sfn, f"_execute_{kind.lower()}")(state, data, ctx)
    raise sfn._ExecutionError("States.Runtime", f"Unknown state type: {kind}")
