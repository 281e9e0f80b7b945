"""What computing costs: the machines on which the contestants' code would run."""

from __future__ import annotations

from benchmarks.copy.simulation.virtual_time import VirtualTime


class Machine:
    """One Python process: its threads share one core, or the part of one that a Lambda of its size has.

    More cores would not help: Python runs one thread of a process at a time.
    """

    def __init__(self, clock: VirtualTime, *, cpus: float = 1.0) -> None:
        self._clock = clock
        self._cpus = min(1.0, cpus)
        self._busy_until = 0.0

    def compute(self, seconds: float) -> None:
        """Take so many seconds of a full core, after what the machine computes already."""
        self._busy_until = max(self._busy_until, self._clock.now) + seconds / self._cpus
        self._clock.sleep(self._busy_until - self._clock.now)
