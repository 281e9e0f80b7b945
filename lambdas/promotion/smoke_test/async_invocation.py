"""Asking an asynchronous endpoint: a request is taken at once, and its answer is awaited where it is put into S3."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

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
    """Yield an answer for each request, as they come. `until` is a time of time.monotonic(): later none is awaited.

    The answer's time is that until it is seen in S3. Raises PayloadUnusable.
    """
    require_small(payload, endpoint)
    request = real_time_invocation.request_for(endpoint, test, payload)

    def one() -> Response:
        began = time.perf_counter()
        taken = real_time_invocation.settled(lambda: runtime.invoke_endpoint_async(**request), until=until)
        if isinstance(taken, Response):
            return taken
        return _awaited(taken, s3=s3, until=until, began=began, pause=pause)

    yield from real_time_invocation.responses(test, one, until=until)


def require_small(payload: bytes, endpoint: str) -> None:
    """Raises PayloadUnusable."""
    if len(payload) > MOST_BYTES:
        raise PayloadUnusable(
            f"The smoke test sends {len(payload)} bytes, and the asynchronous endpoint {endpoint} takes {MOST_BYTES} "
            "in a request (API: InvokeEndpointAsync). Send less and promote again."
        )


def _awaited(taken: Any, *, s3: S3Client, until: float, began: float, pause: Callable[[float], None]) -> Response:
    output, failure = taken["OutputLocation"], taken.get("FailureLocation")
    while True:
        answer = _read(output, s3=s3)
        milliseconds = (time.perf_counter() - began) * 1000
        if answer is not None:
            body, content_type = answer
            return Response(status=200, body=body, content_type=content_type, milliseconds=milliseconds)
        failed = _read(failure, s3=s3) if failure else None
        if failed is not None:
            body, content_type = failed
            said = f"the asynchronous request failed ({failure})"
            return Response(status=None, body=body, content_type=content_type, message=said)
        if time.monotonic() + _PAUSE > until:
            where = f"{output} or {failure}" if failure else output
            return Response(status=None, message=f"no answer came to {where} within the test's timeout")
        pause(_PAUSE)


def _read(uri: str, *, s3: S3Client) -> tuple[bytes, str] | None:
    """Return the object with its type; None while it is not there."""
    place = urlsplit(uri)
    try:
        found = s3.get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))
    except ClientError as error:
        if error_codes.code_of(error) == error_codes.S3_NO_SUCH_KEY:
            return None
        raise
    return found["Body"].read(), found.get("ContentType", "")
