"""Invoke a real-time endpoint, several requests concurrently, each response with its latency."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, ReadTimeoutError

from lambdas.promotion.aws import error_codes
from lambdas.promotion.contract.errors import ServiceUnavailable, Throttled
from lambdas.promotion.contract.smoke_test_report import readable
from lambdas.promotion.contract.smoke_test_settings import RESPONSE_SECONDS, SmokeTest
from lambdas.promotion.smoke_test.evaluation import Response

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

T = TypeVar("T")

# Right after a change SageMaker's front end may respond with 503, 500 or throttling: retries continue this long.
_SETTLING = 60.0  # seconds
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0


def invoke(
    endpoint: str, test: SmokeTest, payload: bytes, *, runtime: SageMakerRuntimeClient, until: float
) -> Iterator[Response]:
    """Yield a response for each request, as they arrive. `until` is a time of time.monotonic(): none is sent later.

    An error of the model is a response (API: ModelError), and so is a timeout of the model. What the model has not
    caused is raised: AccessDenied, Throttled, ServiceUnavailable.
    """
    request = request_for(endpoint, test, payload)
    yield from responses(test, lambda: _invoke_once(request, runtime=runtime, until=until), until=until)


def accept_any_encoding(runtime: SageMakerRuntimeClient) -> None:
    """Make the client read an error whose text is not UTF-8: SageMaker quotes the model's own text in it."""
    runtime.meta.events.register("before-parse.sagemaker-runtime", _in_utf8, unique_id="promote-in-utf8")


def _in_utf8(response_dict: dict[str, Any], **_: Any) -> None:
    """botocore parses what this leaves; the body of a model's response is a stream, and stays as it is."""
    if response_dict["status_code"] >= 300 and isinstance(response_dict["body"], bytes):
        response_dict["body"] = response_dict["body"].decode(errors="replace").encode()


def responses(test: SmokeTest, invoke_once: Callable[[], Response], *, until: float) -> Iterator[Response]:
    """Yield what `invoke_once` returns for each request, several concurrently. `until`: none is sent later."""
    with ThreadPoolExecutor(test.concurrency) as pool:
        in_progress: set[Future[Response]] = set()
        unsent = test.requests
        while True:
            while unsent and len(in_progress) < test.concurrency and time.monotonic() < until:
                in_progress.add(pool.submit(invoke_once))
                unsent -= 1
            if not in_progress:
                return
            done, in_progress = wait(in_progress, return_when=FIRST_COMPLETED)
            for request in done:
                yield request.result()


def request_for(endpoint: str, test: SmokeTest, payload: bytes) -> dict[str, Any]:
    """Return InvokeEndpoint's parameters."""
    optional = {
        "Accept": test.accept,
        "CustomAttributes": test.custom_attributes,
        "TargetModel": test.target_model,
        "TargetVariant": test.target_variant,
        "TargetContainerHostname": test.target_container_hostname,
    }
    return {
        "EndpointName": endpoint,
        "Body": payload,
        "ContentType": test.content_type,
        **{name: value for name, value in optional.items() if value is not None},
    }


def _invoke_once(request: dict[str, Any], *, runtime: SageMakerRuntimeClient, until: float) -> Response:
    def call() -> Response:
        began = time.perf_counter()
        response = runtime.invoke_endpoint(**request)
        body = response["Body"].read()
        return Response(
            status=200,  # any other is an error (API: InvokeEndpoint, Response Elements)
            body=body,
            content_type=response.get("ContentType", ""),
            milliseconds=_since(began),
        )

    return settled(call, until=until)


def settled(call: Callable[[], T], *, until: float) -> T | Response:
    """Call, and retry while SageMaker itself is unavailable. Return the call's result, or the refusal."""
    give_up = min(until, time.monotonic() + _SETTLING)
    attempts = 0
    while True:
        attempts += 1
        pause = random.uniform(0.5, 1) * min(_LONGEST_PAUSE, _SHORTEST_PAUSE * 2.0**attempts)  # noqa: S311 - no secret
        began = time.perf_counter()
        try:
            return call()
        except ReadTimeoutError:
            return Response(status=None, milliseconds=max(_since(began), RESPONSE_SECONDS * 1000.0))
        except (Throttled, ServiceUnavailable, HTTPClientError, ConnectionError):
            if time.monotonic() + pause > give_up:
                raise
        except ClientError as error:
            # A large model of a multi-model endpoint may take long to be loaded.
            if error_codes.code_of(error) != error_codes.SAGEMAKER_MODEL_NOT_READY or time.monotonic() + pause > until:
                return _refusal(error, _since(began))
        time.sleep(pause)


def _refusal(error: ClientError, milliseconds: float) -> Response:
    """With an OriginalStatusCode it is the model's response, else SageMaker's own, such as an unknown variant."""
    message = readable(f"{error.response['Error']['Code']}: {error.response['Error']['Message']}")
    original = error.response.get("OriginalStatusCode")
    if isinstance(original, int):
        body = readable(str(error.response.get("OriginalMessage", ""))).encode()
        return Response(status=original, body=body, milliseconds=milliseconds, message=message)
    return Response(status=None, message=f"SageMaker responded with {message}")


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
