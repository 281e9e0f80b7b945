"""A client for the sandbox's own addresses on a running server."""

import json
import ssl
import urllib.request
from typing import Any


class ControlClient:
    """What the clients of the fault boards have in common."""

    def __init__(self, endpoint_url: str, ca_bundle: str) -> None:
        self._endpoint_url = endpoint_url
        self._tls = ssl.create_default_context(cafile=ca_bundle) if endpoint_url.startswith("https:") else None

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the address is the sandbox's own
            self._endpoint_url.rstrip("/") + path,
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, context=self._tls, timeout=30) as response:  # noqa: S310
            return json.loads(response.read() or b"null")
