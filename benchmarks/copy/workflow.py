"""Step Functions and Lambda around the code that copies: their times, and what they would bill.

A state that runs a Lambda, and a Distributed Map whose children run one Lambda each. Numbers and sources: published.py.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

from benchmarks.copy.machines import Machine
from benchmarks.copy.published import LAMBDA_MB_OF_ONE_CPU
from benchmarks.copy.world import World

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workflow:
    """One execution: runs steps, and counts what they would be billed for."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.transitions = 0
        self.invocations = 0
        self.lambda_seconds = 0.0
        self.gb_seconds = 0.0
        self.longest_invocation = 0.0

    def step(self, memory: int, run: Callable[[Machine], Result]) -> Result:
        """Run a state's Lambda, in a new environment, with so many MB of memory."""
        self.transitions += 1
        self._world.clock.sleep(self._world.speeds.step_start)
        return self._invoke(self._environment(memory), memory, run, cold=True)

    def distributed_map(
        self, items: Iterable[Item], run: Callable[[Item, Machine], object], *, memory: int, at_once: int
    ) -> None:
        """Run a Lambda for each item, in children of one state, at most so many at once. Raises the first error.

        AWS bills the Map, each start of a child by the Map, and the child's own state
        (https://docs.aws.amazon.com/step-functions/latest/dg/concepts-transitions.html).
        """
        speeds, clock = self._world.speeds, self._world.clock
        left = deque(items)
        self.transitions += 1 + 2 * len(left)
        errors: list[BaseException] = []

        def child(number: int) -> None:
            # A child that follows another has its environment.
            clock.sleep(number / speeds.children_per_second)
            machine, cold = self._environment(memory), True
            while left and not errors:
                item = left.popleft()
                clock.sleep(speeds.child_start)
                try:
                    self._invoke(machine, memory, lambda machine: run(item, machine), cold=cold)  # noqa: B023
                except Exception as error:
                    errors.append(error)
                cold = False

        clock.sleep(speeds.map_start)
        children = [threading.Thread(target=child, args=(number,)) for number in range(min(at_once, len(left)))]
        for each in children:
            each.start()
        for each in children:
            each.join()
        if errors:
            raise errors[0]

    def _environment(self, memory: int) -> Machine:
        return self._world.machine(cpus=memory / LAMBDA_MB_OF_ONE_CPU)

    def _invoke(self, machine: Machine, memory: int, run: Callable[[Machine], Result], *, cold: bool) -> Result:
        begin = self._world.clock.now
        if cold:
            self._world.clock.sleep(self._world.speeds.cold_start)
        try:
            return run(machine)
        finally:
            # The initialisation of an environment is billed like the rest.
            seconds = self._world.clock.now - begin
            self.invocations += 1
            self.lambda_seconds += seconds
            self.gb_seconds += seconds * memory / 1024
            self.longest_invocation = max(self.longest_invocation, seconds)
