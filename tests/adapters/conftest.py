"""Clients of AWS whose responses are given by a test; nothing leaves the machine.

A Stubber returns its responses in order, for sequential calls. Concurrent calls use FakeS3, which responds to each
request. Every client translates errors as the product's own do (error_translation.translate_errors).
"""

from __future__ import annotations

import copy
import functools
import io
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.client import BaseClient
from botocore.stub import Stubber

from lambdas.promotion.aws import error_translation, sessions
from lambdas.promotion.aws.client_factory import ClientFactory
from tests.adapters.fake_s3 import FakeS3

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

_session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
_make_client = _session.client
CREDENTIALS: dict[str, Any] = {
    "AccessKeyId": "ASIAEXAMPLEEXAMPLE",
    "SecretAccessKey": "test",
    "SessionToken": "test",
    "Expiration": datetime(2100, 1, 1, tzinfo=UTC),
}


@functools.cache
def _kept_client(service: str, use: str) -> tuple[BaseClient, Any]:
    """A client that is kept for all tests, and its events as they are before a test registers for them."""
    client: BaseClient = _make_client(service)  # type: ignore[call-overload]
    return client, copy.copy(client.meta.events)


def client_without_network(service: str, use: str) -> Any:
    """A client for one test, which must answer each call before it is sent: what is kept is made once, in 12 ms.

    `use`: two uses in one test have two clients.
    """
    client, events = _kept_client(service, use)
    client.meta.events = copy.copy(events)
    client._endpoint._event_emitter = client.meta.events  # type: ignore[attr-defined]
    return client


class Stubs:
    """A Stubber for each service that the product calls, created at its first use."""

    def __init__(self) -> None:
        self._stubbers: dict[str, Stubber] = {}
        self.in_place: dict[str, BaseClient] = {}  # clients that respond by themselves

    def of(self, service: str) -> Stubber:
        if service not in self._stubbers:
            self._stubbers[service] = Stubber(client_without_network(service, "stub"))
            self._stubbers[service].activate()
        return self._stubbers[service]

    @property
    def sts(self) -> Stubber:
        return self.of("sts")

    @property
    def s3(self) -> Stubber:
        return self.of("s3")

    @property
    def sagemaker(self) -> Stubber:
        return self.of("sagemaker")

    @property
    def ecr(self) -> Stubber:
        return self.of("ecr")

    @property
    def sagemaker_runtime(self) -> Stubber:
        return self.of("sagemaker-runtime")

    def allow_assume_role(self) -> None:
        """Allow AssumeRole for any role; test_scoped_sessions.py checks which."""
        self.sts.add_response("assume_role", {"Credentials": CREDENTIALS})

    def client(self, service: str, **_: Any) -> BaseClient:
        if service in self.in_place:
            return self.in_place[service]
        client: BaseClient = self.of(service).client
        return client

    def require_used_up(self) -> None:
        for stubber in self._stubbers.values():
            stubber.assert_no_pending_responses()


class AnyRole:
    """STS that lets roles be assumed, in any order; `entered` are the roles of all requests.

    `allows` says by its request whether a role can be assumed.
    """

    def __init__(self, allows: Callable[[Mapping[str, Any]], bool] = lambda _: True) -> None:
        self.entered: list[str] = []
        self.client = client_without_network("sts", "any role")
        self._allows = allows
        self.client.meta.events.register_first("provide-client-params.sts", self._remember)
        self.client.meta.events.register_first("before-call.sts", self._answer)

    def _remember(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        self.entered.append(params["RoleArn"].rpartition("-")[2])
        context["allowed"] = self._allows(params)

    def _answer(self, context: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        if context["allowed"]:
            return AWSResponse("", 200, {}, None), {"Credentials": CREDENTIALS}  # type: ignore[arg-type]
        error = {"Code": "AccessDenied", "Message": "User is not authorized to perform: sts:AssumeRole"}
        return AWSResponse("", 403, {}, None), {"Error": error}  # type: ignore[arg-type]


class AnyExecution:
    """Step Functions that describes every execution with these fields; `described` are their ARNs, in their order."""

    def __init__(self, **fields: Any) -> None:
        self.described: list[str] = []
        self._fields = fields
        self.client = client_without_network("stepfunctions", "any execution")
        self.client.meta.events.register_first("provide-client-params.stepfunctions", self._remember)
        self.client.meta.events.register_first("before-call.stepfunctions", self._answer)

    def _remember(self, params: dict[str, Any], **_: Any) -> None:
        self.described.append(params["executionArn"])

    def _answer(self, **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        return AWSResponse("", 200, {}, None), self._fields  # type: ignore[arg-type]


class Wire:
    """The bytes that a client sends, and one response to each request: a Stubber does not see them."""

    def __init__(self, client: object, status: int = 200, body: str = "") -> None:
        self.requests: list[AWSPreparedRequest] = []
        self._response = status, body
        client.meta.events.register("before-send", self._send)  # type: ignore[attr-defined]

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        self.requests.append(request)
        status, body = self._response
        return AWSResponse(request.url, status, {}, _Raw(body.encode()))  # type: ignore[arg-type]


class _Raw(io.BytesIO):
    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


@pytest.fixture
def plain_s3() -> S3Client:
    """A client without a Stubber, for a Wire."""
    client = _make_client("s3", config=sessions._CONFIG)
    error_translation.translate_errors(client, "The role copier")
    return client


@pytest.fixture
def stubs() -> Iterator[Stubs]:
    """Stubbers whose responses must all be used when the test ends."""
    created = Stubs()
    yield created
    created.require_used_up()


@pytest.fixture
def aws(stubs: Stubs, monkeypatch: pytest.MonkeyPatch) -> Stubs:
    """The stubs instead of every client that the product creates."""
    for factory in (ClientFactory, boto3.Session):
        monkeypatch.setattr(factory, "client", lambda _, service, **__: stubs.client(service))
    # Every client is a stub's: a session of its own for each assumed role would be made for nothing, in 12 ms.
    monkeypatch.setattr(sessions, "_session_with", lambda credentials: _session)
    return stubs


@pytest.fixture
def s3(stubs: Stubs) -> S3Client:
    client: S3Client = stubs.s3.client  # type: ignore[assignment]
    error_translation.translate_errors(client, "The role copier")
    return client


@pytest.fixture
def fake_s3(aws: Stubs) -> FakeS3:
    """S3 in memory instead of every client for S3, in the hub and in the accounts."""
    fake = FakeS3(client_without_network("s3", "fake"))
    aws.in_place["s3"] = fake.client
    return fake


@pytest.fixture
def sagemaker(stubs: Stubs) -> SageMakerClient:
    client: SageMakerClient = stubs.sagemaker.client  # type: ignore[assignment]
    error_translation.translate_errors(client, "The role deployer")
    return client
