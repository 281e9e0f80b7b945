"""Lambda: environments that are made when a function is invoked, and reused by its later invocations.

An environment has modules of its own, as a process has: what a handler keeps in one is there in its next invocation,
and not in another environment. What is invoked is the function's handler, whatever state invokes it.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.copy.published import LAMBDA_MB_OF_ONE_CPU
from benchmarks.copy.simulation.virtual_time import EPOCH, VirtualTime
from benchmarks.promotion.interpreter.errors import StateFailed
from benchmarks.promotion.processes import Process, entered
from benchmarks.promotion.services.events import Subscription
from benchmarks.promotion.timeline import Part, Timeline

_PACKAGE = "lambdas"


@dataclass(frozen=True)
class Function:
    """A function as the hub's template has it: memory in MB, timeout in seconds."""

    name: str
    handler: str
    memory: int
    timeout: int


@dataclass
class Usage:
    """What Lambda bills, and which functions were started anew."""

    invocations: int = 0
    seconds: float = 0.0
    gb_seconds: float = 0.0
    cold_starts: list[str] = field(default_factory=list)


@dataclass
class Environment:
    process: Process
    modules: dict[str, ModuleType]
    handler: Callable[[Any, object], Any]


@dataclass(frozen=True)
class Context:
    """The context that a handler is given."""

    function_name: str
    aws_request_id: str
    ends_at: float
    clock: VirtualTime

    def get_remaining_time_in_millis(self) -> int:
        return int((self.ends_at - self.clock.now) * 1000)


class Lambda:
    """The functions of the hub. `new_process` makes the process of an environment with a share of CPUs.

    `subscriptions`: which events invoke which of them.
    `settings`: the file of the deployed settings, which the bundle has beside its code.
    """

    def __init__(
        self,
        functions: Mapping[str, Function],
        new_process: Callable[[float], Process],
        *,
        settings: Path,
        subscriptions: Sequence[Subscription] = (),
    ) -> None:
        self.subscriptions = subscriptions
        self._functions, self._new_process, self._settings = functions, new_process, settings
        self._idle: dict[str, list[Environment]] = {}
        self.usage = Usage()

    @property
    def has_environments(self) -> bool:
        return any(self._idle.values())

    def begin(self, timeline: Timeline) -> None:
        """Count anew; what the environments do is another run's."""
        self.usage = Usage()
        for idle in self._idle.values():
            for environment in idle:
                environment.process.timeline = timeline

    def invoke(self, name: str, payload: Any) -> Any:
        """Run a function and return what it answers. Raises StateFailed with the name of its error."""
        function = self._functions[name]
        idle = self._idle.setdefault(name, [])
        environment = idle.pop() if idle else None
        clock_of = environment.process if environment else self._new_process(function.memory / LAMBDA_MB_OF_ONE_CPU)
        begin = clock_of.clock.now
        environment = environment or self._started(function, clock_of)
        try:
            return self._run(function, environment, payload)
        finally:
            idle.append(environment)
            # The start of an environment is billed like the rest (https://aws.amazon.com/lambda/pricing/).
            seconds = environment.process.clock.now - begin
            self.usage.invocations += 1
            self.usage.seconds += seconds
            self.usage.gb_seconds += seconds * function.memory / 1024

    def _started(self, function: Function, process: Process) -> Environment:
        self.usage.cold_starts.append(function.name)
        begin, times = process.clock.now, process.times
        cpus = (times.cpus_of_start or min(1.0, process.cpus)) * times.cpu_speed
        process.clock.sleep(times.environment + process.costs.imports(function.handler) / cpus)
        process.timeline.add(Part.COLD_STARTS, begin, process.clock.now)
        with entered(process):
            modules, handler = _loaded(function.handler, process.clock, self._settings)
        return Environment(process, modules, handler)

    def _run(self, function: Function, environment: Environment, payload: Any) -> Any:
        clock = environment.process.clock
        context = Context(function.name, "request", clock.now + function.timeout, clock)
        # Type hints are looked up among the modules.
        sys.modules.update(environment.modules)
        try:
            with entered(environment.process):
                answer = environment.handler(json.loads(json.dumps(payload)), context)
        except Exception as error:
            cause = {"errorMessage": str(error), "errorType": type(error).__name__}
            raise StateFailed(type(error).__name__, json.dumps(cause)) from error
        if clock.now > context.ends_at:
            raise StateFailed("Sandbox.Timedout", f"{function.name} took longer than {function.timeout} seconds.")
        return json.loads(json.dumps(answer))


def _loaded(
    handler: str, clock: VirtualTime, settings: Path
) -> tuple[dict[str, ModuleType], Callable[[Any, object], Any]]:
    """Import a handler with modules of its own, whose datetime.now() is virtual."""
    for name in [name for name in sys.modules if name == _PACKAGE or name.startswith(f"{_PACKAGE}.")]:
        del sys.modules[name]
    module, _, function = handler.rpartition(".")
    loaded = getattr(importlib.import_module(module), function)
    modules = {name: each for name, each in sys.modules.items() if name.startswith(f"{_PACKAGE}.")}
    for each in modules.values():
        if "datetime.now(" in _source(each):
            each.datetime = _virtual(clock)  # type: ignore[attr-defined]
    contract = modules.get("lambdas.promotion.contract.settings")
    if contract:
        contract._FILE = settings  # type: ignore[attr-defined]
    return modules, loaded


def _source(module: ModuleType) -> str:
    return Path(module.__file__).read_text() if module.__file__ else ""


def _virtual(clock: VirtualTime) -> type[datetime]:
    class VirtualDatetime(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.fromtimestamp(EPOCH + clock.now, tz or UTC)

    return VirtualDatetime
