"""Invoke an asynchronous endpoint: it accepts a request immediately, and stores the response in S3."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.promotion.artifacts import s3_objects
from lambdas.promotion.aws import error_codes
from lambdas.promotion.contract.errors import PayloadUnusable
from lambdas.promotion.contract.smoke_test_settings import SmokeTest
from lambdas.promotion.smoke_test import real_time_invocation
from lambdas.promotion.smoke_test.evaluation import Response

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

MOST_BYTES = 128_000  # of a request's body (API: InvokeEndpointAsync, Body)
_PAUSE = 1.0  # seconds


def invoke(
    endpoint: str,
    test: SmokeTest,
    payload: bytes,
    *,
    runtime: SageMakerRuntimeClient,
    s3: S3Client,
    until: float,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Response]:
    """Yield a response for each request, as they arrive. `until` is a time of time.monotonic(): no wait exceeds it.

    A response's latency is the time until it exists in S3. Raises PayloadUnusable.
    """
    require_small(payload, endpoint)
    request = real_time_invocation.request_for(endpoint, test, payload)

    def invoke_once() -> Response:
        began = time.perf_counter()
        accepted = real_time_invocation.settled(lambda: runtime.invoke_endpoint_async(**request), until=until)
        if isinstance(accepted, Response):
            return accepted
        return _awaited(accepted, test, s3=s3, until=until, began=began, pause=pause)

    yield from real_time_invocation.responses(test, invoke_once, until=until)


def require_small(payload: bytes, endpoint: str) -> None:
    """Raises PayloadUnusable."""
    if len(payload) > MOST_BYTES:
        raise PayloadUnusable(
            f"The smoke test sends {len(payload)} bytes, and the asynchronous endpoint {endpoint} accepts {MOST_BYTES} "
            "in a request (API: InvokeEndpointAsync). Reduce the payload, then promote again."
        )


def _awaited(
    accepted: Any, test: SmokeTest, *, s3: S3Client, until: float, began: float, pause: Callable[[float], None]
) -> Response:
    output, failure = accepted["OutputLocation"], accepted.get("FailureLocation")
    while True:
        content = _read(output, s3=s3)
        milliseconds = (time.perf_counter() - began) * 1000
        if content is not None:
            body, content_type = content
            return Response(status=200, body=body, content_type=content_type, milliseconds=milliseconds)
        failed = _read(failure, s3=s3) if failure else None
        if failed is not None:
            body, content_type = failed
            message = f"the asynchronous request failed ({failure})"
            return Response(status=None, body=body, content_type=content_type, message=message)
        if time.monotonic() + _PAUSE > until:
            location = f"{output} or {failure}" if failure else output
            message = f"no response at {location} within the test's timeout"
            return Response(status=None, message=message, milliseconds=max(milliseconds, test.timeout_seconds * 1000.0))
        pause(_PAUSE)


def _read(uri: str, *, s3: S3Client) -> tuple[bytes, str] | None:
    """Return the object's content with its type; None while it does not exist."""
    bucket, key = s3_objects.split_uri(uri)
    try:
        response = s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error_codes.code_of(error) == error_codes.S3_NO_SUCH_KEY:
            return None
        raise
    return response["Body"].read(), response.get("ContentType", "")
