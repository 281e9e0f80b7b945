"""Waits take sandbox time, but no less than a look at what is waited for costs.

A state machine that waits for half a minute between two looks must not look ten times a second: each look is a
function's run, and its events stay in the server's memory. Retries are no looks; their waits are scaled only.
"""

import functools
import os
import time
from typing import Any

from ministack.services import stepfunctions as sfn

LEAST_WAIT = "SANDBOX_LEAST_WAIT"


def install() -> None:
    execute: Any = sfn._execute_wait

    @functools.wraps(execute)
    def execute_wait(*arguments: Any, **more: Any) -> Any:
        began = time.monotonic()
        answer = execute(*arguments, **more)
        waited = time.monotonic() - began
        least = float(os.environ.get(LEAST_WAIT, "0"))
        if 0 < waited < least:
            time.sleep(least - waited)
        return answer

    sfn._execute_wait = execute_wait
