"""InvokeEndpoint as a smoke test calls it: its parameters, what is retried, and what is a response."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import ReadTimeoutError
from botocore.response import StreamingBody

from lambdas.promotion.aws import error_translation, sessions
from lambdas.promotion.contract.errors import AccessDenied, ServiceUnavailable, Throttled
from lambdas.promotion.contract.smoke_test_settings import Payload, SmokeTest
from lambdas.promotion.smoke_test import real_time_invocation
from lambdas.promotion.smoke_test.evaluation import Response
from recordings import store
from tests.adapters.conftest import Stubs

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

TEST = SmokeTest(payload=Payload(text="x"), content_type="text/csv")


@pytest.fixture
def runtime(stubs: Stubs, monkeypatch: pytest.MonkeyPatch) -> SageMakerRuntimeClient:
    monkeypatch.setattr(real_time_invocation, "_SHORTEST_PAUSE", 0.001)
    client: SageMakerRuntimeClient = stubs.sagemaker_runtime.client  # type: ignore[assignment]
    error_translation.translate_errors(client, "The role invoker")
    return client


def invoke(runtime: SageMakerRuntimeClient, test: SmokeTest = TEST, *, seconds: float = 5) -> list[Response]:
    until = time.monotonic() + seconds
    return list(real_time_invocation.invoke("reviews-qa", test, b"x", runtime=runtime, until=until))


def respond(stubs: Stubs, body: bytes = b"yes", request: dict[str, Any] | None = None) -> None:
    response = {"Body": StreamingBody(io.BytesIO(body), len(body)), "ContentType": "text/plain"}
    stubs.sagemaker_runtime.add_response("invoke_endpoint", response, request)


def refuses(stubs: Stubs, code: str, status: int, **fields: Any) -> None:
    stubs.sagemaker_runtime.add_client_error(
        "invoke_endpoint", code, "some words", http_status_code=status, modeled_fields=fields or None
    )


def test_a_plain_test_sends_the_body_and_its_type_and_nothing_else(
    stubs: Stubs, runtime: SageMakerRuntimeClient
) -> None:
    respond(stubs, request={"EndpointName": "reviews-qa", "Body": b"x", "ContentType": "text/csv"})
    (response,) = invoke(runtime)
    assert (response.status, response.body, response.content_type) == (200, b"yes", "text/plain")
    assert 0 < response.milliseconds < 1000


def test_every_option_is_sent_under_sagemakers_name(stubs: Stubs, runtime: SageMakerRuntimeClient) -> None:
    complete = replace(
        TEST,
        accept="application/json",
        target_variant="All",
        target_model="m.tar.gz",
        target_container_hostname="first",
        custom_attributes="trace=7",
    )
    respond(
        stubs,
        request={
            "EndpointName": "reviews-qa",
            "Body": b"x",
            "ContentType": "text/csv",
            "Accept": "application/json",
            "TargetVariant": "All",
            "TargetModel": "m.tar.gz",
            "TargetContainerHostname": "first",
            "CustomAttributes": "trace=7",
        },
    )
    invoke(runtime, complete)


def test_an_error_of_the_model_is_a_response_and_is_not_retried(stubs: Stubs, runtime: SageMakerRuntimeClient) -> None:
    refuses(stubs, "ModelError", 424, OriginalStatusCode=500, OriginalMessage="boom")
    (response,) = invoke(runtime)
    assert (response.status, response.body, response.message) == (500, b"boom", "ModelError: some words")


def test_another_refusal_of_sagemaker_is_a_response_without_a_status(
    stubs: Stubs, runtime: SageMakerRuntimeClient
) -> None:
    refuses(stubs, "ValidationError", 400)
    assert invoke(runtime) == [Response(status=None, message="SageMaker responded with ValidationError: some words")]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ModelNotReadyException", 429),
        ("ServiceUnavailable", 503),
        ("InternalFailure", 500),
        ("InternalDependencyException", 530),
        ("ThrottlingException", 400),
    ],
)
def test_an_error_that_is_not_the_models_is_retried(
    stubs: Stubs, runtime: SageMakerRuntimeClient, code: str, status: int
) -> None:
    refuses(stubs, code, status)
    refuses(stubs, code, status)
    respond(stubs)
    assert [response.body for response in invoke(runtime)] == [b"yes"]


@pytest.mark.parametrize(
    ("code", "error"), [("ServiceUnavailable", ServiceUnavailable), ("ThrottlingException", Throttled)]
)
def test_an_invocation_is_retried_for_a_limited_time(
    stubs: Stubs, runtime: SageMakerRuntimeClient, monkeypatch: pytest.MonkeyPatch, code: str, error: type[Exception]
) -> None:
    monkeypatch.setattr(real_time_invocation, "_SETTLING", 0.0)
    refuses(stubs, code, 503)
    with pytest.raises(error):
        invoke(runtime)


def test_a_model_that_is_not_ready_until_the_end_of_the_test_has_no_response(
    stubs: Stubs, runtime: SageMakerRuntimeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(real_time_invocation, "_SHORTEST_PAUSE", 10.0)
    refuses(stubs, "ModelNotReadyException", 429)
    assert invoke(runtime, seconds=0.5)[0].message == "SageMaker responded with ModelNotReadyException: some words"


def test_a_missing_permission_is_not_a_model_failure(stubs: Stubs, runtime: SageMakerRuntimeClient) -> None:
    refuses(stubs, "AccessDeniedException", 403)
    with pytest.raises(
        AccessDenied, match="The role invoker is not permitted to call sagemaker:InvokeEndpoint on reviews-qa"
    ):
        invoke(runtime)


def test_a_missing_response_is_a_failed_request(
    runtime: SageMakerRuntimeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://runtime")

    monkeypatch.setattr(runtime, "invoke_endpoint", hang)
    assert invoke(runtime) == [Response(status=None, milliseconds=70_000.0)]


def test_a_response_that_stops_in_the_middle_is_a_failed_request(
    runtime: SageMakerRuntimeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopping:
        def read(self) -> bytes:
            raise ReadTimeoutError(endpoint_url="https://runtime")

    monkeypatch.setattr(runtime, "invoke_endpoint", lambda **_: {"Body": Stopping()})
    assert invoke(runtime) == [Response(status=None, milliseconds=70_000.0)]


def test_a_timeout_of_the_model_has_the_time_that_it_took(stubs: Stubs, runtime: SageMakerRuntimeClient) -> None:
    error = store.error("sagemaker-runtime/InvokeEndpoint/model-error-timeout").response
    stubs.sagemaker_runtime.add_client_error(
        "invoke_endpoint",
        error["Error"]["Code"],
        error["Error"]["Message"],
        http_status_code=error["ResponseMetadata"]["HTTPStatusCode"],
        modeled_fields={"OriginalStatusCode": 0, "OriginalMessage": "timed out"},
    )
    (response,) = invoke(runtime)
    assert response.status == 0
    assert response.milliseconds > 0


@pytest.mark.parametrize("original", ["half a character: \ud83d", "\udcff", None])
def test_an_odd_character_in_sagemakers_message_is_a_failed_request(
    stubs: Stubs, runtime: SageMakerRuntimeClient, original: str | None
) -> None:
    text = store.error("sagemaker-runtime/InvokeEndpoint/model-error-client-400").response["Error"]["Message"]
    stubs.sagemaker_runtime.add_client_error(
        "invoke_endpoint",
        "ModelError",
        f"{text}\ud83d",
        http_status_code=424,
        modeled_fields={"OriginalStatusCode": 400, **({"OriginalMessage": original} if original else {})},
    )
    (response,) = invoke(runtime)
    assert response.status == 400
    assert (response.message or "").encode().decode().startswith("ModelError: Received client error (400)")
    assert original is None or response.body.endswith(b"?")


def test_a_message_in_another_encoding_is_a_failed_request(stubs: Stubs, runtime: SageMakerRuntimeClient) -> None:
    """SageMaker quotes the model's text: one that is not UTF-8 makes an answer that botocore cannot parse."""
    body = '{"OriginalStatusCode": 500, "OriginalMessage": "défaut", "Message": "défaut"}'.encode("latin-1")

    def answer(**_: Any) -> Any:
        raw = io.BytesIO(body)
        headers: Any = HeadersDict({"x-amzn-ErrorType": "ModelError"})
        raw.stream = lambda **_: iter([body])  # type: ignore[attr-defined]
        return AWSResponse("https://runtime", 424, headers, raw)

    stubs.sagemaker_runtime.deactivate()
    real_time_invocation.accept_any_encoding(runtime)
    real_time_invocation.accept_any_encoding(runtime)  # once for each test of a stage
    runtime.meta.events.register("before-send.sagemaker-runtime", answer)
    (response,) = invoke(runtime)
    assert (response.status, response.body) == (500, "d\ufffdfaut".encode())


def test_the_client_waits_longer_than_a_model_may_take() -> None:
    config: Any = sessions._RUNTIME_CONFIG
    assert (config.read_timeout, config.retries["total_max_attempts"]) == (70, 1)


class Model:
    """A slow endpoint; it counts its concurrent requests."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._current = self.most = self.invocations = 0

    def invoke_endpoint(self, **_: Any) -> dict[str, Any]:
        self._current += 1
        self.invocations += 1
        self.most = max(self.most, self._current)
        time.sleep(self._seconds)
        self._current -= 1
        return {"Body": io.BytesIO(b"yes"), "ResponseMetadata": {"HTTPStatusCode": 200}}


def test_as_many_requests_are_in_progress_as_configured() -> None:
    model = Model(0.05)
    assert len(invoke(model, replace(TEST, requests=12, concurrency=4))) == 12  # type: ignore[arg-type]
    assert (model.invocations, model.most) == (12, 4)


def test_no_request_is_sent_after_the_end() -> None:
    model = Model(0.1)
    responses = invoke(model, replace(TEST, requests=100, concurrency=2), seconds=0.15)  # type: ignore[arg-type]
    assert 2 <= len(responses) == model.invocations <= 4
