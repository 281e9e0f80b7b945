"""Faults that wait to happen, on the server's side. What one applies to is the business of its service."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Generic, Protocol, TypeVar


class Fault(Protocol):
    """A frozen dataclass that says how often it still happens (None: until it is cleared)."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def times(self) -> int | None: ...


F = TypeVar("F", bound=Fault)


class FaultQueue(Generic[F]):
    """In the order in which they were added. Safe to use from the server's threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[F] = []
        self._clearings = 0

    def add(self, fault: F) -> None:
        with self._lock:
            self._pending.append(fault)

    def pending(self) -> list[F]:
        with self._lock:
            return list(self._pending)

    def clear(self) -> None:
        with self._lock:
            self._pending.clear()
            self._clearings += 1

    async def hang(self, seconds: float) -> None:
        """Return after so many seconds, or as soon as the faults are cleared."""
        clearings, until = self._clearings, time.monotonic() + seconds
        while self._clearings == clearings and (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 0.05))

    def take(self, applies: Callable[[F], bool]) -> F | None:
        """The first fault that applies, used up once."""
        with self._lock:
            for position, fault in enumerate(self._pending):
                if applies(fault):
                    self._use_up(position, fault)
                    return fault
        return None

    def _use_up(self, position: int, fault: F) -> None:
        if fault.times is None:
            return
        if fault.times > 1:
            self._pending[position] = replace(fault, times=fault.times - 1)
        else:
            del self._pending[position]
