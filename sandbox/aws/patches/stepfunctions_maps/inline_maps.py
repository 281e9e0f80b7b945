"""The states of an inline Map, and its iterations, stand in the history of the execution; so do those of a Parallel.

MiniStack's history has the Map only. Iterations that run when another fails are not aborted, as they are on AWS: the
Map waits for them.
"""

import copy
import functools
import threading
from contextvars import ContextVar
from typing import Any

from ministack.services import stepfunctions as sfn

from sandbox.aws.patches.stepfunctions_maps import state_walks

# The inline Map whose iterations begin in this thread.
_map_name: ContextVar[str | None] = ContextVar("sandbox_inline_map", default=None)
# Iterations add their events at the same time, and an event has a number.
_one_at_a_time = threading.RLock()


def apply() -> None:
    add, run = sfn._add_event, sfn._run_map_items

    @functools.wraps(add)
    def add_with_number(execution: dict[str, Any], *event: Any) -> Any:
        with _one_at_a_time:
            return add(execution, *event)

    @functools.wraps(run)
    def run_with_events(state: dict[str, Any], data: Any, execution: dict[str, Any], ctx: dict[str, Any]) -> Any:
        token = _map_name.set(ctx["State"]["Name"])
        try:
            length = len(_items(state, data, ctx))
            sfn._add_event(execution, "MapStateStarted", {"mapStateStartedEventDetails": {"length": length}})
            result = run(state, data, execution, ctx)
        except sfn._ExecutionError:
            sfn._add_event(execution, "MapStateFailed")
            raise
        finally:
            _map_name.reset(token)
        sfn._add_event(execution, "MapStateSucceeded")
        return result

    sfn._add_event = add_with_number
    sfn._run_map_items = run_with_events
    sfn._run_sub_machine = _run_chain


def _items(state: dict[str, Any], data: Any, ctx: dict[str, Any]) -> list[Any]:
    if "Items" in state:
        items = sfn._jsonata_state_field(state, "Items", "array", data, ctx)
    else:
        effective = sfn._apply_input_path(state, data, ctx)
        items = sfn._resolve_path_or_ctx(state.get("ItemsPath", "$"), effective, ctx)
    return items if isinstance(items, list) else [items]


def _run_chain(states: dict[str, Any], start_at: str, data: Any, execution: dict[str, Any], ctx: dict[str, Any]) -> Any:
    """Run an iteration of an inline Map, or a branch of a Parallel."""
    name, data = _map_name.get(), copy.deepcopy(data)
    if name is None:
        return state_walks.walk(states, start_at, data, execution, ctx)
    _map_name.set(None)  # in this thread's own context: a Parallel below is none of the Map's iterations
    details = {"name": name, "index": ctx["Map"]["Item"]["Index"]}
    _add(execution, "Started", details)
    try:
        output = state_walks.walk(states, start_at, data, execution, ctx)
    except sfn._ExecutionError:
        _add(execution, "Failed", details)
        raise
    _add(execution, "Succeeded", details)
    return output


def _add(execution: dict[str, Any], kind: str, details: dict[str, Any]) -> None:
    sfn._add_event(execution, f"MapIteration{kind}", {f"mapIteration{kind}EventDetails": details})
