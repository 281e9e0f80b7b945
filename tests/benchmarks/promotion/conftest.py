"""Small definitions, with tasks that a test states, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.copy.published import Speeds
from benchmarks.copy.simulation.virtual_time import VirtualTime, patched
from benchmarks.promotion.interpreter.execution import Execution, Outcome
from benchmarks.promotion.interpreter.platform import Platform, Tokens
from benchmarks.promotion.published import Times
from benchmarks.promotion.timeline import Timeline

TIMES = Times(
    speeds=Speeds(map_start=2.0, child_start=0.5, children_per_second=1e9), transition=0.25, task=0.5, call=0.1
)
ARN = "arn:aws:states:us-east-1:111111111111:execution:promote:release-7"


@dataclass
class Bench:
    """`tasks`: what a resource does, by its name. It gets the arguments."""

    tasks: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    items: list[Any] = field(default_factory=list)
    clock: VirtualTime = field(default_factory=VirtualTime)
    timeline: Timeline = field(default_factory=Timeline)
    tokens: Tokens = field(default_factory=Tokens)

    def call(self, resource: str, arguments: Any, timeout: float | None) -> Any:
        return self.tasks[resource](arguments)

    def read_items(self, resource: str, arguments: Any) -> list[Any]:
        return self.items

    def run(self, states: dict[str, Any], data: Any = None) -> tuple[Outcome, Execution]:
        """Run states, of which the first is the first."""
        definition = {"StartAt": next(iter(states)), "States": states, "QueryLanguage": "JSONata"}
        platform = Platform(self.clock, TIMES, self, self.timeline, self.tokens)
        execution = Execution(definition, platform, arn=ARN)
        with patched(self.clock):
            return self.clock.run(lambda: execution.run(data)), execution
