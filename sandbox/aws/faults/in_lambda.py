"""Runs in the process of a step's Lambda before AWS's runtime client, and stands between botocore and the network.

It is all that a step's process has of the sandbox, so it imports nothing of it. Where the switch is off, a call costs
a look at the disk and nothing else.
"""

import contextlib
import functools
import http.client
import json
import os
import runpy
import ssl
import threading
import urllib.parse
from pathlib import Path
from typing import Any, NoReturn

_SUCCESS = range(200, 300)


def install(switch: Path) -> None:
    """Let the server decide about each call of this process, while the switch is on. Raises ImportError."""
    _observe_events()
    from botocore.client import BaseClient  # noqa: PLC0415 - see below

    make = BaseClient._make_request  # type: ignore[attr-defined]

    @functools.wraps(make)
    def make_request(client: Any, operation: Any, request: dict[str, Any], context: Any) -> Any:
        if not switch.exists():
            return make(client, operation, request, context)
        before = _take_fault(operation, after=False)
        if before:
            return _apply(before, request)
        answer = make(client, operation, request, context)
        # A redirect is followed inside of make; an answer with status 200 may still hold an error (S3: CopyObject).
        after = _take_fault(operation, after=True) if _is_done(answer) else None
        return _apply(after, request) if after else answer

    BaseClient._make_request = make_request  # type: ignore[attr-defined]


def _is_done(answer: Any) -> bool:
    http, parsed = answer
    return http.status_code in _SUCCESS and "Error" not in parsed


def _apply(fault: dict[str, Any], request: dict[str, Any]) -> Any:
    from botocore.awsrequest import AWSResponse  # noqa: PLC0415
    from botocore.compat import HTTPHeaders  # noqa: PLC0415
    from botocore.exceptions import ReadTimeoutError  # noqa: PLC0415

    kind = str(fault["kind"])
    if kind.startswith("kill"):
        _die()
    if kind.startswith("timeout"):
        raise ReadTimeoutError(endpoint_url=request["url"], error="the sandbox injected a timeout")
    status, error = int(fault["status"]), {"Code": fault["code"], "Message": fault["message"]}
    parsed = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}, "RetryAttempts": 0}}
    return AWSResponse(request["url"], status, HTTPHeaders(), None), parsed


def _die() -> NoReturn:
    """End the process as a kill does: nothing is flushed, closed or told to the runtime."""
    os._exit(1)


def _take_fault(operation: Any, *, after: bool) -> dict[str, Any] | None:
    call = {
        "step": _step,
        "service": operation.service_model.service_name,
        "operation": operation.name,
    }
    answer: dict[str, Any] | None = json.loads(_post(json.dumps({"call": call, "after": after})))
    return answer


_step = ""


def _observe_events() -> None:
    """A step has the name of its handler's module, or that which its event says: a function may run several."""
    from awslambdaric import bootstrap  # noqa: PLC0415

    get_handler = bootstrap._get_handler

    def get(name: str) -> Any:
        handler = get_handler(name)

        def observed(event: Any, context: Any) -> Any:
            global _step  # noqa: PLW0603 - an environment has one invocation at a time
            _step = (event.get("step") if isinstance(event, dict) else None) or name.split(".")[-2]
            return handler(event, context)

        return observed

    bootstrap._get_handler = get


_own = threading.local()


def _post(body: str) -> bytes:
    """Send to the server on a connection that this thread keeps, and on a new one where that has been closed."""
    address = urllib.parse.urlsplit(os.environ["SANDBOX_FAULTS_URL"])
    for connection in (getattr(_own, "connection", None), None):
        live = connection or http.client.HTTPSConnection(address.netloc, context=_tls(), timeout=30)
        try:
            live.request("POST", address.path, body)
            answer = live.getresponse().read()
        except (http.client.HTTPException, OSError):
            live.close()
            if connection is None:
                raise
            continue
        _own.connection = live
        return answer
    raise ConnectionError("the sandbox does not answer")


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])


def run() -> None:
    """Be a function's environment."""
    # A function may bring modules of its own with which botocore cannot be imported: then it makes no calls by it.
    with contextlib.suppress(ImportError):
        import sandbox_quick_clients  # type: ignore[import-not-found]  # noqa: PLC0415

        sandbox_quick_clients.apply()
        install(Path(os.environ["SANDBOX_FAULTS_SWITCH"]))
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=False)


if __name__ == "__main__":
    run()
