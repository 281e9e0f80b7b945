"""A Distributed Map runs with JSONata and with the state machine's role, and its children are executions.

MiniStack's takes JSONPath only, reads any bucket, runs all the items whatever becomes of the Map, and keeps no history
of it. What the parent's history has is what AWS's has; so is the order in which a Map Run starts and reads its items.
"""

import contextvars
import functools
import json
import threading
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import new_uuid
from ministack.services import stepfunctions as sfn

from sandbox.aws.patches.iam import roles
from sandbox.aws.patches.stepfunctions import payload_limits
from sandbox.aws.patches.stepfunctions.ended_executions import ExecutionEnded
from sandbox.aws.patches.stepfunctions_maps import item_readers, map_runs, state_walks
from sandbox.aws.patches.stepfunctions_maps.map_runs import Limits, MapRun

# What this one cannot do must not look as if it had been done.
MISSING = ("ItemBatcher", "ResultWriter")

# Threads in this process: AWS runs 10,000 children at once when the state does not say.
CONCURRENCY = 64


def apply() -> None:
    inline, describe = sfn._run_map_items, sfn._map_run_view

    @functools.wraps(inline)
    def run_map(state: dict[str, Any], data: Any, execution: dict[str, Any], ctx: dict[str, Any]) -> Any:
        if (_processor(state).get("ProcessorConfig") or {}).get("Mode") == "DISTRIBUTED":
            return _run(_Map(state, data, ctx), execution)
        return inline(state, data, execution, ctx)

    @functools.wraps(describe)
    def describe_now(record: dict[str, Any]) -> dict[str, Any]:
        return {**describe(record), **map_runs.view(record)}

    sfn._run_map_items = run_map
    sfn._map_run_view = describe_now


def _processor(state: dict[str, Any]) -> dict[str, Any]:
    processor: dict[str, Any] = state.get("ItemProcessor") or state.get("Iterator") or {}
    return processor


@dataclass(frozen=True)
class _Map:
    """A Map state with what it was entered with; its fields are read in its query language."""

    state: dict[str, Any]
    data: Any
    ctx: dict[str, Any]

    @property
    def jsonata(self) -> bool:
        return bool(sfn._state_query_language(self.state, self.ctx) == "JSONata")

    @property
    def effective(self) -> Any:
        return self.data if self.jsonata else sfn._apply_input_path(self.state, self.data, self.ctx)

    def resolved(self, template: Any, ctx: dict[str, Any] | None = None) -> Any:
        if self.jsonata:
            return sfn._apply_jsonata_template(template, self.data, ctx or self.ctx)
        return sfn._resolve_params_obj(template, self.effective, ctx or self.ctx)

    def number(self, field: str) -> Any:
        """A field's number, or None where the state does not have it."""
        if f"{field}Path" in self.state:
            return sfn._resolve_path_or_ctx(self.state[f"{field}Path"], self.effective, self.ctx)
        if field in self.state and self.jsonata:
            return sfn._jsonata_state_field(self.state, field, "number", self.data, self.ctx)
        return self.state.get(field)

    def limits(self) -> Limits:
        count = self.number("ToleratedFailureCount")
        return Limits(
            max_concurrency=int(self.number("MaxConcurrency") or 0),
            tolerated_count=None if count is None else int(count),
            tolerated_percentage=self.number("ToleratedFailurePercentage"),
        )

    def items(self) -> list[Any]:
        """The items that the state has without reading them from S3."""
        if "Items" in self.state:
            items = sfn._jsonata_state_field(self.state, "Items", "array", self.data, self.ctx)
        else:
            items = sfn._resolve_path_or_ctx(self.state.get("ItemsPath", "$"), self.effective, self.ctx)
        return items if isinstance(items, list) else [items]

    def read(self, role_arn: str, session: str) -> list[Any]:
        """The items that the state's ItemReader finds. Raises States.ItemReaderFailed."""
        reader = self.state["ItemReader"]
        arguments = self.resolved(reader.get("Arguments") or reader.get("Parameters") or {})
        config = self.resolved(reader.get("ReaderConfig") or {})
        if "MaxItemsPath" in config:
            config["MaxItems"] = sfn._resolve_path_or_ctx(config["MaxItemsPath"], self.effective, self.ctx)
        return item_readers.read(reader["Resource"], arguments, config, role_arn, session)

    def child_input(self, index: int, item: Any) -> Any:
        selector = self.state.get("ItemSelector") or self.state.get("Parameters")
        if not selector:
            return item
        return self.resolved(selector, {**self.ctx, "Map": {"Item": {"Index": index, "Value": item}}})

    def output(self, results: list[Any]) -> Any:
        if self.jsonata:
            output = sfn._apply_jsonata_output(self.state, self.data, self.ctx, result=results, default=results)
            sfn._apply_state_assign(self.state, self.data, self.ctx, result=results)
            return output
        output = sfn._apply_result_path(self.state, self.data, sfn._apply_result_selector(self.state, results))
        return sfn._apply_output_path(self.state, output, self.ctx)


