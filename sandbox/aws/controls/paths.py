"""How a control path is served: before MiniStack looks for the AWS service that a request is for."""

import functools
import json
from collections.abc import Awaitable, Callable
from typing import Any

from ministack import app

Response = tuple[int, dict[str, str], bytes]
# Called with the method, path, body and query of a request; returns None for a path that is not its own.
Handler = Callable[[str, str, bytes, dict[str, Any]], Awaitable[Response | None]]


def serve(handle: Handler) -> None:
    shortcuts = app._handle_post_body_shortcuts

    @functools.wraps(shortcuts)
    async def with_control_path(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], request_id: str
    ) -> Any:
        response = await handle(method, path, body, query)
        return response or await shortcuts(method, path, headers, body, query, request_id)

    app._handle_post_body_shortcuts = with_control_path


def as_json(status: int, content: Any) -> Response:
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()
