"""What an execution runs on: the clock, and what its tasks call."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from benchmarks.copy.simulation.virtual_time import VirtualTime
from benchmarks.promotion.published import Times
from benchmarks.promotion.timeline import Timeline


class Integrations(Protocol):
    """The services that tasks call. Raises StateFailed, or Unsupported of a resource that it does not know."""

    def call(self, resource: str, arguments: Any, timeout: float | None) -> Any:
        """Return $states.result. `resource`: what follows arn:aws:states:::, without the pattern."""

    def read_items(self, resource: str, arguments: Any) -> list[Any]:
        """Return the items of a Distributed Map."""


@dataclass
class Counts:
    """What Step Functions bills and limits: each entered state and each retry; the events of the history.

    AWS: Step Functions, "State transitions" (pricing), GetExecutionHistory. A Distributed Map's children have
    histories of their own; their states are billed like all others, and so is each child's start.
    """

    transitions: int = 0
    events: int = 1  # ExecutionStarted


@dataclass
class Platform:
    """`integrations` makes the calls; `tokens` are the tasks that wait for a callback, by their tokens."""

    clock: VirtualTime
    times: Times
    integrations: Integrations
    timeline: Timeline
    tokens: Tokens


class Walker(Protocol):
    """An execution, as a Map needs it."""

    @property
    def platform(self) -> Platform: ...

    def walk(self, machine: dict[str, Any], data: Any, context: dict[str, Any], *, counts: Counts | None = None) -> Any:
        """Run states from StartAt to an end and return the output. Raises StateFailed."""


class Callback:
    """A task that waits for SendTaskSuccess or SendTaskFailure."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._result: Any = None
        self._failure: tuple[str, str] | None = None

    def succeed(self, result: Any) -> None:
        self._result = result
        self._over.set()

    def fail(self, error: str, cause: str) -> None:
        self._failure = error, cause
        self._over.set()

    def wait(self, seconds: float | None) -> tuple[Any, tuple[str, str] | None]:
        """Return the result, and the error if there is one."""
        if not self._over.wait(seconds):
            return None, ("States.Timeout", "")
        return self._result, self._failure


@dataclass
class Tokens:
    waiting: dict[str, Callback] = field(default_factory=dict)
    issued: int = 0

    def issue(self) -> tuple[str, Callback]:
        self.issued += 1
        token, callback = f"token-{self.issued}", Callback()
        self.waiting[token] = callback
        return token, callback

    def answered(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Serve SendTaskSuccess and SendTaskFailure. A token is good for one answer."""
        callback = self.waiting.pop(parameters["taskToken"])
        if operation == "SendTaskSuccess":
            callback.succeed(json.loads(parameters["output"]))
        else:
            callback.fail(parameters.get("error", "States.TaskFailed"), parameters.get("cause", ""))
        return {}
