"""An environment that has had nothing to do for a while ends, also the last of a function.

MiniStack keeps one of each function for ever, each of some 30 MB. To start one anew is to fork it, and to import the
function's own code.
"""

import threading
import time
from typing import Any

from ministack.core import lambda_runtime

IDLE_SECONDS = 40
# The same for all others of a function, which a burst has left.
SURPLUS_SECONDS = 5
LOOK_SECONDS = 5


def install() -> None:
    threading.Thread(target=_end_idle_for_ever, daemon=True, name="idle-environments").start()


def _end_idle_for_ever() -> None:
    while True:
        time.sleep(LOOK_SECONDS)
        _end_idle(time.time())


def _end_idle(now: float) -> None:
    idle = []
    with lambda_runtime._lock:
        for key, workers in list(lambda_runtime._workers.items()):
            used = [worker for number, worker in enumerate(workers) if _is_used(worker, number, now)]
            idle += [worker for worker in workers if worker not in used]
            if used:
                lambda_runtime._workers[key] = used
            else:
                del lambda_runtime._workers[key]
    if idle:
        lambda_runtime.kill_workers(idle)


def _is_used(worker: Any, number: int, now: float) -> bool:
    return bool(worker.in_use or now - worker.last_used < (SURPLUS_SECONDS if number else IDLE_SECONDS))
