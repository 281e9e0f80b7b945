"""Clients of AWS whose answers a test hands in; nothing leaves the machine.

A Stubber gives its answers in their order, for what makes one call after the other. What makes many at once asks a
Bucket, which answers by what is asked.
Every client speaks as the product's own do (accounts.translate_errors), so that refusals come as our errors.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.client import BaseClient
from botocore.stub import Stubber

from lambdas.promotion.aws import sessions
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


class Stubs:
    """A Stubber for each service that the product calls, made when it is first needed."""

    def __init__(self) -> None:
        self._made: dict[str, Stubber] = {}
        self.in_place: dict[str, BaseClient] = {}  # clients that answer by themselves

    def of(self, service: str) -> Stubber:
        if service not in self._made:
            client: BaseClient = _make_client(service)  # type: ignore[call-overload]
            self._made[service] = Stubber(client)
            self._made[service].activate()
        return self._made[service]

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
        """Answer AssumeRole, whatever the role; test_scoped_sessions.py looks at which."""
        self.sts.add_response("assume_role", {"Credentials": CREDENTIALS})

    def client(self, service: str, **_: Any) -> BaseClient:
        if service in self.in_place:
            return self.in_place[service]
        client: BaseClient = self.of(service).client
        return client

    def require_used_up(self) -> None:
        for stubber in self._made.values():
            stubber.assert_no_pending_responses()


class Wire:
    """What a client sends, byte for byte, and one answer for all of it: for what a Stubber is too far up to see."""

    def __init__(self, client: object, status: int = 200, body: str = "") -> None:
        self.requests: list[AWSPreparedRequest] = []
        self._answer = status, body
        client.meta.events.register("before-send", self._send)  # type: ignore[attr-defined]

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        self.requests.append(request)
        status, body = self._answer
        return AWSResponse(request.url, status, {}, _Raw(body.encode()))  # type: ignore[arg-type]


class _Raw(io.BytesIO):
    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


@pytest.fixture
def plain_s3() -> S3Client:
    """A client without a Stubber, for a Wire."""
    client = _make_client("s3", config=sessions._S3_CONFIG)
    sessions.translate_errors(client, "The role copier")
    return client


@pytest.fixture
def stubs() -> Iterator[Stubs]:
    """Stubbers that are all used up when the test ends well."""
    made = Stubs()
    yield made
    made.require_used_up()


@pytest.fixture
def aws(stubs: Stubs, monkeypatch: pytest.MonkeyPatch) -> Stubs:
    """The stubs in place of every client that the product makes."""
    monkeypatch.setattr(boto3.Session, "client", lambda session, service, **_: stubs.client(service))
    return stubs


@pytest.fixture
def s3(stubs: Stubs) -> S3Client:
    client: S3Client = stubs.s3.client  # type: ignore[assignment]
    sessions.translate_errors(client, "The role copier")
    return client


@pytest.fixture
def fake_s3(aws: Stubs) -> FakeS3:
    """S3 in memory in place of every client for S3, in the hub and in the accounts."""
    made = FakeS3(_make_client("s3"))
    aws.in_place["s3"] = made.client
    return made


@pytest.fixture
def sagemaker(stubs: Stubs) -> SageMakerClient:
    client: SageMakerClient = stubs.sagemaker.client  # type: ignore[assignment]
    sessions.translate_errors(client, "The role deployer")
    return client
