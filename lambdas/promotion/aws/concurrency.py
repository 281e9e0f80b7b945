"""Concurrent calls: as many in progress as the service accepts, each retried while a retry can help.

A step that makes thousands of calls cannot leave their retries to Step Functions, whose retry would repeat all of
them. So these calls are retried here; the state's own retry is for an invocation that was terminated, that ran out of
time, or in which a call failed on every attempt (docs/decisions/0011).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

from lambdas.promotion.aws.unreadable_answers import NO_ANSWER
from lambdas.promotion.contract.errors import OutOfTime, SessionExpired, Throttled, Transient

T = TypeVar("T")

# A late or incomplete response is requested again a few times; throttling is retried until the step's time ends.
_MOST_ATTEMPTS = 8
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0  # seconds
_MOST_DOUBLINGS = 10  # enough for the longest pause


def run(calls: Iterable[Callable[[], T]], *, at_once: int, until: float, doing: str) -> list[T]:
    """Make the calls and return their responses, in order.

    `until` is a time of time.monotonic(): no call begins after it. `doing` names the work in the error.

    The first error that a retry cannot fix stops the other calls and is raised. Raises OutOfTime if calls are left; the
    effect of completed calls remains.
    """
    pace = _Pace(at_once)

    def work(call: Callable[[], T]) -> T:
        try:
            return call_with_retries(call)
        except BaseException as error:
            # Here and immediately: the waiting thread is notified only after the next call has begun.
            pace.stop(error)
            raise

    def call_with_retries(call: Callable[[], T]) -> T:
        attempts, throttled = 0, 0
        while True:
            with pace:
                if time.monotonic() > until:
                    raise OutOfTime(
                        f"{doing} needs more time than one invocation of the step has. Completed work is kept."
                    )
                try:
                    response = call()
                    pace.increase()
                    return response
                except Throttled:
                    throttled += 1
                    pace.decrease()
                except (Transient, *NO_ANSWER) as error:
                    attempts += 1
                    if attempts == _MOST_ATTEMPTS or isinstance(error, SessionExpired | OutOfTime):
                        raise
            time.sleep(pace.pause(attempts + throttled))

    with ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(work, call) for call in calls]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            if pace.stopped_by:
                raise pace.stopped_by
            return [future.result() for future in futures]
        finally:
            pace.stop()
            pool.shutdown(cancel_futures=True)


class _Pace:
    """How many calls may be in progress: halved when the service throttles, one more after a round of successes.

    (Additive increase, multiplicative decrease, as in TCP. AWS: S3, "Best practices design patterns", recommends it.)
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._allowed = float(most)
        self._in_flight = 0
        self._slowed_at = 0.0
        self._stopped = False
        self.stopped_by: BaseException | None = None  # the first of several concurrent errors
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._in_flight < int(self._allowed))
            if self._stopped:
                raise _Stopped
            self._in_flight += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._in_flight -= 1
            self._changed.notify()

    def increase(self) -> None:
        with self._changed:
            if self._allowed < self._most:
                self._allowed = min(self._most, self._allowed + 1 / self._allowed)
                self._changed.notify()

    def decrease(self) -> None:
        """Halve once for all throttled calls of the same moment: they are one reaction to one load."""
        with self._changed:
            now = time.monotonic()
            if now - self._slowed_at > _SHORTEST_PAUSE:
                self._slowed_at = now
                self._allowed = max(1.0, self._allowed / 2)

    def pause(self, failures: int) -> float:
        """Return the seconds until the next attempt, with jitter, so that retries do not coincide."""
        with self._changed:
            congestion = self._most / self._allowed
        longest = min(_LONGEST_PAUSE, _SHORTEST_PAUSE * max(congestion, 2.0 ** min(failures, _MOST_DOUBLINGS)))
        return random.uniform(0.5, 1) * longest  # noqa: S311 - no secret

    def stop(self, error: BaseException | None = None) -> None:
        with self._changed:
            self.stopped_by = self.stopped_by or error
            self._stopped = True
            self._changed.notify_all()


class _Stopped(Exception):
    """Another call failed permanently; this exception stays inside `run`."""
