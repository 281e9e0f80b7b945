"""Watching a promotion: its states as they begin, live in a terminal, as plain lines elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, RenderableType
from rich.filesize import decimal
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from sandbox.aws.control import Sandbox
from sandbox.demo.deployment import state_machine_arn

_POLL_SECONDS = 0.2
_COPY, _COPY_OF_ONE_UNIT = "Copy the artifacts", "Copy the only work unit"
_SHOWN_STATES = {"TaskState", "MapState", "WaitState"}
# A state that is entered again within so many rows is part of a loop (wait, look, wait, …), which stays in its rows.
_LOOP_ROWS = 3
_FAILED = ("Failed", "TimedOut")
_CALLED_BACK = ".waitForTaskToken"
_SPINNER = Spinner("dots", style="yellow")


class PromotionFailed(Exception):
    """The watched execution did not succeed; the message is its error and cause."""

    def __init__(self, message: str, error: str = "") -> None:
        super().__init__(message)
        self.error = error


@dataclass
class Row:
    """The visits of a state, one or those of a loop. `detail` is shown beside the name."""

    name: str
    began: datetime
    entered: datetime
    seconds: float = 0.0
    times: int = 1
    running: bool = True
    error: str = ""
    detail: str = ""

    def enter(self, timestamp: datetime) -> None:
        self.entered, self.running, self.error, self.times = timestamp, True, "", self.times + 1

    def leave(self, timestamp: datetime) -> None:
        self.seconds += (timestamp - self.entered).total_seconds()
        self.running = False

    def text(self) -> Text:
        text = Text(self.name)
        if self.detail or self.times > 1:
            text.append(f"  {self.detail or f'{self.times} times'}", "dim")
        if self.error:
            text.append(f"  {self.error}", "red")
        return text


def start(sandbox: Sandbox, request: dict[str, Any]) -> str:
    """Start an execution, and return its ARN."""
    response = sandbox.client("stepfunctions").start_execution(
        stateMachineArn=state_machine_arn(sandbox), input=json.dumps(request)
    )
    arn: str = response["executionArn"]
    return arn


def follow(sandbox: Sandbox, execution_arn: str, console: Console) -> dict[str, Any]:
    """Show the execution until it ends and return its output. Raises PromotionFailed."""
    stepfunctions = sandbox.client("stepfunctions")
    show = _show_live if console.is_terminal else _show_lines
    show(_poll_until_terminal(stepfunctions, execution_arn), console)
    return output_of(stepfunctions, execution_arn)


def output_of(stepfunctions: Any, execution_arn: str) -> dict[str, Any]:
    """Return the output of an execution that has ended. Raises PromotionFailed."""
    execution = stepfunctions.describe_execution(executionArn=execution_arn)
    if execution["status"] != "SUCCEEDED":
        error = execution.get("error", execution["status"])
        raise PromotionFailed(f"{error}: {execution.get('cause', 'no cause')}", error)
    output: dict[str, Any] = json.loads(execution["output"])
    return output


def _poll_until_terminal(stepfunctions: Any, execution_arn: str) -> Iterator[list[Row]]:
    copy = CopyProgress(stepfunctions, execution_arn)
    while True:
        status = stepfunctions.describe_execution(executionArn=execution_arn)["status"]
        pages = stepfunctions.get_paginator("get_execution_history").paginate(executionArn=execution_arn)
        events = [event for page in pages for event in page["events"]]
        rows = rows_of(events, now=datetime.now(UTC))
        for row in rows:
            if row.name == _COPY:
                row.detail = copy.detail(_input_of(_COPY, events))
            elif row.name == _COPY_OF_ONE_UNIT:
                row.detail = size_of(_input_of(_COPY_OF_ONE_UNIT, events)["copy"])
        yield rows
        if status != "RUNNING":
            return
        time.sleep(_POLL_SECONDS)


def rows_of(events: list[dict[str, Any]], *, now: datetime) -> list[Row]:
    """The states that an execution has entered, in order. A loop stays in its rows."""
    rows: list[Row] = []
    for event in events:
        kind, _, moment = event["type"].partition("State")
        if f"{kind}State" in _SHOWN_STATES and moment == "Entered":
            _enter(rows, event["stateEnteredEventDetails"]["name"], event["timestamp"])
        elif f"{kind}State" in _SHOWN_STATES and moment == "Exited":
            _last(rows, event["stateExitedEventDetails"]["name"]).leave(event["timestamp"])
        elif rows and not moment:
            _note_result(rows, event)
    for row in rows:
        if row.running:
            row.seconds += max(0.0, (now - row.entered).total_seconds())
    return rows


def _enter(rows: list[Row], name: str, timestamp: datetime) -> None:
    for row in rows[-_LOOP_ROWS:]:
        if row.name == name:
            row.enter(timestamp)
            return
    rows.append(Row(name, timestamp, timestamp))


def _last(rows: list[Row], name: str) -> Row:
    return next(row for row in reversed(rows) if row.name == name)


def _note_result(rows: list[Row], event: dict[str, Any]) -> None:
    """A state fails with its task, unless a retry succeeds. The execution's end ends every state."""
    entered = max(rows, key=lambda row: row.entered)
    execution_ended = event["type"].startswith("Execution") and event["type"] != "ExecutionStarted"
    if event["type"].endswith("Succeeded") and not execution_ended:
        entered.error = ""
    elif event["type"].endswith(_FAILED) and entered.running:
        details: dict[str, Any] = next((value for key, value in event.items() if key.endswith("EventDetails")), {})
        # A wait for an event has ended without one.
        if event["type"] != "TaskTimedOut" or not details.get("resource", "").endswith(_CALLED_BACK):
            entered.error = details.get("error", "failed")
    if execution_ended:
        for row in rows:
            if row.running:
                row.leave(event["timestamp"])


