"""Reading the source's artifacts: exactly what is requested, and what each refusal means."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.response import StreamingBody

from lambdas.promotion.contract.document import CopyRoute
from lambdas.promotion.contract.errors import ArtifactChanged, ArtifactNotFound, PreflightFailed, UnsupportedModel
from lambdas.promotion.preflight.checks import source_artifacts
from lambdas.promotion.preflight.findings import Finding
from recordings import store
from tests.adapters.conftest import Stubs
from tests.unit.builders import DEV, QA, artifact

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ONE = artifact()
SOURCE = ONE.source
REQUESTED = {"Bucket": SOURCE.bucket, "Key": SOURCE.key, "IfMatch": SOURCE.etag, "ExpectedBucketOwner": DEV.account}


def body(content: bytes = b"x") -> dict[str, Any]:
    return {"Body": StreamingBody(io.BytesIO(content), len(content))}


def test_one_byte_is_read_of_what_was_resolved(stubs: Stubs, s3: S3Client) -> None:
    stubs.s3.add_response("get_object", body(), {**REQUESTED, "Range": "bytes=0-0"})
    assert source_artifacts.read(ONE, DEV, s3=s3) == []


def test_a_version_is_read_by_its_id(stubs: Stubs, s3: S3Client) -> None:
    versioned = replace(ONE, source=replace(SOURCE, version_id="v1"))
    response = {**body(), "VersionId": "v1"}
    stubs.s3.add_response("get_object", response, {**REQUESTED, "Range": "bytes=0-0", "VersionId": "v1"})
    assert source_artifacts.read(versioned, DEV, s3=s3) == []


def test_a_version_that_a_listing_lacks_is_read_without_and_with_its_id(stubs: Stubs, s3: S3Client) -> None:
    stubs.s3.add_response("get_object", {**body(), "VersionId": "v1"}, {**REQUESTED, "Range": "bytes=0-0"})
    stubs.s3.add_response("get_object", body(), {**REQUESTED, "Range": "bytes=0-0", "VersionId": "v1"})
    assert source_artifacts.read(ONE, DEV, s3=s3) == []


def test_an_empty_object_has_no_byte_to_ask_for(stubs: Stubs, s3: S3Client) -> None:
    stubs.s3.add_response("get_object", {**body(b""), "VersionId": "null"}, REQUESTED)
    assert source_artifacts.read(replace(ONE, source=replace(SOURCE, size=0)), DEV, s3=s3) == []


def test_a_text_of_our_own_is_not_read(s3: S3Client) -> None:
    assert source_artifacts.read(replace(ONE, text="{}"), DEV, s3=s3) == []


def test_a_missing_read_permission_is_a_finding(stubs: Stubs, s3: S3Client) -> None:
    stubs.s3.add_client_error("get_object", "AccessDenied", "Access Denied", 403)
    (finding,) = source_artifacts.read(ONE, DEV, s3=s3)
    assert isinstance(finding, Finding)
    assert (finding.role, finding.action, finding.resource) == ("The role copier", "s3:GetObject", SOURCE.uri)
    assert "kms:Decrypt" in finding.message


@pytest.mark.parametrize(
    ("code", "status", "error", "compared"),
    [
        ("NoSuchKey", 404, ArtifactNotFound, False),
        ("NoSuchVersion", 404, ArtifactNotFound, False),
        ("NoSuchBucket", 404, ArtifactNotFound, False),
        ("PreconditionFailed", 412, ArtifactChanged, True),
        ("InvalidObjectState", 403, PreflightFailed, False),
    ],
)
def test_an_object_that_cannot_be_copied_any_more_is_a_finding_by_its_name(
    stubs: Stubs, s3: S3Client, code: str, status: int, error: type[Exception], compared: bool
) -> None:
    stubs.s3.add_client_error("get_object", code, "No.", status)
    if compared:
        stubs.s3.add_client_error("head_object", "404", "Not Found", 404)
    (finding,) = source_artifacts.read(ONE, DEV, s3=s3)
    assert isinstance(finding, Finding)
    assert (finding.error, finding.resource) == (error, SOURCE.uri)


def test_an_object_with_a_customer_provided_key_is_a_finding_by_its_name(stubs: Stubs, s3: S3Client) -> None:
    error = store.recording("s3/GetObject/sse-c-without-key").error
    stubs.s3.add_client_error("get_object", error["code"], error["message"], error["status"])
    (finding,) = source_artifacts.read(ONE, DEV, s3=s3)
    assert isinstance(finding, Finding)
    assert (finding.error, finding.remedy) == (UnsupportedModel, "")
    assert f"{SOURCE.uri} is encrypted" in finding.message


def test_an_object_that_another_with_a_customer_provided_key_replaced_is_a_finding(stubs: Stubs, s3: S3Client) -> None:
    error = store.recording("s3/GetObject/sse-c-without-key").error
    stubs.s3.add_client_error("get_object", "PreconditionFailed", "No.", 412)
    stubs.s3.add_client_error("head_object", "400", "Bad Request", 400)
    stubs.s3.add_client_error("get_object", error["code"], error["message"], error["status"])
    (finding,) = source_artifacts.read(ONE, DEV, s3=s3)
    assert isinstance(finding, Finding)
    assert (finding.error, finding.resource) == (UnsupportedModel, SOURCE.uri)


# Tags and annotations


@pytest.mark.parametrize(("tags", "annotations"), [(True, False), (False, True), (True, True), (False, False)])
def test_tags_and_annotations_are_read_as_far_as_they_are_copied(
    stubs: Stubs, s3: S3Client, tags: bool, annotations: bool
) -> None:
    source = {"Bucket": SOURCE.bucket, "Key": SOURCE.key, "VersionId": "v1", "ExpectedBucketOwner": DEV.account}
    if tags:
        stubs.s3.add_client_error("get_object_tagging", "AccessDenied", "no", 403, expected_params=source)
    if annotations:
        stubs.s3.add_response("list_object_annotations", {}, {**source, "MaxAnnotationResults": 1})
    versioned = replace(ONE, source=replace(SOURCE, version_id="v1"))
    route = CopyRoute(source=DEV, target=QA, tags=tags, annotations=annotations)
    results = source_artifacts.read_tags(versioned, route, s3=s3)
    assert [result.action for result in results if isinstance(result, Finding)] == ["s3:GetObjectTagging"] * tags
