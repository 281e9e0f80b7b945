"""Reading what the smoke tests send, as they will."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

from botocore.response import StreamingBody

from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.errors import PreflightFailed
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.smoke_test_settings import Payload, SmokeTest
from lambdas.promotion.preflight.checks import smoke_tests
from lambdas.promotion.preflight.findings import CheckResult, Finding
from lambdas.promotion.smoke_test import async_invocation
from lambdas.promotion.smoke_test.access import invoker_session
from tests.adapters.conftest import Stubs
from tests.unit.builders import QA, STAGE, promotion


def body(content: bytes = b"x") -> dict[str, Any]:
    return {"Body": StreamingBody(io.BytesIO(content), len(content))}


def sending(payload: Payload, **stage: Any) -> Promotion:
    return replace(
        promotion(), stage=replace(STAGE, smoke_tests=(SmokeTest(payload=payload, content_type="text/csv"),), **stage)
    )


def probed(promotion: Promotion, reader: RoleSession) -> list[CheckResult]:
    return smoke_tests.payload(promotion.stage.smoke_tests[0].payload, promotion, readers={False: reader})


def test_a_payload_is_read_as_the_smoke_test_will(aws: Stubs) -> None:
    aws.allow_assume_role()
    sent = sending(Payload(bucket="payloads", key="one.csv"))
    requested = {"Bucket": "payloads", "Key": "one.csv", "ExpectedBucketOwner": QA.account}
    aws.s3.add_response("get_object", {**body(), "ContentLength": 1}, requested)
    assert probed(sent, invoker_session(sent)) == []


def test_a_missing_payload_is_reported_with_the_principal(aws: Stubs) -> None:
    aws.allow_assume_role()
    sent = sending(Payload(bucket="payloads", key="one.csv"))
    aws.s3.add_client_error("get_object", "NoSuchKey", "no", 404)
    (finding,) = probed(sent, invoker_session(sent))
    assert isinstance(finding, Finding)
    assert (finding.resource, finding.error) == ("s3://payloads/one.csv", PreflightFailed)
    assert finding.role == QA.role_arn(Role.INVOKER)
    assert "does not exist in account" in finding.message


def test_a_denied_payload_is_a_missing_permission(aws: Stubs) -> None:
    aws.allow_assume_role()
    sent = sending(Payload(bucket="payloads", key="one.csv"))
    aws.s3.add_client_error("get_object", "AccessDenied", "no", 403)
    (finding,) = probed(sent, invoker_session(sent))
    assert isinstance(finding, Finding)
    assert finding.action == "s3:GetObject"


def test_an_otherwise_unreadable_payload_is_reported(aws: Stubs) -> None:
    aws.allow_assume_role()
    sent = sending(Payload(bucket="payloads", key="one.csv"))
    aws.s3.add_client_error("get_object", "InvalidObjectState", "The object is archived.", 403)
    (finding,) = probed(sent, invoker_session(sent))
    assert "The object is archived." in str(finding)


def test_a_payload_that_an_asynchronous_endpoint_does_not_accept_is_reported(aws: Stubs) -> None:
    aws.allow_assume_role()
    output = {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://answers"}}}
    sent = sending(Payload(bucket="payloads", key="one.csv"), endpoint_config=output)
    size = async_invocation.MOST_BYTES + 1
    aws.s3.add_response("get_object", {**body(b"x" * size), "ContentLength": size})
    (finding,) = probed(sent, invoker_session(sent))
    assert "accepts 128000 in a request" in str(finding)


def test_inline_payloads_and_roles_that_cannot_be_assumed_are_not_probed() -> None:
    for payload in (Payload(text="x"), Payload(bucket="payloads", key="one.csv")):
        assert smoke_tests.payload(payload, sending(payload), readers={}) == []
