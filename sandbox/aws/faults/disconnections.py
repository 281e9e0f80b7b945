"""Connections that are closed instead of answered."""

import functools
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_MARK = "x-sandbox-broken"


def disconnected() -> tuple[int, dict[str, str], bytes]:
    """A response that no client ever gets."""
    return 200, {_MARK: "true"}, b""


def install() -> None:
    cycle: Any = RequestResponseCycle
    send = cycle.send

    @functools.wraps(send)
    async def send_unless_broken(response: Any, message: Any) -> None:
        if any(name == _MARK.encode() for name, _ in message.get("headers", ())):
            response.disconnected = True  # what else is sent is dropped
            response.transport.close()
        await send(response, message)

    cycle.send = send_unless_broken
