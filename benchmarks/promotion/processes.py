"""The Python processes that make requests: a Lambda environment, or the machine of a script.

What a process computes is stated by costs that were measured (cpu.py), so that it does not depend on what the
simulation computes around it. A thread belongs to the process that started it.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest import mock

from botocore.awsrequest import AWSResponse
from botocore.session import Session

from benchmarks.copy.simulation.machines import Machine
from benchmarks.copy.simulation.s3_http import Response, request_of
from benchmarks.copy.simulation.virtual_time import VirtualTime
from benchmarks.promotion.cpu import Costs
from benchmarks.promotion.published import Times
from benchmarks.promotion.services import wire
from benchmarks.promotion.services.wire import Call, ServiceError
from benchmarks.promotion.timeline import Part, Timeline

if TYPE_CHECKING:
    from benchmarks.promotion.world import World

_ATTRIBUTE = "_promotion_process"


@dataclass
class Process:
    """`services`: those that it has made a client of."""

    clock: VirtualTime
    times: Times
    costs: Costs
    timeline: Timeline
    cpus: float = 1.0
    services: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._machine = Machine(self.clock, cpus=min(1.0, self.cpus) * self.times.cpu_speed)

    def compute(self, seconds: float) -> None:
        """Take so many seconds of one CPU of the machine on which the costs were measured."""
        begin = self.clock.now
        self._machine.compute(seconds)
        self.timeline.add(Part.COMPUTING, begin, self.clock.now)

    def make_client(self, service: str) -> None:
        """Take what it takes to make a client: most for the first one of a service, whose model is read."""
        if not self.services:
            self.compute(self.costs.first_client)
        self.compute(self.costs.client(service, again=service in self.services))
        self.services.add(service)


def current() -> Process:
    """Return the process of this thread."""
    process: Process = getattr(threading.current_thread(), _ATTRIBUTE)
    return process


@contextmanager
def entered(process: Process) -> Iterator[None]:
    """Let this thread be one of the process for a while."""
    thread = threading.current_thread()
    before = getattr(thread, _ATTRIBUTE, None)
    setattr(thread, _ATTRIBUTE, process)
    try:
        yield
    finally:
        setattr(thread, _ATTRIBUTE, before)


@contextmanager
def simulated(world: Callable[[], World]) -> Iterator[None]:
    """Let every client be paid for by its process and be served by the present world; threads inherit the process."""
    make, start = Session.create_client, threading.Thread.start

    def client(session: Session, service: str, *arguments: Any, **named: Any) -> Any:
        current().make_client(service)
        made = make(session, service, *arguments, **named)
        Connections(world, service).serve(made.meta.events)
        return made

    def start_in_process(thread: threading.Thread) -> None:
        setattr(thread, _ATTRIBUTE, getattr(threading.current_thread(), _ATTRIBUTE, None))
        start(thread)

    with (
        mock.patch.object(Session, "create_client", client),
        mock.patch.object(threading.Thread, "start", start_in_process),
    ):
        yield


@dataclass
class Connections:
    """A client's connections: each is opened once, and used again when it is free."""

    world: Callable[[], World]
    service: str
    idle: int = 0

    def serve(self, events: Any) -> None:
        events.register("before-send", self._respond)

    def _respond(self, request: Any, event_name: str, **_: Any) -> Any:
        process, operation = current(), event_name.rpartition(".")[2]
        process.compute(process.costs.request)
        begin = process.clock.now
        if self.idle:
            self.idle -= 1
        else:
            self._connect(process)
        answer = self._answer(operation, request)
        self.idle += 1
        process.timeline.add(Part.CALLS, begin, process.clock.now)
        return AWSResponse(request.url, answer.status, dict(answer.headers), _Raw(answer.body))  # type: ignore[arg-type]

    def _connect(self, process: Process) -> None:
        process.compute(process.costs.connect)
        process.clock.sleep(process.times.connect)

    def _answer(self, operation: str, request: Any) -> Response:
        if self.service == "s3":
            self.world().calls[f"s3:{operation}"] += 1
            return self.world().s3.respond(operation, request_of(request))
        parameters = wire.parameters_of(self.service, request)
        call = Call(self.service, operation, parameters, wire.account_of(request))
        try:
            return wire.answer(self.service, operation, self.world().answer(call))
        except ServiceError as error:
            return wire.refusal(self.service, error)


class _Raw(io.BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()
