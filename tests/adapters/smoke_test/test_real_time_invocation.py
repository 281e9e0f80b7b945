"""InvokeEndpoint as a smoke test calls it: its parameters, what is asked again, and what is an answer."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.response import StreamingBody

from lambdas.promotion.aws import sessions
from lambdas.promotion.contract.errors import AccessDenied, ServiceUnavailable, Throttled
from lambdas.promotion.contract.smoke_test_settings import Payload, SmokeTest
from lambdas.promotion.smoke_test import real_time_invocation
from lambdas.promotion.smoke_test.evaluation import Response
from tests.adapters.conftest import Stubs

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

TEST = SmokeTest(payload=Payload(text="x"), content_type="text/csv")


@pytest.fixture
def runtime(stubs: Stubs, monkeypatch: pytest.MonkeyPatch) -> SageMakerRuntimeClient:
    monkeypatch.setattr(real_time_invocation, "_SHORTEST_PAUSE", 0.001)
    client: SageMakerRuntimeClient = stubs.sagemaker_runtime.client  # type: ignore[assignment]
    sessions.translate_errors(client, "The role invoker")
    return client


def ask(runtime: SageMakerRuntimeClient, test: SmokeTest = TEST, *, seconds: float = 5) -> list[Response]:
    until = time.monotonic() + seconds
    return list(real_time_invocation.invoke("reviews-qa", test, b"x", runtime=runtime, until=until))


def answers(stubs: Stubs, body: bytes = b"yes", asked: dict[str, Any] | None = None) -> None:
    response = {"Body": StreamingBody(io.BytesIO(body), len(body)), "ContentType": "text/plain"}
    stubs.sagemaker_runtime.add_response("invoke_endpoint", response, asked)


def refuses(stubs: Stubs, code: str, status: int, **fields: Any) -> None:
    stubs.sagemaker_runtime.add_client_error(
        "invoke_endpoint", code, "some words", http_status_code=status, modeled_fields=fields or None
    )


def test_a_plain_test_sends_the_body_and_its_type_and_nothing_else(
    stubs: Stubs, runtime: SageMakerRuntimeClient
) -> None:
    answers(stubs, asked={"EndpointName": "reviews-qa", "Body": b"x", "ContentType": "text/csv"})
    (answer,) = ask(runtime)
    assert (answer.status, answer.body, answer.content_type) == (200, b"yes", "text/plain")
    assert 0 < answer.milliseconds < 1000


def test_every_option_is_sent_under_sagemakers_name(stubs: Stubs, runtime: SageMakerRuntimeClient) -> None:
    whole = replace(
        TEST,
        accept="application/json",
        target_variant="All",
        target_model="m.tar.gz",
        target_container_hostname="first",
        custom_attributes="trace=7",
    )
    answers(
        stubs,
        asked={
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
    ask(runtime, whole)


def test_an_error_of_the_model_is_a_response_and_is_not_retried(stubs: Stubs, runtime: SageMakerRuntimeClient) -> None:
    refuses(stubs, "ModelError", 424, OriginalStatusCode=500, OriginalMessage="boom")
    (answer,) = ask(runtime)
    assert (answer.status, answer.body, answer.message) == (500, b"boom", "ModelError: some words")


def test_another_refusal_of_sagemaker_is_an_answer_without_a_status(
    stubs: Stubs, runtime: SageMakerRuntimeClient
) -> None:
    refuses(stubs, "ValidationError", 400)
    assert ask(runtime) == [Response(status=None, message="SageMaker answered ValidationError: some words")]


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
    answers(stubs)
    assert [one.body for one in ask(runtime)] == [b"yes"]


@pytest.mark.parametrize(
    ("code", "error"), [("ServiceUnavailable", ServiceUnavailable), ("ThrottlingException", Throttled)]
)
def test_an_invocation_is_retried_for_a_limited_time(
    stubs: Stubs, runtime: SageMakerRuntimeClient, monkeypatch: pytest.MonkeyPatch, code: str, error: type[Exception]
) -> None:
    monkeypatch.setattr(real_time_invocation, "_SETTLING", 0.0)
    refuses(stubs, code, 503)
    with pytest.raises(error):
        ask(runtime)


def test_a_model_that_is_not_ready_until_the_tests_end_has_not_answered(
    stubs: Stubs, runtime: SageMakerRuntimeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(real_time_invocation, "_SHORTEST_PAUSE", 10.0)
    refuses(stubs, "ModelNotReadyException", 429)
    assert ask(runtime, seconds=0.5)[0].message == "SageMaker answered ModelNotReadyException: some words"


def test_a_missing_permission_is_not_a_model_failure(stubs: Stubs, runtime: SageMakerRuntimeClient) -> None:
    refuses(stubs, "AccessDeniedException", 403)
    with pytest.raises(
        AccessDenied, match="The role invoker is not permitted to call sagemaker:InvokeEndpoint on reviews-qa"
    ):
        ask(runtime)


def test_an_answer_that_does_not_come_is_a_failed_request(
    runtime: SageMakerRuntimeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://runtime")

    monkeypatch.setattr(runtime, "invoke_endpoint", hang)
    assert ask(runtime) == [Response(status=None)]


def test_the_client_waits_longer_than_a_model_may_take() -> None:
    config: Any = sessions._RUNTIME_CONFIG
    assert (config.read_timeout, config.retries["total_max_attempts"]) == (70, 1)


class Model:
    """An endpoint that takes its time; it counts how many requests it has at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._now = self.most = self.asked = 0

    def invoke_endpoint(self, **_: Any) -> dict[str, Any]:
        self._now += 1
        self.asked += 1
        self.most = max(self.most, self._now)
        time.sleep(self._seconds)
        self._now -= 1
        return {"Body": io.BytesIO(b"yes"), "ResponseMetadata": {"HTTPStatusCode": 200}}


def test_as_many_requests_are_under_way_as_were_asked_for() -> None:
    model = Model(0.05)
    assert len(ask(model, replace(TEST, requests=12, concurrency=4))) == 12  # type: ignore[arg-type]
    assert (model.asked, model.most) == (12, 4)


def test_no_request_is_begun_after_the_end() -> None:
    model = Model(0.1)
    found = ask(model, replace(TEST, requests=100, concurrency=2), seconds=0.15)  # type: ignore[arg-type]
    assert len(found) == model.asked == 4
