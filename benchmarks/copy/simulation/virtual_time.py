"""Virtual time for real threads: code that waits costs no time, and two runs give the same result.

Exactly one thread runs at any moment. It runs until it waits (for a lock, another thread, a sleep, a simulated
request); then the next one that can run does. When none can, the clock jumps to the earliest moment for which one
waits. So the order of everything follows from the program alone. What threads compute takes no virtual time: what
computing costs is stated by machines.py, as a number that does not depend on the machine that the benchmark runs on.

`patched` puts this below Python's own threading, queue and time modules, so that libraries which know nothing of it
(s3transfer's executors, botocore's retries) run on it unchanged.
"""

from __future__ import annotations

import _thread
import concurrent.futures.thread
import contextlib
import functools
import heapq
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, TypeVar
from unittest import mock

Result = TypeVar("Result")

# What time.time() says when a run begins. Any fixed moment would do.
EPOCH = 1_800_000_000.0
# Thousands of threads wait at the same time: each gets a small stack.
_STACK_BYTES = 512 * 1024


class Deadlock(Exception):
    """Every thread waits for another one, and none for a moment in time: on AWS this program would hang."""


class _Wait:
    """One wait of one thread. The thread goes on when another hands it the baton."""

    __slots__ = ("_baton", "over", "woken")

    def __init__(self) -> None:
        self._baton = _thread.allocate_lock()
        self._baton.acquire()
        self.over = False
        self.woken = False

    def resume(self) -> None:
        self._baton.release()

    def until_woken(self) -> None:
        self._baton.acquire()


class VirtualTime:
    """A clock, and the threads that live by it."""

    def __init__(self) -> None:
        self.now = 0.0
        self._ready: deque[_Wait] = deque()
        self._timers: list[tuple[float, int, _Wait]] = []
        self._order = count()
        self._main: int | None = None
        self._main_wait: _Wait | None = None
        self._deadlock = False

    def run(self, main: Callable[[], Result]) -> Result:
        """Run a function as the first thread and return its result. Threads that wait then are left behind.

        Raises Deadlock.
        """
        self._main = _thread.get_ident()
        return main()

    def spawn(self, function: Callable[[], object]) -> None:
        """Start a thread. It begins when the present one waits."""
        begin = _Wait()
        self._ready.append(begin)

        def live() -> None:
            begin.until_woken()
            try:
                function()
            finally:
                self._next().resume()

        _thread.start_new_thread(live, ())

    def sleep(self, seconds: float) -> None:
        self.wait(_Wait(), max(0.0, seconds))

    def wait(self, wait: _Wait, seconds: float | None = None) -> bool:
        """Wait until another thread wakes this wait (True) or the seconds have passed (False)."""
        if seconds is not None:
            heapq.heappush(self._timers, (self.now + seconds, next(self._order), wait))
        is_main = _thread.get_ident() == self._main
        if is_main:
            self._main_wait = wait
        following = self._next()
        if following is not wait:
            following.resume()
            wait.until_woken()
        if is_main and self._deadlock:
            raise Deadlock("Every thread waits for another one, and none for a moment in time.")
        return wait.woken

    def wake(self, wait: _Wait) -> None:
        """End a wait. Its thread runs when the present one waits."""
        wait.over = wait.woken = True
        self._ready.append(wait)

    def _next(self) -> _Wait:
        """Return whose turn it is: who can run, else who waits for the earliest moment, which is now."""
        if self._ready:
            return self._ready.popleft()
        while self._timers:
            moment, _, wait = heapq.heappop(self._timers)
            if not wait.over:
                wait.over = True
                self.now = max(self.now, moment)
                return wait
        self._deadlock = True
        assert self._main_wait  # noqa: S101 - the first thread waits too, or it would be the one that runs
        return self._main_wait


