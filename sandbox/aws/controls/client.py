"""Clients for the control paths of a running sandbox."""

import functools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3

EXECUTIONS_PATH = "/_sandbox/executions"
HISTORIES_PATH = "/_sandbox/histories"
LEFTOVERS_PATH = "/_sandbox/leftovers"
CHECKSUM_PATH = "/_sandbox/s3/checksum"
SAGEMAKER_PATH = "/_sandbox/sagemaker"


TIMEOUT_SECONDS = 30
# One request waits no longer than this for an execution.
WAIT_SECONDS = 10


class ControlFailed(Exception):
    """A control path has refused a request: the message begins with the status."""


class ControlClient:
    """Calls control paths. Raises `ControlFailed` when one is refused, and ConnectionError without a server."""

    def __init__(self, endpoint_url: str, ca_bundle: str) -> None:
        self._endpoint_url = endpoint_url.rstrip("/")
        self._connections = _connections(ca_bundle)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        url = self._endpoint_url + path
        try:
            response = self._connections.request(method, url, json=body, timeout=TIMEOUT_SECONDS)
        except urllib3.exceptions.HTTPError as error:
            raise ConnectionError(f"{url}: {error}") from error
        if response.status >= 400:
            raise ControlFailed(f"{response.status} to {method} {path}: {response.data.decode(errors='replace')}")
        return json.loads(response.data or b"null")


@functools.cache
def _connections(ca_bundle: str) -> urllib3.PoolManager:
    """Those of every client of a sandbox: a new one costs more than most calls."""
    return urllib3.PoolManager(ca_certs=ca_bundle, retries=False)


@dataclass(frozen=True)
class Progress:
    """How far an execution has come: its status, and the states that it has entered, in order."""

    status: str
    states: Sequence[str]


class ExecutionClient(ControlClient):
    """Waits for executions, without asking again and again."""

    def wait(self, arn: str, *, state: str | None = None, seconds: float) -> Progress:
        """Wait until an execution has ended or has entered a state, at most so many seconds."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            request = {"arn": arn, "state": state, "seconds": max(0.0, min(left, WAIT_SECONDS))}
            progress = Progress(**self._call("POST", EXECUTIONS_PATH, request))
            if left <= 0 or progress.status != "RUNNING" or state in progress.states:
                return progress


class StateClient(ControlClient):
    """Changes what a running sandbox holds, in ways that no AWS client can."""

    def drop_leftovers(self) -> None:
        """Drop the histories of ended executions, but for their last event, and large objects."""
        self._call("DELETE", LEFTOVERS_PATH)

    def drop_histories(self, status: str) -> None:
        """Drop the histories of the executions that have this status, but for their last event."""
        self._call("DELETE", f"{HISTORIES_PATH}?{urlencode({'status': status})}")

    def forget_checksum(self, bucket: str, key: str) -> None:
        """Leave an object without a checksum, as those are that were put before S3 computed one for each (2024)."""
        self._call("DELETE", f"{CHECKSUM_PATH}?{urlencode({'bucket': bucket, 'key': key})}")

    def forget_sagemaker(self, account: str | None = None) -> None:
        """Drop the models, endpoints, packages and hosting processes of one account, or of all."""
        self._call("DELETE", SAGEMAKER_PATH + (f"?account={account}" if account else ""))
