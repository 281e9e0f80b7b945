"""Clients for the control paths of a running sandbox."""

import json
import ssl
import urllib.request
from typing import Any
from urllib.parse import urlencode

LEFTOVERS_PATH = "/_sandbox/leftovers"
CHECKSUM_PATH = "/_sandbox/s3/checksum"
SAGEMAKER_PATH = "/_sandbox/sagemaker"


class ControlClient:
    """Calls control paths."""

    def __init__(self, endpoint_url: str, ca_bundle: str) -> None:
        self._endpoint_url = endpoint_url
        self._tls = ssl.create_default_context(cafile=ca_bundle) if endpoint_url.startswith("https:") else None

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the URL is the sandbox's own
            self._endpoint_url.rstrip("/") + path,
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, context=self._tls, timeout=30) as response:  # noqa: S310
            return json.loads(response.read() or b"null")


class StateClient(ControlClient):
    """Changes what a running sandbox holds, in ways that no AWS client can."""

    def drop_leftovers(self) -> None:
        """Drop the histories of ended executions, but for their last event, and large objects."""
        self._call("DELETE", LEFTOVERS_PATH)

    def forget_checksum(self, bucket: str, key: str) -> None:
        """Leave an object without a checksum, as those are that were put before S3 computed one for each (2024)."""
        self._call("DELETE", f"{CHECKSUM_PATH}?{urlencode({'bucket': bucket, 'key': key})}")

    def forget_sagemaker(self, account: str | None = None) -> None:
        """Drop the models, endpoints, packages and hosting processes of one account, or of all."""
        self._call("DELETE", SAGEMAKER_PATH + (f"?account={account}" if account else ""))
