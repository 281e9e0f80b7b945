"""Trying without making: exactly what is asked, and which refusals mean that the right is there."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.response import StreamingBody

from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import CopyRoute, Promotion, sha256
from lambdas.promotion.contract.errors import ArtifactChanged, ArtifactNotFound, PreflightFailed, UnexpectedFault
from lambdas.promotion.contract.resource_names import Role
from lambdas.promotion.contract.smoke_test_settings import Payload, SmokeTest
from lambdas.promotion.preflight import probes
from lambdas.promotion.preflight.findings import CheckResult, Finding, Inconclusive
from lambdas.promotion.smoke_test import async_invocation
from lambdas.promotion.smoke_test.access import invoker_session
from tests.adapters.conftest import Stubs
from tests.unit.builders import DEV, QA, STAGE, artifact, promotion

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ONE = artifact()
SOURCE = ONE.source
ROUTE = CopyRoute(source=DEV, target=QA)
EXISTS = {"Bucket": QA.artifact_bucket, "Key": ONE.key, "ExpectedBucketOwner": QA.account}
REQUESTED = {"Bucket": SOURCE.bucket, "Key": SOURCE.key, "IfMatch": SOURCE.etag, "ExpectedBucketOwner": DEV.account}


def body(content: bytes = b"x") -> dict[str, Any]:
    return {"Body": StreamingBody(io.BytesIO(content), len(content))}


# Reading


def test_one_byte_is_read_of_what_was_resolved(stubs: Stubs, s3: S3Client) -> None:
    stubs.s3.add_response("get_object", body(), {**REQUESTED, "Range": "bytes=0-0"})
    assert probes.read(ONE, ROUTE, s3=s3) == []


def test_a_version_is_read_by_its_id(stubs: Stubs, s3: S3Client) -> None:
    one = replace(ONE, source=replace(SOURCE, version_id="v1"))
    answer = {**body(), "VersionId": "v1"}
    stubs.s3.add_response("get_object", answer, {**REQUESTED, "Range": "bytes=0-0", "VersionId": "v1"})
    assert probes.read(one, ROUTE, s3=s3) == []


def test_a_version_that_a_listing_lacks_is_read_without_and_with_its_id(stubs: Stubs, s3: S3Client) -> None:
    stubs.s3.add_response("get_object", {**body(), "VersionId": "v1"}, {**REQUESTED, "Range": "bytes=0-0"})
    stubs.s3.add_response("get_object", body(), {**REQUESTED, "Range": "bytes=0-0", "VersionId": "v1"})
    assert probes.read(ONE, ROUTE, s3=s3) == []


def test_an_empty_object_has_no_byte_to_ask_for(stubs: Stubs, s3: S3Client) -> None:
    stubs.s3.add_response("get_object", {**body(b""), "VersionId": "null"}, REQUESTED)
    assert probes.read(replace(ONE, source=replace(SOURCE, size=0)), ROUTE, s3=s3) == []


def test_a_text_of_our_own_is_not_read(s3: S3Client) -> None:
    assert probes.read(replace(ONE, text="{}"), ROUTE, s3=s3) == []


def test_a_missing_read_permission_is_a_finding(stubs: Stubs, s3: S3Client) -> None:
    stubs.s3.add_client_error("get_object", "AccessDenied", "Access Denied", 403)
    (found,) = probes.read(ONE, ROUTE, s3=s3)
    assert isinstance(found, Finding)
    assert (found.role, found.action, found.resource) == ("The role copier", "s3:GetObject", SOURCE.uri)
    assert "kms:Decrypt" in found.message


@pytest.mark.parametrize(
    ("code", "status", "error", "looked"),
    [
        ("NoSuchKey", 404, ArtifactNotFound, False),
        ("NoSuchVersion", 404, ArtifactNotFound, False),
        ("NoSuchBucket", 404, ArtifactNotFound, False),
        ("PreconditionFailed", 412, ArtifactChanged, True),
        ("InvalidObjectState", 403, PreflightFailed, False),
    ],
)
def test_an_object_that_cannot_be_copied_any_more_is_a_finding_by_its_name(
    stubs: Stubs, s3: S3Client, code: str, status: int, error: type[Exception], looked: bool
) -> None:
    stubs.s3.add_client_error("get_object", code, "No.", status)
    if looked:
        stubs.s3.add_client_error("head_object", "404", "Not Found", 404)
    (found,) = probes.read(ONE, ROUTE, s3=s3)
    assert isinstance(found, Finding)
    assert (found.error, found.resource) == (error, SOURCE.uri)


# Writing


WRONG = sha256("something else").partition(":")[2]


@pytest.mark.parametrize("tags", [False, True], ids=["without tags", "with tags"])
def test_an_object_is_put_with_a_checksum_that_its_content_has_not(stubs: Stubs, s3: S3Client, tags: bool) -> None:
    assert sha256("").partition(":")[2] != WRONG
    asked = {**EXISTS, "Body": b"", "IfNoneMatch": "*", "ChecksumSHA256": WRONG}
    asked |= {"Tagging": "promote=preflight"} if tags else {}
    stubs.s3.add_client_error("put_object", "BadDigest", "It did not match.", 400, expected_params=asked)
    assert probes.put(ONE, replace(ROUTE, tags=tags), s3=s3) == []


def test_an_existing_copy_confirms_the_permission_as_well(stubs: Stubs, s3: S3Client) -> None:
    stubs.s3.add_client_error("put_object", "PreconditionFailed", "", 412)
    assert probes.put(ONE, ROUTE, s3=s3) == []


def test_an_object_that_s3_takes_all_the_same_is_a_fault(stubs: Stubs, s3: S3Client) -> None:
    stubs.s3.add_response("put_object", {})
    with pytest.raises(UnexpectedFault):
        probes.put(ONE, ROUTE, s3=s3)


def test_parts_are_put_into_an_upload_that_does_not_exist(stubs: Stubs, s3: S3Client) -> None:
    upload = {**EXISTS, "UploadId": "promote-preflight-probe"}
    asked = {**upload, "PartNumber": 1, "Body": b""}
    stubs.s3.add_client_error("upload_part", "NoSuchUpload", "", 404, expected_params=asked)
    stubs.s3.add_client_error("list_parts", "NoSuchUpload", "", 404, expected_params=upload)
    assert probes.put_by_parts(ONE, ROUTE, s3=s3) == []


def test_each_missing_multipart_copy_permission_is_reported(stubs: Stubs, s3: S3Client) -> None:
    stubs.s3.add_client_error("upload_part", "AccessDenied", "", 403)
    stubs.s3.add_client_error("list_parts", "AccessDenied", "", 403)
    found = probes.put_by_parts(ONE, ROUTE, s3=s3)
    assert [one.action for one in found if isinstance(one, Finding)] == ["s3:UploadPart", "s3:ListParts"]
    assert ["s3:PutObject" in found[0].message, "s3:ListMultipartUploadParts" in found[1].message] == [True, True]  # type: ignore[union-attr]


def test_any_other_refusal_is_inconclusive(stubs: Stubs, s3: S3Client) -> None:
    stubs.s3.add_client_error("put_object", "MethodNotAllowed", "No.", 405)
    (found,) = probes.put(ONE, ROUTE, s3=s3)
    assert isinstance(found, Inconclusive)
    assert "PutObject" in str(found)


# The target


def test_the_target_does_what_it_will_do_with_a_copy(stubs: Stubs, s3: S3Client) -> None:
    one = promotion()
    bucket = {"Bucket": QA.artifact_bucket, "ExpectedBucketOwner": QA.account}
    prefix = "artifacts/reviews/qa/"
    stubs.s3.add_response("list_multipart_uploads", {}, {**bucket, "Prefix": prefix, "MaxUploads": 1})
    upload = {"Key": f"{prefix}promote-preflight-probe", "UploadId": "promote-preflight-probe"}
    stubs.s3.add_client_error("abort_multipart_upload", "NoSuchUpload", "", 404, expected_params={**bucket, **upload})
    stubs.s3.add_response("head_object", {}, {**bucket, "Key": ONE.key, "ChecksumMode": "ENABLED"})
    assert probes.verify(one, ONE, s3=s3) == []


# What smoke tests send


def sending(payload: Payload, **stage: Any) -> Promotion:
    return replace(
        promotion(), stage=replace(STAGE, smoke_tests=(SmokeTest(payload=payload, content_type="text/csv"),), **stage)
    )


def probed(one: Promotion, reader: RoleSession) -> list[CheckResult]:
    return probes.payload(one.stage.smoke_tests[0].payload, one, readers={False: reader})


def test_a_payload_is_read_as_the_smoke_test_will(aws: Stubs) -> None:
    aws.allow_assume_role()
    one = sending(Payload(bucket="payloads", key="one.csv"))
    asked = {"Bucket": "payloads", "Key": "one.csv", "ExpectedBucketOwner": QA.account}
    aws.s3.add_response("get_object", {**body(), "ContentLength": 1}, asked)
    assert probed(one, invoker_session(one)) == []


def test_a_missing_payload_is_reported_with_the_principal(aws: Stubs) -> None:
    aws.allow_assume_role()
    one = sending(Payload(bucket="payloads", key="one.csv"))
    aws.s3.add_client_error("get_object", "NoSuchKey", "no", 404)
    (found,) = probed(one, invoker_session(one))
    assert isinstance(found, Finding)
    assert (found.resource, found.error) == ("s3://payloads/one.csv", PreflightFailed)
    assert found.role == QA.role_arn(Role.INVOKER)
    assert "has no such object" in found.message


def test_a_denied_payload_is_a_missing_permission(aws: Stubs) -> None:
    aws.allow_assume_role()
    one = sending(Payload(bucket="payloads", key="one.csv"))
    aws.s3.add_client_error("get_object", "AccessDenied", "no", 403)
    (found,) = probed(one, invoker_session(one))
    assert isinstance(found, Finding)
    assert found.action == "s3:GetObject"


def test_an_otherwise_unreadable_payload_is_reported(aws: Stubs) -> None:
    aws.allow_assume_role()
    one = sending(Payload(bucket="payloads", key="one.csv"))
    aws.s3.add_client_error("get_object", "InvalidObjectState", "The object is archived.", 403)
    (found,) = probed(one, invoker_session(one))
    assert "The object is archived." in str(found)


def test_an_unexpected_refusal_is_reported_and_hides_no_other_finding(stubs: Stubs, s3: S3Client) -> None:
    stubs.s3.add_client_error("get_object_tagging", "Odd", "Nobody has thought of this.", 400)
    (odd,) = probes.run_probe(lambda: [s3.get_object_tagging(Bucket="b", Key="k") and []])  # type: ignore[list-item]
    assert isinstance(odd, Inconclusive)
    assert "Nobody has thought of this." in odd.reason


def test_a_payload_that_an_asynchronous_endpoint_does_not_accept_is_reported(aws: Stubs) -> None:
    aws.allow_assume_role()
    output = {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://answers"}}}
    one = sending(Payload(bucket="payloads", key="one.csv"), endpoint_config=output)
    size = async_invocation.MOST_BYTES + 1
    aws.s3.add_response("get_object", {**body(b"x" * size), "ContentLength": size})
    (found,) = probed(one, invoker_session(one))
    assert "takes 128000 in a request" in str(found)


def test_inline_payloads_and_roles_that_cannot_be_assumed_are_not_probed() -> None:
    for payload in (Payload(text="x"), Payload(bucket="payloads", key="one.csv")):
        assert probes.payload(payload, sending(payload), readers={}) == []
