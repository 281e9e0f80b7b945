"""Wait in the server until an execution enters a state or ends.

A client that polls takes more of the machine than what it waits for: a history may have hundreds of KB.
"""

import asyncio
import json
import time
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import stepfunctions as sfn

from sandbox.aws.controls import paths
from sandbox.aws.controls.client import EXECUTIONS_PATH

LOOK_SECONDS = 0.01


def install() -> None:
    paths.serve(_handle)


async def _handle(method: str, path: str, body: bytes, _query: dict[str, Any]) -> paths.Response | None:
    """Return how far an execution has come, as soon as it has entered a state or has ended, or when the time is up."""
    if (method, path) != ("POST", EXECUTIONS_PATH):
        return None
    request = json.loads(body)
    arn, state, seconds = request["arn"], request.get("state"), float(request["seconds"])
    _, _, _, region, account, *_ = arn.split(":")
    with request_scope(account, region):
        execution = sfn._executions.get(arn)
    if execution is None:
        return paths.as_json(404, {"message": f"There is no execution {arn}."})
    deadline = time.monotonic() + seconds
    entered = _Entered(execution)
    while execution["status"] == "RUNNING" and state not in entered.names() and time.monotonic() < deadline:
        await asyncio.sleep(LOOK_SECONDS)
    # The last states are entered before the end, and so are read after it.
    return paths.as_json(200, {"status": execution["status"], "states": entered.names()})


class _Entered:
    """The states that an execution has entered, in order. Each event is read once."""

    def __init__(self, execution: dict[str, Any]) -> None:
        self._events = execution["events"]
        self._read = 0
        self._names: list[str] = []

    def names(self) -> list[str]:
        new = self._events[self._read :]
        self._read += len(new)
        self._names += [
            event["stateEnteredEventDetails"]["name"] for event in new if "stateEnteredEventDetails" in event
        ]
        return self._names
