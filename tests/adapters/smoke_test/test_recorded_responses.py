"""What a smoke test makes of each recorded answer of an endpoint."""

from __future__ import annotations

import io
import time

import pytest
from botocore.response import StreamingBody

from lambdas.promotion.contract.errors import Throttled
from lambdas.promotion.contract.smoke_test_settings import Payload, SmokeTest
from lambdas.promotion.smoke_test import async_invocation, real_time_invocation
from lambdas.promotion.smoke_test.evaluation import Response
from recordings.store import Recording
from tests.recorded import Stub, answer, refuse, stubbed, walked, walked_errors

TEST = SmokeTest(payload=Payload(text="x"), content_type="text/csv", timeout_seconds=1)


def body(content: bytes) -> StreamingBody:
    return StreamingBody(io.BytesIO(content), len(content))


def invoked(runtime: Stub, *, seconds: float = 5) -> Response:
    until = time.monotonic() + seconds
    (response,) = real_time_invocation.invoke("reviews-qa", TEST, b"x", runtime=runtime.client, until=until)
    return response


@walked("sagemaker-runtime/InvokeEndpoint", {"success": "application/json"})
def test_an_answer_is_a_response_with_its_type(recorded: Recording, expected: str) -> None:
    with stubbed("sagemaker-runtime") as runtime:
        runtime.add_response("invoke_endpoint", answer(recorded, Body=body(b"{}")))
        response = invoked(runtime)
    assert (response.status, response.body, response.content_type) == (200, b"{}", expected)


@walked_errors(
    "sagemaker-runtime/InvokeEndpoint",
    {
        "endpoint-not-found": "ValidationError: Endpoint reviews of account",
        "model-error-client-400": "ModelError: Received client error (400)",
        "model-error-timeout": "ModelError: Received server error (0) from model",
        "model-error-no-response": "ModelError: Received server error (0) from model",
        "payload-too-large-realtime": "413: HTTP content length exceeded",
        "payload-too-large-serverless": "ValidationError: Request",
        "throttled": Throttled,
        "inference-component-without-capacity": "ValidationError: Inference Component has no capacity",
    },
)
def test_a_refusal_is_a_response_that_fails_its_test_or_is_retried(
    recorded: Recording, expected: str | type[Exception]
) -> None:
    with stubbed("sagemaker-runtime") as runtime:
        refuse(runtime, "invoke_endpoint", recorded)
        if isinstance(expected, str):
            response = invoked(runtime)
            assert response.status is None
            assert (response.message or "").removeprefix("SageMaker responded with ").startswith(expected)
        else:
            with pytest.raises(expected):
                invoked(runtime, seconds=0.1)


@walked("sagemaker-runtime/InvokeEndpointAsync", {"success": b"yes"})
def test_the_response_of_an_asynchronous_endpoint_is_read_where_it_says(recorded: Recording, expected: bytes) -> None:
    location = recorded.response["OutputLocation"].removeprefix("s3://")
    bucket, _, key = location.partition("/")
    with stubbed("sagemaker-runtime") as runtime, stubbed("s3") as s3:
        runtime.add_response("invoke_endpoint_async", answer(recorded))
        s3.add_client_error("get_object", "NoSuchKey", http_status_code=404)  # not yet
        s3.add_response("get_object", {"Body": body(expected)}, {"Bucket": bucket, "Key": key})
        (response,) = async_invocation.invoke(
            "reviews-qa",
            TEST,
            b"x",
            runtime=runtime.client,
            s3=s3.client,
            until=time.monotonic() + 60,
            pause=lambda _: None,
        )
    assert (response.status, response.body) == (200, expected)
