"""Watching a promotion: its states with their times, live in a terminal, as plain lines elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.padding import Padding
from rich.table import Table

from sandbox.control import Sandbox

_POLL_SECONDS = 0.2
_SHOWN = {"TaskState", "MapState", "WaitState"}


class PromotionFailed(Exception):
    """The watched execution did not succeed; the message is its error and cause."""


@dataclass
class Visit:
    """All visits of one state so far."""

    name: str
    entered: datetime
    seconds: float = 0.0
    times: int = 1
    running: bool = True


def follow(sandbox: Sandbox, execution_arn: str, console: Console) -> dict[str, Any]:
    """Show the execution until it ends and return its output. Raises PromotionFailed."""
    stepfunctions = sandbox.client("stepfunctions")
    if console.is_terminal:
        with Live(console=console, refresh_per_second=10, transient=False) as live:
            for visits in _until_it_ends(stepfunctions, execution_arn):
                live.update(_table(visits))
    else:
        told: set[str] = set()
        for visits in _until_it_ends(stepfunctions, execution_arn):
            _tell(visits, told, console)
        _tell_repeated(visits, console)
    return output_of(stepfunctions, execution_arn)


def output_of(stepfunctions: Any, execution_arn: str) -> dict[str, Any]:
    """Return the output of an execution that has ended. Raises PromotionFailed."""
    execution = stepfunctions.describe_execution(executionArn=execution_arn)
    if execution["status"] != "SUCCEEDED":
        raise PromotionFailed(f"{execution.get('error', execution['status'])}: {execution.get('cause', 'no cause')}")
    output: dict[str, Any] = json.loads(execution["output"])
    return output


def _until_it_ends(stepfunctions: Any, execution_arn: str) -> Iterator[list[Visit]]:
    while True:
        status = stepfunctions.describe_execution(executionArn=execution_arn)["status"]
        events = stepfunctions.get_paginator("get_execution_history").paginate(executionArn=execution_arn)
        yield _visits([event for page in events for event in page["events"]], ended=status != "RUNNING")
        if status != "RUNNING":
            return
        time.sleep(_POLL_SECONDS)


def _visits(events: list[dict[str, Any]], *, ended: bool) -> list[Visit]:
    visits: dict[str, Visit] = {}
    for event in events:
        kind, _, moment = event["type"].partition("State")
        if f"{kind}State" not in _SHOWN:
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
        times = f"[dim]{visit.times} times[/]" if visit.times > 1 else ""
        table.add_row(f"{visit.seconds:.1f} s", mark, visit.name, times)
    return Padding(table, (0, 0, 0, 2))


def _tell(visits: list[Visit], told: set[str], console: Console) -> None:
    """Print each state once, when it is first done."""
    for visit in visits:
        if not visit.running and visit.name not in told:
            told.add(visit.name)
            console.print(f"  {visit.seconds:5.1f} s  {visit.name}", highlight=False)


def _tell_repeated(visits: list[Visit], console: Console) -> None:
    for visit in visits:
        if visit.times > 1:
            console.print(f"  {visit.seconds:5.1f} s  {visit.name}, {visit.times} times in all", highlight=False)
