"""Step Functions and Lambda around the code that copies: their times, and what they would bill.

A state that runs a Lambda, a Choice, and a Distributed Map whose children run one Lambda each. A function's
environments stay warm between the states and Maps of one execution. Numbers and sources: published.py.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar
from unittest import mock
from weakref import WeakKeyDictionary

from benchmarks.copy.published import LAMBDA_MB_OF_ONE_CPU, LAMBDA_SECONDS
from benchmarks.copy.simulation.machines import Machine
from benchmarks.copy.simulation.virtual_time import VirtualTime
from benchmarks.copy.world import World

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Invocation:
    """A run of a Lambda function; also the context that its handler is given."""

    machine: Machine
    ends_at: float
    clock: VirtualTime

    def get_remaining_time_in_millis(self) -> int:
        return int((self.ends_at - self.clock.now) * 1000)


class Workflow:
    """One execution: runs states, and counts what they would be billed for.

    `is_warm`: an earlier execution has left an environment wherever one is needed. `fixed_seconds`: what passes
    between the states, in starting a Map and its first child, and in starting environments, on the critical path.
    """

    def __init__(self, world: World, *, is_warm: bool = False) -> None:
        self._world, self._is_warm = world, is_warm
        self._idle: defaultdict[str, list[Machine]] = defaultdict(list)
        self.fixed_seconds = 0.0
        self._running: dict[threading.Thread, Invocation] = {}
        self._started_by: WeakKeyDictionary[threading.Thread, threading.Thread] = WeakKeyDictionary()
        self.states: dict[str, float] = {}
        self.transitions = 0
        self.invocations = 0
        self.lambda_seconds = 0.0
        self.gb_seconds = 0.0
        self.longest_invocation = 0.0

    def here(self) -> Invocation:
        """Return the invocation whose handler this thread, or the one that started it, runs."""
        thread = threading.current_thread()
        while thread not in self._running:
            thread = self._started_by[thread]
        return self._running[thread]

    @contextmanager
    def threads_known(self) -> Iterator[None]:
        """Remember for a while which thread starts which."""
        start = threading.Thread.start

        def starting(thread: threading.Thread) -> None:
            self._started_by[thread] = threading.current_thread()
            start(thread)

        with mock.patch.object(threading.Thread, "start", starting):
            yield

    def choice(self, name: str) -> None:
        self.transitions += 1
        self._add(name, 0.0)

    def step(
        self, name: str, memory: int, run: Callable[[Invocation], Result], *, function: str | None = None
    ) -> Result:
        """Run a state's Lambda, with so many MB of memory. States of the same function share environments."""
        begin = self._world.clock.now
        self.transitions += 1
        self._world.clock.sleep(self._world.speeds.step_start)
        is_cold = not self._has_environment(function or name)
        self.fixed_seconds += self._world.speeds.step_start + is_cold * self._world.speeds.cold_start
        result = self._invoke(function or name, memory, run)
        self._add(name, self._world.clock.now - begin)
        return result

    def distributed_map(
        self,
        name: str,
        items: Iterable[Item],
        run: Callable[[Item, Invocation], object],
        *,
        memory: int,
        concurrency: int,
        function: str | None = None,
    ) -> None:
        """Run a Lambda for each item, in children of one state, at most so many at once. Raises the first error.

        AWS bills the Map, each start of a child by the Map, and the child's own state
        (https://docs.aws.amazon.com/step-functions/latest/dg/concepts-transitions.html).
        """
        speeds, clock = self._world.speeds, self._world.clock
        begin, left = clock.now, deque(items)
        self.transitions += 1 + 2 * len(left)
        errors: list[Exception] = []

        def child_after_child(number: int) -> None:
            clock.sleep(number / speeds.children_per_second)
            while left and not errors:
                item = left.popleft()
                clock.sleep(speeds.child_start)
                try:
                    self._invoke(function or name, memory, lambda invocation, item=item: run(item, invocation))  # type: ignore[misc]
                except Exception as error:
                    errors.append(error)

        is_cold = not self._has_environment(function or name)
        self.fixed_seconds += speeds.map_start + speeds.child_start + is_cold * speeds.cold_start
        clock.sleep(speeds.map_start)
        slots = range(min(concurrency, len(left)))
        children = [threading.Thread(target=child_after_child, args=(number,)) for number in slots]
        for each in children:
            each.start()
        for each in children:
            each.join()
        self._add(name, clock.now - begin)
        if errors:
            raise errors[0]

    def _add(self, name: str, seconds: float) -> None:
        """Count a state's seconds: in a copy of two legs, some states run twice."""
        self.states[name] = self.states.get(name, 0.0) + seconds

    def _has_environment(self, function: str) -> bool:
        return self._is_warm or bool(self._idle[function])

    def _invoke(self, function: str, memory: int, run: Callable[[Invocation], Result]) -> Result:
        clock, idle = self._world.clock, self._idle[function]
        begin = clock.now
        is_cold = not self._has_environment(function)
        machine = idle.pop() if idle else self._world.machine(cpus=memory / LAMBDA_MB_OF_ONE_CPU)
        if is_cold:
            clock.sleep(self._world.speeds.cold_start)
        invocation = Invocation(machine, ends_at=clock.now + LAMBDA_SECONDS, clock=clock)
        self._running[threading.current_thread()] = invocation
        try:
            return run(invocation)
        finally:
            del self._running[threading.current_thread()]
            idle.append(machine)
            # The start of an environment is billed like the rest (https://aws.amazon.com/lambda/pricing/).
            seconds = clock.now - begin
            self.invocations += 1
            self.lambda_seconds += seconds
            self.gb_seconds += seconds * memory / 1024
            self.longest_invocation = max(self.longest_invocation, seconds)
