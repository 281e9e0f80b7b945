"""The phases of a launch: shown as they begin, with their times as they end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

WORDS = {
    "start": "start the local AWS",
    "synthesise": "synthesise the stacks",
    "bootstrap": "bootstrap the accounts",
    "seed before": "create what the accounts have already",
    "deploy": "deploy the stacks",
    "seed after": "register the demo model",
}


@dataclass
class Phase:
    """A phase that runs, or has ended after `seconds`."""

    name: str
    began: float = field(default_factory=time.monotonic)
    seconds: float | None = None
    failed: bool = False

    @property
    def words(self) -> str:
        return WORDS.get(self.name, self.name)


class Phases:
    """Lines that change in place in a terminal; elsewhere one line as a phase begins, and one as it ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = Lock()
        self._phases: list[Phase] = []
        self._spinner = Spinner("dots", style="yellow")

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the phases for as long as the context lasts."""
        if not self._console.is_terminal:
            yield
            return
        with Live(get_renderable=self._table, console=self._console, refresh_per_second=10):
            yield

    @contextmanager
    def report(self, name: str) -> Iterator[None]:
        """A phase for as long as the context lasts. Two phases may run at the same time."""
        phase = Phase(name)
        with self._lock:
            self._phases.append(phase)
        self._print(f"         {phase.words} …")
        try:
            yield
        except BaseException:
            phase.failed = True
            raise
        finally:
            phase.seconds = time.monotonic() - phase.began
            self._print(f"{phase.seconds:5.1f} s  {phase.words}{': failed' if phase.failed else ''}")

    def _print(self, line: str) -> None:
        if not self._console.is_terminal:
            self._console.print(f"  {line}", highlight=False, soft_wrap=True, markup=False)

    def _table(self) -> RenderableType:
        table = Table.grid(padding=(0, 1))
        table.add_column(justify="right", style="dim", min_width=9)
        table.add_column(width=1)
        table.add_column(overflow="ellipsis", no_wrap=True)
        with self._lock:
            for phase in self._phases:
                seconds = time.monotonic() - phase.began if phase.seconds is None else phase.seconds
                table.add_row(f"{seconds:.1f} s", self._mark(phase), Text(phase.words))
        return Group(table)

    def _mark(self, phase: Phase) -> RenderableType:
        if phase.failed:
            return Text("✗", style="red")
        return self._spinner if phase.seconds is None else Text("✓", style="green")