class Lock:
    """threading.Lock in virtual time. First come, first served."""

    def __init__(self, clock: VirtualTime) -> None:
        self._clock = clock
        self._held = False
        self._waits: deque[_Wait] = deque()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if not self._held:
            self._held = True
            return True
        if not blocking:
            return False
        wait = _Wait()
        self._waits.append(wait)
        return self._clock.wait(wait, timeout if timeout >= 0 else None)

    def release(self) -> None:
        """Hand the lock to the first that still waits for it."""
        if not self._held:
            raise RuntimeError("release unlocked lock")
        while self._waits:
            wait = self._waits.popleft()
            if not wait.over:
                self._clock.wake(wait)
                return
        self._held = False

    def locked(self) -> bool:
        return self._held

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


@contextlib.contextmanager
def patched(clock: VirtualTime) -> Iterator[None]:
    """Let Python's threads, locks, queues and clocks be virtual for a while.

    Locks that were made before stay real: they must never be held across a wait. One in concurrent.futures is, so it
    is replaced. Thread is changed in place, because libraries have classes of their own that inherit from it.
    """
    threads = _Threads(clock)
    changes: list[tuple[Any, str, Any]] = [
        (time, "sleep", clock.sleep),
        (time, "time", lambda: EPOCH + clock.now),
        (time, "monotonic", lambda: EPOCH + clock.now),
        (time, "perf_counter", lambda: EPOCH + clock.now),
        (threading, "_time", lambda: EPOCH + clock.now),
        (threading, "Lock", lambda: Lock(clock)),
        (threading, "_allocate_lock", lambda: Lock(clock)),
        (threading, "RLock", threading._PyRLock),  # type: ignore[attr-defined]
        (threading.Thread, "start", _as_method(threads.start)),
        (threading.Thread, "join", _as_method(threads.join)),
        (threading.Thread, "is_alive", _as_method(threads.is_alive)),
        (functools, "RLock", threading._PyRLock),  # type: ignore[attr-defined] # cached_property's, before Python 3.12
        (queue, "time", lambda: EPOCH + clock.now),
        (queue, "SimpleQueue", queue._PySimpleQueue),  # type: ignore[attr-defined]
        (concurrent.futures.thread, "_global_shutdown_lock", Lock(clock)),
    ]
    before = threading.stack_size(_STACK_BYTES)
    with contextlib.ExitStack() as stack:
        for owner, name, virtual in changes:
            stack.enter_context(mock.patch.object(owner, name, virtual))
        yield
    threading.stack_size(before)


def _as_method(function: Callable[..., Result]) -> Callable[..., Result]:
    """Return a function that a class makes a method of: it leaves a bound one as it is."""

    def method(*arguments: Any, **named: Any) -> Result:
        return function(*arguments, **named)

    return method


class _Threads:
    """The threads that were started with threading.Thread, and who waits for their end."""

    def __init__(self, clock: VirtualTime) -> None:
        self._clock = clock
        self._alive: dict[threading.Thread, list[_Wait]] = {}

    def start(self, thread: threading.Thread) -> None:
        if thread._started.is_set():  # type: ignore[attr-defined]
            raise RuntimeError("threads can only be started once")
        thread._started.set()  # type: ignore[attr-defined]
        self._alive[thread] = []
        self._clock.spawn(lambda: self._live(thread))

    def join(self, thread: threading.Thread, timeout: float | None = None) -> None:
        if thread in self._alive:
            wait = _Wait()
            self._alive[thread].append(wait)
            self._clock.wait(wait, timeout)

    def is_alive(self, thread: threading.Thread) -> bool:
        return thread in self._alive

    def _live(self, thread: threading.Thread) -> None:
        ident = _thread.get_ident()
        thread._ident = ident  # type: ignore[attr-defined]
        threading._active[ident] = thread  # type: ignore[attr-defined]
        try:
            thread.run()
        except SystemExit:
            pass
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            del threading._active[ident]  # type: ignore[attr-defined]
            for wait in self._alive.pop(thread):
                if not wait.over:
                    self._clock.wake(wait)
