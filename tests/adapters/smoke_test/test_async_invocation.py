"""Invoke an asynchronous endpoint: the request, the location of the response, and a missing response."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from typing import Any

import pytest
from botocore.response import StreamingBody

from lambdas.promotion.contract.errors import PayloadUnusable
from lambdas.promotion.contract.smoke_test_settings import Payload, SmokeTest
from lambdas.promotion.smoke_test import async_invocation
from lambdas.promotion.smoke_test.evaluation import Response
from tests.adapters.conftest import Stubs

TEST = SmokeTest(payload=Payload(text="x"), content_type="text/csv", accept="application/json")
OUTPUT, FAILURE = {"Bucket": "answers", "Key": "out/1.out"}, {"Bucket": "answers", "Key": "bad/1-error.out"}


def accepted(stubs: Stubs, *, failures: bool = True) -> None:
    locations = {"InferenceId": "1", "OutputLocation": "s3://answers/out/1.out"}
    more = {"FailureLocation": "s3://answers/bad/1-error.out"} if failures else {}
    sent = {"EndpointName": "reviews-qa", "Body": b"x", "ContentType": "text/csv", "Accept": "application/json"}
    stubs.sagemaker_runtime.add_response("invoke_endpoint_async", locations | more, sent)


def stored(stubs: Stubs, location: dict[str, str], body: bytes) -> None:
    response = {"Body": StreamingBody(io.BytesIO(body), len(body)), "ContentType": "application/json"}
    stubs.s3.add_response("get_object", response, location)


def missing(stubs: Stubs, location: dict[str, str]) -> None:
    stubs.s3.add_client_error("get_object", "NoSuchKey", http_status_code=404, expected_params=location)


def responses(stubs: Stubs, *, payload: bytes = b"x", seconds: float = 60, test: SmokeTest = TEST) -> list[Response]:
    runtime: Any = stubs.sagemaker_runtime.client
    s3: Any = stubs.s3.client
    until = time.monotonic() + seconds
    return list(
        async_invocation.invoke("reviews-qa", test, payload, runtime=runtime, s3=s3, until=until, pause=lambda _: None)
    )


def test_the_response_is_awaited_at_the_location_that_sagemaker_returns(stubs: Stubs) -> None:
    accepted(stubs)
    missing(stubs, OUTPUT)
    missing(stubs, FAILURE)
    stored(stubs, OUTPUT, b'{"a": 1}')
    (response,) = responses(stubs)
    assert (response.status, response.body, response.content_type) == (200, b'{"a": 1}', "application/json")
    assert response.milliseconds > 0


def test_a_location_is_read_by_its_whole_key(stubs: Stubs) -> None:
    """A stage's `s3_output_path` may have a # and several slashes."""
    location = {"InferenceId": "1", "OutputLocation": "s3://answers//a#b/1.out"}
    stubs.sagemaker_runtime.add_response("invoke_endpoint_async", location)
    stored(stubs, {"Bucket": "answers", "Key": "/a#b/1.out"}, b"1")
    assert [response.body for response in responses(stubs)] == [b"1"]


def test_a_failure_is_reported_with_the_containers_message(stubs: Stubs) -> None:
    accepted(stubs)
    missing(stubs, OUTPUT)
    stored(stubs, FAILURE, b"the weights are from another release")
    (response,) = responses(stubs)
    assert (response.status, response.body) == (None, b"the weights are from another release")
    assert response.message == "the asynchronous request failed (s3://answers/bad/1-error.out)"


def test_without_a_failure_location_only_the_response_is_polled(stubs: Stubs) -> None:
    accepted(stubs, failures=False)
    missing(stubs, OUTPUT)
    (response,) = responses(stubs, seconds=0.5)
    assert response.message == "no response at s3://answers/out/1.out within the test's timeout"
    assert response.milliseconds == 120_000.0


def test_an_endpoint_that_refuses_the_request_is_a_response(stubs: Stubs) -> None:
    stubs.sagemaker_runtime.add_client_error("invoke_endpoint_async", "ValidationError", "Not asynchronous.")
    (response,) = responses(stubs)
    assert (response.status, response.message) == (None, "SageMaker responded with ValidationError: Not asynchronous.")


def test_a_payload_that_exceeds_the_asynchronous_limit_is_not_sent(stubs: Stubs) -> None:
    with pytest.raises(PayloadUnusable, match="128001 bytes, and the asynchronous endpoint reviews-qa accepts 128000"):
        responses(stubs, payload=b"x" * 128_001)


def test_several_requests_have_a_response_each(stubs: Stubs) -> None:
    for _ in range(2):
        accepted(stubs)
        stored(stubs, OUTPUT, b"{}")
    assert len(responses(stubs, test=replace(TEST, requests=2))) == 2
