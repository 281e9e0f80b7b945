"""Connections that are closed instead of answered."""

import functools
from typing import Any

from hypercorn.protocol.events import Response, StreamClosed
from hypercorn.protocol.h11 import H11Protocol

_MARK = "x-sandbox-broken"


def disconnected() -> tuple[int, dict[str, str], bytes]:
    """A response that no client ever gets."""
    return 200, {_MARK: "true"}, b""


def install() -> None:
    send = H11Protocol.stream_send

    @functools.wraps(send)
    async def send_unless_broken(connection: Any, event: Any) -> None:
        if isinstance(event, Response) and any(name == _MARK.encode() for name, _ in event.headers):
            connection.is_broken = True
        # The end of a request that was not answered closes the connection.
        if isinstance(event, StreamClosed) or not getattr(connection, "is_broken", False):
            await send(connection, event)

    H11Protocol.stream_send = send_unless_broken  # type: ignore[assignment, method-assign]
