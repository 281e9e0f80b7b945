"""Waits take sandbox time, but no less than a look at what is waited for costs.

A state machine that waits for half a minute between two looks must not look ten times a second: each look is a
function's run, and its events stay in the server's memory. Retries are no looks; their waits are scaled only. A task
that is called back is such a wait too, and its timeout the look: the other timeouts are real.
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

    call_back: Any = sfn._invoke_with_callback

    @functools.wraps(call_back)
    def call_back_in_time(resource: str, parameters: Any, token: str, state: dict[str, Any]) -> Any:
        if isinstance(seconds := state.get("TimeoutSeconds"), int | float):
            scaled = max(seconds * sfn._SFN_WAIT_SCALE, float(os.environ.get(LEAST_WAIT, "0")))
            state = {**state, "TimeoutSeconds": scaled}
        return call_back(resource, parameters, token, state)

    sfn._execute_wait = execute_wait
    sfn._invoke_with_callback = call_back_in_time
