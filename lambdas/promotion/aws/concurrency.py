"""Many calls at once: as many in flight as the other side bears, each tried again while that helps.

A step that makes thousands of calls cannot leave their retries to Step Functions, whose retry would begin with all of
them again. So these calls are retried here; the state's own retry is for a run that was killed, that ran out of time,
or in which a call stayed broken (docs/decisions/0011).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

from botocore.exceptions import ConnectionError, HTTPClientError

from lambdas.promotion.contract.errors import OutOfTime, SessionExpired, Throttled, Transient

T = TypeVar("T")

# An answer that comes late or broken is asked for again; only being told to slow down has no end but the step's time.
_MOST_ATTEMPTS = 8
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0  # seconds


def run(calls: Iterable[Callable[[], T]], *, at_once: int, until: float, doing: str) -> list[T]:
    """Make the calls and return their answers, in order.

    `until` is a time of time.monotonic(): later no call is begun. `doing` names the work in the refusal.

    The first error that another try cannot mend stops the rest and is raised. Raises OutOfTime if calls are left; those
    that were made stay made.
    """
    pace = _Pace(at_once)

    def work(call: Callable[[], T]) -> T:
        try:
            return persist(call)
        except BaseException as error:
            # At once and here: whoever waits for the calls hears of it later than the next one is begun.
            pace.stop(error)
            raise

    def persist(call: Callable[[], T]) -> T:
        tries = 0
        while True:
            with pace:
                if time.monotonic() > until:
                    raise OutOfTime(f"{doing} needs more time than one run of the step has. What was done is kept.")
                try:
                    answer = call()
                    pace.faster()
                    return answer
                except Throttled:
                    pace.slower()
                except (Transient, HTTPClientError, ConnectionError) as error:
                    tries += 1
                    if tries == _MOST_ATTEMPTS or isinstance(error, SessionExpired | OutOfTime):
                        raise
            time.sleep(pace.pause(tries))

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
    """How many calls may be in flight: halved when the other side says "slow down", one more after a round of success.

    (Additive increase, multiplicative decrease, as in TCP. AWS: S3, "Best practices design patterns", asks for it.)
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._allowed = float(most)
        self._in_flight = 0
        self._slowed_at = 0.0
        self._stopped = False
        self.stopped_by: BaseException | None = None  # the first error, of several that come together
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

    def faster(self) -> None:
        with self._changed:
            if self._allowed < self._most:
                self._allowed = min(self._most, self._allowed + 1 / self._allowed)
                self._changed.notify()

    def slower(self) -> None:
        """Once for all the refusals that come together: they are one answer to one load."""
        with self._changed:
            now = time.monotonic()
            if now - self._slowed_at > _SHORTEST_PAUSE:
                self._slowed_at = now
                self._allowed = max(1.0, self._allowed / 2)

    def pause(self, tries: int) -> float:
        """Return how long to wait before the next try, with jitter, so that not all come back at once."""
        with self._changed:
            crowded = self._most / self._allowed
        longest = min(_LONGEST_PAUSE, _SHORTEST_PAUSE * max(crowded, 2.0**tries))
        return random.uniform(0.5, 1) * longest  # noqa: S311 - no secret

    def stop(self, error: BaseException | None = None) -> None:
        with self._changed:
            self.stopped_by = self.stopped_by or error
            self._stopped = True
            self._changed.notify_all()


class _Stopped(Exception):
    """Another call failed for good; nobody sees this one."""
