"""Watching a promotion: its states with their times, live in a terminal, as plain lines elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.filesize import decimal
from rich.live import Live
from rich.padding import Padding
from rich.table import Table

from sandbox.aws.control import Sandbox

_POLL_SECONDS = 0.2
_COPY = "Copy the artifacts"
_SHOWN_STATES = {"TaskState", "MapState", "WaitState"}


class PromotionFailed(Exception):
    """The watched execution did not succeed; the message is its error and cause."""

    def __init__(self, message: str, error: str = "") -> None:
        super().__init__(message)
        self.error = error


@dataclass
class Visit:
    """All visits of one state so far. `told` is what there is to say about it beside its time."""

    name: str
    entered: datetime
    seconds: float = 0.0
    times: int = 1
    running: bool = True
    detail: str = ""


def follow(sandbox: Sandbox, execution_arn: str, console: Console) -> dict[str, Any]:
    """Show the execution until it ends and return its output. Raises PromotionFailed."""
    stepfunctions = sandbox.client("stepfunctions")
    if console.is_terminal:
        with Live(console=console, refresh_per_second=10, transient=False) as live:
            for visits in _poll_until_terminal(stepfunctions, execution_arn):
                live.update(_table(visits))
    else:
        detail: set[str] = set()
        for visits in _poll_until_terminal(stepfunctions, execution_arn):
            _print_finished(visits, detail, console)
        _print_repeated(visits, console)
    return output_of(stepfunctions, execution_arn)


def output_of(stepfunctions: Any, execution_arn: str) -> dict[str, Any]:
    """Return the output of an execution that has ended. Raises PromotionFailed."""
    execution = stepfunctions.describe_execution(executionArn=execution_arn)
    if execution["status"] != "SUCCEEDED":
        error = execution.get("error", execution["status"])
        raise PromotionFailed(f"{error}: {execution.get('cause', 'no cause')}", error)
    output: dict[str, Any] = json.loads(execution["output"])
    return output


def _poll_until_terminal(stepfunctions: Any, execution_arn: str) -> Iterator[list[Visit]]:
    copy = CopyProgress(stepfunctions, execution_arn)
    while True:
        status = stepfunctions.describe_execution(executionArn=execution_arn)["status"]
        pages = stepfunctions.get_paginator("get_execution_history").paginate(executionArn=execution_arn)
        events = [event for page in pages for event in page["events"]]
        visits = _visits(events, ended=status != "RUNNING")
        for visit in visits:
            if visit.name == _COPY:
                visit.detail = copy.detail(_input_of(_COPY, events))
        yield visits
        if status != "RUNNING":
            return
        time.sleep(_POLL_SECONDS)


class CopyProgress:
    """How far the copy has come: its units are child executions of the Map's run, and tell what they copied."""

    def __init__(self, stepfunctions: Any, execution_arn: str) -> None:
        self._stepfunctions = stepfunctions
        self._execution_arn = execution_arn
        self._ended: dict[str, dict[str, int]] = {}

    def detail(self, promotion: dict[str, Any]) -> str:
        """Say it in a few words; `promotion` is the document with the plan of the copy."""
        for run in self._stepfunctions.list_map_runs(executionArn=self._execution_arn)["mapRuns"]:
            pages = self._stepfunctions.get_paginator("list_executions").paginate(
                mapRunArn=run["mapRunArn"], statusFilter="SUCCEEDED"
            )
            for arn in [one["executionArn"] for page in pages for one in page["executions"]]:
                if arn not in self._ended:
                    found = self._stepfunctions.describe_execution(executionArn=arn)
                    self._ended[arn] = json.loads(found["output"])
        plan = promotion["copy"]
        copied = sum(unit.get("bytes", 0) for unit in self._ended.values())
        return (
            f"{len(self._ended)} of {plan['work_units']} units, "
            f"{decimal(copied)} of {decimal(plan['bytes'])} in {plan['objects']} objects"
        )


def _input_of(state: str, events: list[dict[str, Any]]) -> dict[str, Any]:
    for event in events:
        details = event.get("stateEnteredEventDetails", {})
        if details.get("name") == state:
            document: dict[str, Any] = json.loads(details["input"])
            return document
    raise LookupError(f"{state} was not entered")


def _visits(events: list[dict[str, Any]], *, ended: bool) -> list[Visit]:
    visits: dict[str, Visit] = {}
    for event in events:
        kind, _, moment = event["type"].partition("State")
        if f"{kind}State" not in _SHOWN_STATES:
            continue
        if moment == "Entered":
            name = event["stateEnteredEventDetails"]["name"]
            known = visits.get(name)
            if known:
                known.entered, known.running, known.times = event["timestamp"], True, known.times + 1
            else:
                visits[name] = Visit(name, event["timestamp"])
        elif moment == "Exited":
            visit = visits[event["stateExitedEventDetails"]["name"]]
            visit.seconds += (event["timestamp"] - visit.entered).total_seconds()
            visit.running = False
    for visit in visits.values():
        if visit.running and not ended:
            visit.seconds += max(0.0, (datetime.now(UTC) - visit.entered).total_seconds())
    return list(visits.values())


def _table(visits: list[Visit]) -> Padding:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="dim", min_width=7)
    for visit in visits:
        mark = "[yellow]●[/]" if visit.running else "[green]✓[/]"
        more = visit.detail or (f"{visit.times} times" if visit.times > 1 else "")
        table.add_row(f"{visit.seconds:.1f} s", mark, visit.name, f"[dim]{more}[/]")
    return Padding(table, (0, 0, 0, 2))


def _print_finished(visits: list[Visit], detail: set[str], console: Console) -> None:
    """Print each state once, when it is first done."""
    for visit in visits:
        if not visit.running and visit.name not in detail:
            detail.add(visit.name)
            more = f": {visit.detail}" if visit.detail else ""
            console.print(f"  {visit.seconds:5.1f} s  {visit.name}{more}", highlight=False)


def _print_repeated(visits: list[Visit], console: Console) -> None:
    for visit in visits:
        if visit.times > 1:
            console.print(f"  {visit.seconds:5.1f} s  {visit.name}, {visit.times} times in all", highlight=False)