def _show_live(polls: Iterator[list[Row]], console: Console) -> None:
    """The last rows change in place; the rows before them stand above, so that a small terminal shows what runs."""
    printed = 0
    with Live(console=console, refresh_per_second=10) as live:
        for rows in polls:
            settled = rows[printed:-_LOOP_ROWS]
            printed += len(settled)
            live.update(_table(rows[printed:]))
            for row in settled:
                console.print(_table([row]))


def _show_lines(polls: Iterator[list[Row]], console: Console) -> None:
    """One line as a state is entered, with the time since the execution began, and one when it has failed."""
    printed, failed = 0, set[int]()
    for rows in polls:
        for position, row in enumerate(rows):
            after = (row.began - rows[0].began).total_seconds()
            if position >= printed:
                printed += 1
                console.print(f"  {after:7.1f} s  {row.name}", highlight=False, markup=False)
            if row.error and not row.running and position not in failed:
                failed.add(position)
                console.print(f"             ✗ {row.name}: {row.error}", highlight=False, markup=False)


def _table(rows: list[Row]) -> Padding:
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", style="dim", width=8, no_wrap=True)
    table.add_column(width=1)
    table.add_column()
    for row in rows:
        table.add_row(f"{row.seconds:.1f} s", _mark(row), row.text())
    return Padding(table, (0, 0, 0, 1))


def _mark(row: Row) -> RenderableType:
    if row.running:
        return _SPINNER
    return Text("✗", style="red") if row.error else Text("✓", style="green")


class CopyProgress:
    """How far the copy has come: its work units are child executions of the Map Run, which return what they copied."""

    def __init__(self, stepfunctions: Any, execution_arn: str) -> None:
        self._stepfunctions = stepfunctions
        self._execution_arn = execution_arn
        self._ended: dict[str, dict[str, int]] = {}

    def detail(self, promotion: dict[str, Any]) -> str:
        """In a few words; `promotion` is the document with the plan of the copy."""
        for run in self._stepfunctions.list_map_runs(executionArn=self._execution_arn)["mapRuns"]:
            pages = self._stepfunctions.get_paginator("list_executions").paginate(
                mapRunArn=run["mapRunArn"], statusFilter="SUCCEEDED"
            )
            for arn in [execution["executionArn"] for page in pages for execution in page["executions"]]:
                if arn not in self._ended:
                    execution = self._stepfunctions.describe_execution(executionArn=arn)
                    self._ended[arn] = json.loads(execution["output"])
        plan = promotion["copy"]
        copied = sum(unit.get("bytes", 0) for unit in self._ended.values())
        return f"{len(self._ended)} of {plan['work_units']} units, {decimal(copied)} of {size_of(plan)}"


def size_of(plan: dict[str, Any]) -> str:
    """In a few words what a plan of the copy has."""
    return f"{decimal(plan['bytes'])} in {plan['objects']} object{'' if plan['objects'] == 1 else 's'}"


def _input_of(state: str, events: list[dict[str, Any]]) -> dict[str, Any]:
    for event in events:
        details = event.get("stateEnteredEventDetails", {})
        if details.get("name") == state:
            document: dict[str, Any] = json.loads(details["input"])
            return document
    raise LookupError(f"{state} was not entered")
