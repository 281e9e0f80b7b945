"""Asking an endpoint, some requests at once, each answer with its time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, ReadTimeoutError

from lambdas.promotion.aws import error_codes
from lambdas.promotion.contract.errors import ServiceUnavailable, Throttled
from lambdas.promotion.contract.smoke_test_settings import SmokeTest
from lambdas.promotion.smoke_test.evaluation import Response

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

T = TypeVar("T")

# Right after a change SageMaker's own front may answer 503, 500 or "throttled": this long it is asked again.
_SETTLING = 60.0  # seconds
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0


def invoke(
    endpoint: str, test: SmokeTest, payload: bytes, *, runtime: SageMakerRuntimeClient, until: float
) -> Iterator[Response]:
    """Yield an answer for each request, as they come. `until` is a time of time.monotonic(): later none is begun.

    A model that refuses or breaks is an answer (API: ModelError), and so is one that says nothing. What is not the
    model's doing is raised: AccessDenied, Throttled, ServiceUnavailable.
    """
    request = request_for(endpoint, test, payload)
    yield from responses(test, lambda: _answer(request, runtime=runtime, until=until), until=until)


def responses(test: SmokeTest, one: Callable[[], Response], *, until: float) -> Iterator[Response]:
    """Yield what `one` returns for each request, some at once. `until`: later none is begun."""
    with ThreadPoolExecutor(test.concurrency) as pool:
        under_way: set[Future[Response]] = set()
        left = test.requests
        while True:
            while left and len(under_way) < test.concurrency and time.monotonic() < until:
                under_way.add(pool.submit(one))
                left -= 1
            if not under_way:
                return
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for ended in done:
                yield ended.result()


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


def _answer(request: dict[str, Any], *, runtime: SageMakerRuntimeClient, until: float) -> Response:
    def call() -> Response:
        began = time.perf_counter()
        answer = runtime.invoke_endpoint(**request)
        body = answer["Body"].read()
        return Response(
            status=200,  # any other is an error (API: InvokeEndpoint, Response Elements)
            body=body,
            content_type=answer.get("ContentType", ""),
            milliseconds=_since(began),
        )

    return settled(call, until=until)


def settled(call: Callable[[], T], *, until: float) -> T | Response:
    """Ask once, and again while SageMaker itself cannot serve. Return what the call does, or the refusal."""
    give_up = min(until, time.monotonic() + _SETTLING)
    tries = 0
    while True:
        tries += 1
        pause = random.uniform(0.5, 1) * min(_LONGEST_PAUSE, _SHORTEST_PAUSE * 2.0**tries)  # noqa: S311 - no secret
        began = time.perf_counter()
        try:
            return call()
        except ReadTimeoutError:
            return Response(status=None)
        except (Throttled, ServiceUnavailable, HTTPClientError, ConnectionError):
            if time.monotonic() + pause > give_up:
                raise
        except ClientError as error:
            # A large model of a multi-model endpoint may take long to be loaded.
            if error_codes.code_of(error) != error_codes.SAGEMAKER_MODEL_NOT_READY or time.monotonic() + pause > until:
                return _refusal(error, _since(began))
        time.sleep(pause)


def _refusal(error: ClientError, milliseconds: float) -> Response:
    """With an OriginalStatusCode it is what the model answered, else SageMaker's own, such as an unknown variant."""
    said = f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
    original = error.response.get("OriginalStatusCode")
    if isinstance(original, int):
        body = str(error.response.get("OriginalMessage", "")).encode()
        return Response(status=original, body=body, milliseconds=milliseconds, message=said)
    return Response(status=None, message=f"SageMaker answered {said}")


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
