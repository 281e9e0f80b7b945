"""A copy by parts: its exact parameters, and the effect of each response."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from lambdas.promotion.artifacts import s3_copy
from lambdas.promotion.contract.document import CopyRoute, Transfer
from lambdas.promotion.contract.errors import (
    AccessDenied,
    ArtifactChanged,
    ArtifactNotFound,
    CallRefused,
    ServiceUnavailable,
    Throttled,
    UnsupportedModel,
)
from recordings import store
from tests.adapters.conftest import Stubs, Wire
from tests.unit.builders import BUCKET, DEV, QA, WEIGHTS_URI, artifact

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MIB = 1024**2
ROUTE = CopyRoute(source=DEV, target=QA)
ARTIFACT = artifact(size=300 * MIB)
TRANSFER = Transfer(artifact=ARTIFACT, part_size=128 * MIB, upload_id="upload-1")
LOCATION = {"Bucket": QA.artifact_bucket, "Key": ARTIFACT.key, "ExpectedBucketOwner": QA.account}
UPLOAD: dict[str, Any] = {**LOCATION, "UploadId": "upload-1"}
OPEN = {**LOCATION, "ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "FULL_OBJECT"}
PART = {
    **UPLOAD,
    "CopySource": {"Bucket": BUCKET, "Key": "v7/model.tar.gz"},
    "CopySourceRange": f"bytes={128 * MIB}-{256 * MIB - 1}",
    "CopySourceIfMatch": '"aa"',
    "PartNumber": 2,
    "ExpectedSourceBucketOwner": DEV.account,
}


# Annotations


@pytest.mark.parametrize("version", [None, "v1"])
@pytest.mark.parametrize(
    "annotations", [[], [{"AnnotationName": "labels", "Size": 1, "LastModified": datetime(2026, 1, 1, tzinfo=UTC)}]]
)
def test_an_object_that_is_copied_by_parts_must_have_no_annotations_to_go_along(
    s3: S3Client, stubs: Stubs, version: str | None, annotations: list[dict[str, Any]]
) -> None:
    item = artifact(size=300 * MIB, version_id=version)
    location = {"Bucket": BUCKET, "Key": item.source.key, **({"VersionId": version} if version else {})}
    parameters = {**location, "MaxAnnotationResults": 1, "ExpectedBucketOwner": DEV.account}
    stubs.s3.add_response("list_object_annotations", {"Annotations": annotations}, parameters)
    if not annotations:
        s3_copy.require_no_annotations(item, ROUTE, s3=s3)
        return
    with pytest.raises(UnsupportedModel, match="has annotations and is larger than the 5 GB"):
        s3_copy.require_no_annotations(item, ROUTE, s3=s3)


# Opening


def open_upload(s3: S3Client, route: CopyRoute = ROUTE, kept: dict[str, Any] | None = None, **source: Any) -> str:
    return s3_copy.open_upload(artifact(size=300 * MIB, **source), kept or {}, route, s3=s3)


def test_an_upload_is_opened_for_a_checksum_of_the_whole_object(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_response("create_multipart_upload", {"UploadId": "upload-1"}, OPEN)
    assert open_upload(s3) == "upload-1"


@pytest.mark.parametrize(("checksum", "algorithm"), [("CRC32:A", "CRC32"), ("CRC32C:A", "CRC32C"), (None, "CRC64NVME")])
def test_the_upload_gets_the_sources_kind_of_checksum_or_one_that_s3_computes(
    s3: S3Client, stubs: Stubs, checksum: str | None, algorithm: str
) -> None:
    parameters = {**OPEN, "ChecksumAlgorithm": algorithm}
    stubs.s3.add_response("create_multipart_upload", {"UploadId": "upload-1"}, parameters)
    open_upload(s3, checksum=checksum)


def test_metadata_is_kept(s3: S3Client, stubs: Stubs) -> None:
    """CopyObject would keep it by itself, parts do not."""
    kept = {
        "CacheControl": "no-cache",
        "ContentDisposition": "attachment",
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "ContentType": "application/x-tar",
        "Expires": datetime(2030, 1, 1, tzinfo=UTC),
        "Metadata": {"trained-by": "nlp"},
    }
    stubs.s3.add_response("create_multipart_upload", {"UploadId": "upload-1"}, {**OPEN, **kept})
    open_upload(s3, kept=kept)


def test_the_day_on_which_an_object_expires_is_sent_as_it_was(plain_s3: S3Client) -> None:
    wire = Wire(plain_s3, body="<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
    open_upload(plain_s3, kept={"Expires": datetime(2030, 1, 1, tzinfo=UTC)})
    assert wire.requests[0].headers["Expires"] == b"Tue, 01 Jan 2030 00:00:00 GMT"


@pytest.mark.parametrize(
    ("tags", "sent"),
    [
        ([], {}),
        ([{"Key": "team", "Value": "nlp"}], {"Tagging": "team=nlp"}),
        (
            [{"Key": "a b", "Value": "c+d"}, {"Key": "ü", "Value": "x=y&z"}],
            {"Tagging": "a%20b=c%2Bd&%C3%BC=x%3Dy%26z"},
        ),
    ],
    ids=["none", "one", "odd"],
)
@pytest.mark.parametrize("version", [{}, {"VersionId": "3"}])
def test_tags_go_along_if_configured(
    s3: S3Client, stubs: Stubs, tags: list[dict[str, str]], sent: dict[str, str], version: dict[str, str]
) -> None:
    parameters = {"Bucket": BUCKET, "Key": "v7/model.tar.gz", "ExpectedBucketOwner": DEV.account, **version}
    stubs.s3.add_response("get_object_tagging", {"TagSet": tags}, parameters)
    stubs.s3.add_response("create_multipart_upload", {"UploadId": "upload-1"}, {**OPEN, **sent})
    open_upload(s3, replace(ROUTE, tags=True), version_id=version.get("VersionId"))


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [("AccessDenied", 403, AccessDenied), ("SlowDown", 503, Throttled), ("NoSuchBucket", 404, CallRefused)],
)
def test_an_upload_that_cannot_be_opened_has_the_name_of_what_is_wrong(
    s3: S3Client, stubs: Stubs, code: str, status: int, name: type[Exception]
) -> None:
    stubs.s3.add_client_error("create_multipart_upload", code, "details", status)
    with pytest.raises(name):
        open_upload(s3)


def test_a_source_that_is_gone_before_its_tags_are_read_is_refused(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("get_object_tagging", "NoSuchKey", "details", 404)
    with pytest.raises(ArtifactNotFound):
        open_upload(s3, replace(ROUTE, tags=True))


def test_an_upload_whose_key_xml_cannot_carry_has_no_readable_answer(plain_s3: S3Client) -> None:
    """So the plan opens none: each attempt would leave another upload behind (partitioning.has_readable_uploads)."""
    Wire(plain_s3, body=store.response("s3/CreateMultipartUpload/key-that-xml-cannot-carry")["body"])
    with pytest.raises(ServiceUnavailable):
        open_upload(plain_s3)


# Parts


def copy_part(s3: S3Client, part: int = 2, transfer: Transfer = TRANSFER) -> int:
    return s3_copy.copy_part(transfer, part, ROUTE, s3=s3)


def test_a_part_is_a_range_of_the_resolved_object(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_response("upload_part_copy", {}, PART)
    assert copy_part(s3) == 128 * MIB


def test_the_last_part_ends_with_the_object(s3: S3Client, stubs: Stubs) -> None:
    parameters = {**PART, "PartNumber": 3, "CopySourceRange": f"bytes={256 * MIB}-{300 * MIB - 1}"}
    stubs.s3.add_response("upload_part_copy", {}, parameters)
    assert copy_part(s3, 3) == 44 * MIB


def test_a_part_is_taken_from_the_resolved_version(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_response("upload_part_copy", {}, {**PART, "CopySource": {**PART["CopySource"], "VersionId": "3"}})
    copy_part(s3, transfer=replace(TRANSFER, artifact=artifact(size=300 * MIB, version_id="3")))


def test_a_source_that_changed_since_is_refused(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("upload_part_copy", "PreconditionFailed", "details", 412)
    stubs.s3.add_response("head_object", {"ETag": '"bb"', "ContentLength": 10})
    with pytest.raises(ArtifactChanged, match=f'{WEIGHTS_URI} changed .*now it is "bb"'):
        copy_part(s3)


def test_an_upload_that_was_aborted_leaves_nothing_to_do(s3: S3Client, stubs: Stubs) -> None:
    """Another promotion of the same model has completed the object, or the verification reports it."""
    stubs.s3.add_client_error("upload_part_copy", "NoSuchUpload", "details", 404)
    assert copy_part(s3) == 0


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [
        ("NoSuchKey", 404, ArtifactNotFound),
        ("NoSuchVersion", 404, ArtifactNotFound),
        ("NoSuchBucket", 404, CallRefused),
        ("InvalidRange", 416, CallRefused),
        ("AccessDenied", 403, AccessDenied),
        ("SlowDown", 503, Throttled),
        ("InternalError", 500, ServiceUnavailable),
    ],
)
def test_a_refused_part_has_the_name_of_what_is_wrong(
    s3: S3Client, stubs: Stubs, code: str, status: int, name: type[Exception]
) -> None:
    stubs.s3.add_client_error("upload_part_copy", code, "details", status)
    with pytest.raises(name):
        copy_part(s3)


@pytest.mark.parametrize(("missing", "name"), [(BUCKET, ArtifactNotFound), (QA.artifact_bucket, CallRefused)])
def test_a_missing_bucket_is_a_missing_artifact_only_if_it_is_the_sources(
    s3: S3Client, stubs: Stubs, missing: str, name: type[Exception]
) -> None:
    error = {"BucketName": missing}
    stubs.s3.add_client_error("upload_part_copy", "NoSuchBucket", "details", 404, service_error_meta=error)
    with pytest.raises(name):
        copy_part(s3)


# Existing parts


def parts(*numbers: int, size: int = 128 * MIB) -> list[dict[str, Any]]:
    return [{"PartNumber": number, "Size": size, "ETag": f'"{number}"'} for number in numbers]


def listed(stubs: Stubs, after: int, *numbers: int, more: bool = False, size: int = 128 * MIB) -> None:
    response = {"Parts": parts(*numbers, size=size), "IsTruncated": more}
    response |= {"NextPartNumberMarker": numbers[-1]} if more else {}
    stubs.s3.add_response("list_parts", response, {**UPLOAD, "PartNumberMarker": after})


def existing(s3: S3Client, first: int, last: int, size: int = 12_800) -> set[int]:
    transfer = replace(TRANSFER, artifact=artifact(size=size * MIB))
    return s3_copy.existing_parts(transfer, ROUTE, first=first, last=last, s3=s3)


def test_the_parts_of_a_segment_are_listed_from_its_first_part(s3: S3Client, stubs: Stubs) -> None:
    listed(stubs, 40, 42, 44)
    assert existing(s3, 41, 50) == {42, 44}


def test_parts_are_listed_on_every_page_up_to_the_segments_last_part(s3: S3Client, stubs: Stubs) -> None:
    listed(stubs, 0, 1, 2, more=True)
    listed(stubs, 2, 3, 5, more=True)
    assert existing(s3, 1, 4) == {1, 2, 3}


def test_no_part_is_there_at_first(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_response("list_parts", {"IsTruncated": False})
    assert existing(s3, 1, 4) == set()


def test_a_part_of_another_size_is_copied_again(s3: S3Client, stubs: Stubs) -> None:
    listed(stubs, 0, 1, 2, size=128 * MIB - 1)
    assert existing(s3, 1, 2) == set()


def test_the_last_part_may_be_smaller(s3: S3Client, stubs: Stubs) -> None:
    listed(stubs, 2, 3, size=44 * MIB)
    assert existing(s3, 3, 3, size=300) == {3}


def test_of_an_upload_that_was_ended_no_part_is_left_to_copy(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("list_parts", "NoSuchUpload", "details", 404)
    assert existing(s3, 3, 5) == {3, 4, 5}


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [("AccessDenied", 403, AccessDenied), ("NoSuchBucket", 404, CallRefused), ("SlowDown", 503, Throttled)],
)
def test_parts_that_cannot_be_listed_have_the_name_of_what_is_wrong(
    s3: S3Client, stubs: Stubs, code: str, status: int, name: type[Exception]
) -> None:
    stubs.s3.add_client_error("list_parts", code, "details", status)
    with pytest.raises(name):
        existing(s3, 1, 4)


# A late error


@pytest.mark.parametrize(
    ("code", "name"),
    [("BadDigest", ClientError), ("PreconditionFailed", ClientError), ("InternalError", ServiceUnavailable)],
)
def test_what_s3_finds_after_it_began_to_answer_keeps_its_code(
    plain_s3: S3Client, code: str, name: type[Exception]
) -> None:
    """It answers with status 200, blanks, and then the error (API: CompleteMultipartUpload)."""
    Wire(plain_s3, body=f"  <Error><Code>{code}</Code><Message>details</Message></Error>")
    with pytest.raises(name, match=code):
        plain_s3.complete_multipart_upload(Bucket="b", Key="k", UploadId="u")
