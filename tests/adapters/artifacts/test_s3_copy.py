"""A copy by one request: its exact parameters, and the effect of each response."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest

from lambdas.promotion.artifacts import s3_copy
from lambdas.promotion.contract.document import Artifact, CopyRoute
from lambdas.promotion.contract.errors import (
    AccessDenied,
    ArtifactChanged,
    ArtifactNotFound,
    CallRefused,
    NotYetVisible,
    ServiceUnavailable,
    Throttled,
    UnsupportedModel,
)
from recordings import store
from tests.adapters.conftest import Stubs, Wire
from tests.unit.builders import BUCKET, DEV, QA, WEIGHTS_URI, artifact

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROUTE = CopyRoute(source=DEV, target=QA)
ARTIFACT = artifact()
HEAD = {"Bucket": BUCKET, "Key": "v7/model.tar.gz", "ChecksumMode": "ENABLED", "ExpectedBucketOwner": DEV.account}
COPY: dict[str, Any] = {
    "CopySource": {"Bucket": BUCKET, "Key": "v7/model.tar.gz"},
    "Bucket": QA.artifact_bucket,
    "Key": ARTIFACT.key,
    "CopySourceIfMatch": '"aa"',
    "IfNoneMatch": "*",
    "MetadataDirective": "COPY",
    "TaggingDirective": "REPLACE",
    "AnnotationDirective": "EXCLUDE",
    "ChecksumAlgorithm": "CRC64NVME",
    "ExpectedBucketOwner": "333333333333",
    "ExpectedSourceBucketOwner": "222222222222",
}
TEXT = "a manifest with ü"
PUT = {
    "Bucket": QA.artifact_bucket,
    "Key": ARTIFACT.key,
    "Body": TEXT.encode(),
    "IfNoneMatch": "*",
    "ChecksumSHA256": "hurbDaBN95BjEs0h+vaWXu87pNHqs8pb2Gp3o7shFxY=",
    "ExpectedBucketOwner": "333333333333",
}


def copy(s3: S3Client, copied: Artifact = ARTIFACT, route: CopyRoute = ROUTE) -> bool:
    return s3_copy.copy_whole(copied, route, s3=s3)


def refuse(stubs: Stubs, code: str, status: int) -> None:
    stubs.s3.add_client_error("copy_object", code, "details", status)


# Requests


def test_only_the_resolved_object_is_copied_and_nothing_is_overwritten(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_response("copy_object", {}, COPY)
    assert copy(s3) is True


def test_only_the_resolved_version_is_copied(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_response("copy_object", {}, {**COPY, "CopySource": {**COPY["CopySource"], "VersionId": "3"}})
    assert copy(s3, artifact(version_id="3")) is True


@pytest.mark.parametrize(
    ("checksum", "algorithm"),
    [
        ("SHA256:AA==", "SHA256"),
        ("CRC32:AA==", "CRC32"),
        ("CRC32C:AA==", "CRC32C"),
        ("XXHASH3:AA==", "XXHASH3"),
        (None, "CRC64NVME"),
    ],
)
def test_the_copy_gets_the_sources_kind_of_checksum_or_one_that_s3_computes(
    s3: S3Client, stubs: Stubs, checksum: str | None, algorithm: str
) -> None:
    stubs.s3.add_response("copy_object", {}, {**COPY, "ChecksumAlgorithm": algorithm})
    copy(s3, artifact(checksum=checksum))


def test_an_object_of_0_bytes_is_copied_like_any_other(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_response("copy_object", {}, COPY)
    assert copy(s3, artifact(size=0)) is True


def test_tags_and_annotations_are_copied_if_configured(s3: S3Client, stubs: Stubs) -> None:
    parameters = {**COPY, "TaggingDirective": "COPY", "AnnotationDirective": "COPY"}
    stubs.s3.add_response("copy_object", {}, parameters)
    copy(s3, route=replace(ROUTE, tags=True, annotations=True))


ODD_KEYS = [
    *("a b", "a+b", "a%20b", "a?versionId=x", "a#b", "a&b=c", "ü", "🤖"),
    *("../a", "a//b", "/a", "a/", "a\nb", "\x01", "~", "a:b"),
]


@pytest.mark.parametrize("key", ODD_KEYS, ids=ascii)
def test_any_key_arrives_at_s3_as_it_is_on_both_sides(plain_s3: S3Client, key: str) -> None:
    wire = Wire(plain_s3, body="<CopyObjectResult/>")
    copy(plain_s3, artifact(key, key=key, version_id="v+/1"))
    (request,) = wire.requests
    source: bytes = request.headers["x-amz-copy-source"]  # type: ignore[assignment]
    location, _, version = source.decode().rpartition("?versionId=")
    assert (unquote(location), unquote(version)) == (f"{BUCKET}/{key}", "v+/1")
    assert unquote(urlsplit(request.url).path) == f"/{artifact(key).key}"
    assert not urlsplit(request.url).query


# Responses


def test_an_existing_copy_is_not_copied_again(s3: S3Client, stubs: Stubs) -> None:
    refuse(stubs, "PreconditionFailed", 412)
    stubs.s3.add_response("head_object", {"ETag": '"aa"', "ContentLength": 10}, HEAD)
    assert copy(s3) is False


def test_a_source_that_changed_since_is_refused(s3: S3Client, stubs: Stubs) -> None:
    refuse(stubs, "PreconditionFailed", 412)
    stubs.s3.add_response("head_object", {"ETag": '"bb"', "ContentLength": 10}, HEAD)
    with pytest.raises(ArtifactChanged, match=f"{WEIGHTS_URI} changed"):
        copy(s3)


def test_a_source_that_was_deleted_since_is_refused(s3: S3Client, stubs: Stubs) -> None:
    refuse(stubs, "PreconditionFailed", 412)
    stubs.s3.add_client_error("head_object", "404", "Not Found", 404)
    with pytest.raises(ArtifactChanged, match="gone"):
        copy(s3)


def test_a_newer_version_of_the_source_does_not_undo_a_copy(s3: S3Client, stubs: Stubs) -> None:
    refuse(stubs, "PreconditionFailed", 412)
    assert copy(s3, artifact(version_id="3")) is False


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [
        ("NoSuchKey", 404, ArtifactNotFound),
        ("NoSuchVersion", 404, ArtifactNotFound),
        ("ConditionalRequestConflict", 409, NotYetVisible),
        ("NoSuchBucket", 404, CallRefused),
        ("InvalidRequest", 400, CallRefused),
        ("InvalidObjectState", 403, CallRefused),
        ("AccessDenied", 403, AccessDenied),
        ("SlowDown", 503, Throttled),
        ("InternalError", 500, ServiceUnavailable),
    ],
)
def test_a_refused_copy_has_the_name_of_what_is_wrong(
    s3: S3Client, stubs: Stubs, code: str, status: int, name: type[Exception]
) -> None:
    refuse(stubs, code, status)
    with pytest.raises(name):
        copy(s3)


@pytest.mark.parametrize(("missing", "name"), [(BUCKET, ArtifactNotFound), (QA.artifact_bucket, CallRefused)])
def test_a_missing_bucket_is_a_missing_artifact_only_if_it_is_the_sources(
    s3: S3Client, stubs: Stubs, missing: str, name: type[Exception]
) -> None:
    """A copy has two buckets, and S3's error names the one that does not exist (BucketName)."""
    stubs.s3.add_client_error("copy_object", "NoSuchBucket", "details", 404, service_error_meta={"BucketName": missing})
    with pytest.raises(name):
        copy(s3)