def _run(state: _Map, execution: dict[str, Any]) -> Any:
    """Run the Map, and return its output and the next state's name. Raises what the state fails with, or `Ended`."""
    for field in MISSING:
        if field in state.state:
            raise sfn._ExecutionError("States.Runtime", f"The sandbox has no {field}.")
    limits, reads = state.limits(), "ItemReader" in state.state
    items = [] if reads else state.items()
    sfn._add_event(execution, "MapStateStarted", {"mapStateStartedEventDetails": {"length": len(items)}})
    run = MapRun.start(execution, state.state.get("Label") or new_uuid(), limits)
    arn = run.record["mapRunArn"]
    sfn._add_event(execution, "MapRunStarted", {"mapRunStartedEventDetails": {"mapRunArn": arn}})
    try:
        role_arn = _require_start(execution)
        if reads:
            items = state.read(role_arn, execution["name"][:64])
        _run_children(run, state, items, role_arn)
        results = [json.loads(child["output"]) if child["output"] else None for child in run.children]
        payload_limits.require(results, state.ctx["State"]["Name"])
        _close(run, map_runs.SUCCEEDED)
    except sfn._ExecutionError as failure:
        _close(run, map_runs.FAILED)
        details = {"error": failure.error, "cause": failure.cause}
        sfn._add_event(execution, "MapRunFailed", {"mapRunFailedEventDetails": details})
        sfn._add_event(execution, "MapStateFailed")
        raise
    finally:
        # Whatever went wrong here leaves no children behind.
        run.close(map_runs.FAILED)
    sfn._add_event(execution, "MapRunSucceeded")
    sfn._add_event(execution, "MapStateSucceeded")
    return state.output(results), sfn._next_or_end(state.state)


def _close(run: MapRun, status: str) -> None:
    if not run.close(status):
        raise ExecutionEnded


def _require_start(execution: dict[str, Any]) -> str:
    """The ARN of the machine's role, which has to be allowed to start executions of the machine itself."""
    machine_arn = ":".join(execution["stateMachineArn"].split("/")[0].split(":")[:7])
    role_arn = str(sfn._state_machines[machine_arn]["roleArn"])
    session = execution["name"][:64]
    try:
        roles.require(role_arn, "states.amazonaws.com", session, "states:StartExecution", machine_arn)
    except roles.NotAllowed as refusal:
        raise sfn._ExecutionError("States.Permissions", str(refusal)) from None
    return role_arn


def _run_children(run: MapRun, state: _Map, items: list[Any], role_arn: str) -> None:
    """One child for each item, as many at once as may. Raises when too many failed; then the others are aborted."""
    run.total = len(items)
    for index, item in enumerate(items):
        data = state.child_input(index, item)
        with run.changed:
            run.changed.wait_for(lambda: run.over or run.too_many_failed or not (run.full or _busy(run)))
            if run.over or run.too_many_failed:
                break
            child = run.start_child(data, role_arn)
        work = (_run_child, run, child, _processor(state.state), state.ctx)
        threading.Thread(target=contextvars.copy_context().run, args=work, daemon=True).start()
    with run.changed:
        run.changed.wait_for(lambda: run.over or run.too_many_failed or not run.active)
        if run.too_many_failed:
            raise sfn._ExecutionError(
                "States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded"
            )


def _busy(run: MapRun) -> bool:
    return len(run.active) >= CONCURRENCY


def _run_child(run: MapRun, child: dict[str, Any], processor: dict[str, Any], parent: dict[str, Any]) -> None:
    try:
        output = state_walks.walk(
            processor["States"], processor["StartAt"], json.loads(child["input"]), child, _context(child, parent)
        )
    except sfn._ExecutionError as failure:
        run.end_child(child, map_runs.FAILED, "Failed", error=failure.error, cause=failure.cause)
    except ExecutionEnded:
        pass
    except Exception as fault:
        sfn.logger.exception("Unexpected error in execution %s", child["executionArn"])
        run.end_child(child, map_runs.FAILED, "Failed", error="States.Runtime", cause=str(fault))
    else:
        run.end_child(child, map_runs.SUCCEEDED, "Succeeded", output=json.dumps(output))


def _context(child: dict[str, Any], parent: dict[str, Any]) -> dict[str, Any]:
    """A child's own context: it sees neither the parent's variables nor its Map.Item, only its input."""
    machine = child["stateMachineArn"]
    return {
        "QueryLanguage": parent["QueryLanguage"],
        "Execution": {
            "Id": child["executionArn"],
            "Input": json.loads(child["input"]),
            "Name": child["name"],
            "StartTime": child["startDate"],
        },
        "StateMachine": {"Id": machine, "Name": machine.rpartition(":")[2]},
        "variables": {},
    }
