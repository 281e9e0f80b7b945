"""Step Functions and Lambda around the code that copies: their times, and what they would bill.

A state that runs a Lambda, a Choice, and a Distributed Map whose children run one Lambda each. Numbers and sources:
published.py.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

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
    """One execution: runs states, and counts what they would be billed for."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._running: dict[int, Invocation] = {}
        self.states: dict[str, float] = {}
        self.transitions = 0
        self.invocations = 0
        self.lambda_seconds = 0.0
        self.gb_seconds = 0.0
        self.longest_invocation = 0.0

    def here(self) -> Invocation:
        """Return the invocation that this thread's handler runs in."""
        return self._running[threading.get_ident()]

    def choice(self, name: str) -> None:
        self.transitions += 1
        self._add(name, 0.0)

    def step(self, name: str, memory: int, run: Callable[[Invocation], Result]) -> Result:
        """Run a state's Lambda, in a new environment, with so many MB of memory."""
        begin = self._world.clock.now
        self.transitions += 1
        self._world.clock.sleep(self._world.speeds.step_start)
        result = self._invoke(self._environment(memory), memory, run, cold=True)
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
            machine, cold = self._environment(memory), True
            while left and not errors:
                item = left.popleft()
                clock.sleep(speeds.child_start)
                try:
                    self._invoke(machine, memory, lambda invocation, item=item: run(item, invocation), cold=cold)  # type: ignore[misc]
                except Exception as error:
                    errors.append(error)
                cold = False

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

    def _environment(self, memory: int) -> Machine:
        return self._world.machine(cpus=memory / LAMBDA_MB_OF_ONE_CPU)

    def _invoke(self, machine: Machine, memory: int, run: Callable[[Invocation], Result], *, cold: bool) -> Result:
        clock = self._world.clock
        begin = clock.now
        if cold:
            clock.sleep(self._world.speeds.cold_start)
        invocation = Invocation(machine, ends_at=clock.now + LAMBDA_SECONDS, clock=clock)
        self._running[threading.get_ident()] = invocation
        try:
            return run(invocation)
        finally:
            # The start of an environment is billed like the rest (https://aws.amazon.com/lambda/pricing/).
            seconds = clock.now - begin
            self.invocations += 1
            self.lambda_seconds += seconds
            self.gb_seconds += seconds * memory / 1024
            self.longest_invocation = max(self.longest_invocation, seconds)