def test_a_refused_copy_quotes_s3_and_names_both_ends(s3: S3Client, stubs: Stubs) -> None:
    refuse(stubs, "InvalidRequest", 400)
    with pytest.raises(CallRefused, match=f"copy {WEIGHTS_URI} to s3://{QA.artifact_bucket}/{ARTIFACT.key} .*details"):
        copy(s3)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("InternalError", ServiceUnavailable),
        ("SlowDown", Throttled),
        ("AccessDenied", AccessDenied),
        ("NoSuchKey", ArtifactNotFound),
        ("ConditionalRequestConflict", NotYetVisible),
    ],
)
def test_an_error_in_a_response_with_status_200_is_an_error(
    plain_s3: S3Client, code: str, name: type[Exception]
) -> None:
    """S3 responds to a long copy with 200 before it is done (API: CopyObject)."""
    Wire(plain_s3, body=f"<Error><Code>{code}</Code><Message>details</Message></Error>")
    with pytest.raises(name):
        copy(plain_s3)


# A text instead of the object


def test_a_text_is_written_with_its_checksum_and_overwrites_nothing(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_response("put_object", {}, PUT)
    assert copy(s3, replace(ARTIFACT, text=TEXT)) is True


def test_a_text_that_exists_already_is_not_written(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("put_object", "PreconditionFailed", "details", 412)
    assert copy(s3, replace(ARTIFACT, text=TEXT)) is False


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [("ConditionalRequestConflict", 409, NotYetVisible), ("NoSuchBucket", 404, CallRefused), ("X", 403, AccessDenied)],
)
def test_a_refused_text_has_the_name_of_what_is_wrong(
    s3: S3Client, stubs: Stubs, code: str, status: int, name: type[Exception]
) -> None:
    stubs.s3.add_client_error("put_object", code, "details", status)
    with pytest.raises(name):
        copy(s3, replace(ARTIFACT, text=TEXT))


def test_the_source_of_a_text_is_not_read(s3: S3Client, stubs: Stubs) -> None:
    """Its content is in the work list, so the source is not read."""
    observed = s3_copy.head_source(replace(ARTIFACT, text=TEXT), ROUTE, s3=s3)
    assert (observed.object, observed.metadata) == (ARTIFACT.source, {})


def test_the_source_of_a_copy_is_checked_again(s3: S3Client, stubs: Stubs) -> None:
    response = {"ETag": '"aa"', "ContentLength": 10, "VersionId": "3", "ContentType": "application/x-tar"}
    stubs.s3.add_response("head_object", response, {**HEAD, "IfMatch": '"aa"'})
    observed = s3_copy.head_source(artifact(checksum=None), ROUTE, s3=s3)
    assert observed.object == artifact(checksum=None, version_id="3").source
    assert observed.metadata == {"ContentType": "application/x-tar"}


def test_a_source_with_a_customer_provided_key_is_refused_by_name(s3: S3Client, stubs: Stubs) -> None:
    error = store.recording("s3/CopyObject/source-sse-c-without-key").error
    stubs.s3.add_client_error("copy_object", error["code"], error["message"], error["status"])
    with pytest.raises(UnsupportedModel, match=f"^{WEIGHTS_URI} is encrypted with a key that only its owner has"):
        s3_copy.copy_whole(ARTIFACT, ROUTE, s3=s3)
