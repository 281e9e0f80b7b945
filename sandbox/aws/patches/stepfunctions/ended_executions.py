"""An execution that has ended does not change, and TimeoutSeconds of the state machine is observed.

MiniStack lets a stopped execution fail afterwards, goes on with its tasks and their retries, and does not know the
TimeoutSeconds of a state machine.
"""

import contextvars
import functools
import json
import threading
from typing import Any

from ministack.core.responses import now_iso
from ministack.services import stepfunctions as sfn

from sandbox.aws.patches.stepfunctions_maps import map_runs

TERMINAL_EVENTS = frozenset(f"Execution{end}" for end in ("Succeeded", "Failed", "Aborted", "TimedOut"))


class ExecutionEnded(SystemExit):
    """The execution ended while something of it still ran: what runs has to stop.

    No Retry and no Catch sees it, and a thread that ends with it says nothing.
    """


def apply() -> None:
    add, fail, run, stop = sfn._add_event, sfn._fail_execution, sfn._run_execution, sfn._stop_execution

    @functools.wraps(add)
    def add_while_it_runs(execution: dict[str, Any], *event: Any) -> Any:
        events = execution["events"]
        if events and events[-1]["type"] in TERMINAL_EVENTS:
            raise ExecutionEnded
        return add(execution, *event)

    @functools.wraps(fail)
    def fail_if_it_runs(execution: dict[str, Any], *why: Any) -> None:
        if execution["status"] == "RUNNING":
            fail(execution, *why)

    @functools.wraps(run)
    def run_in_time(execution_arn: str) -> None:
        timer = _timer(execution_arn)
        try:
            run(execution_arn)
        except ExecutionEnded:
            pass
        finally:
            if timer is not None:
                timer.cancel()

    @functools.wraps(stop)
    def stop_with_children(data: dict[str, Any]) -> Any:
        execution = sfn._executions.get(data.get("executionArn"))
        if execution and execution["status"] == "RUNNING":
            map_runs.interrupt(execution)
        answer = stop(data)
        if execution:
            map_runs.note_end(execution)
        return answer

    sfn._add_event = add_while_it_runs
    sfn._fail_execution = fail_if_it_runs
    sfn._run_execution = run_in_time
    sfn._stop_execution = stop_with_children


def _timer(execution_arn: str) -> threading.Timer | None:
    """What ends the execution when its time is up. Only waits are scaled: tasks take the time that they take."""
    execution = sfn._executions.get(execution_arn)
    machine = sfn._state_machines.get(execution["stateMachineArn"]) if execution else None
    seconds = _timeout_seconds(machine["definition"]) if machine else None
    if seconds is None:
        return None
    timer = threading.Timer(seconds, contextvars.copy_context().run, (_time_out, execution))
    timer.daemon = True
    timer.start()
    return timer


def _timeout_seconds(definition: str) -> float | None:
    try:
        seconds = json.loads(definition).get("TimeoutSeconds")
    except ValueError:
        return None
    return float(seconds) if seconds else None


def _time_out(execution: dict[str, Any]) -> None:
    if execution["status"] != "RUNNING":
        return
    map_runs.interrupt(execution)
    execution.update(status="TIMED_OUT", stopDate=now_iso())
    sfn._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}})
    sfn._emit_execution_status_event(execution)
