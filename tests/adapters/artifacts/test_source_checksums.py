"""A source's checksum by the algorithm of its copy: S3 computes it, and nothing of it is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lambdas.promotion.artifacts import source_checksums
from lambdas.promotion.contract.document import Artifact, CopyRoute
from lambdas.promotion.contract.errors import (
    AccessDenied,
    ArtifactChanged,
    ArtifactNotFound,
    CallRefused,
    NotYetVisible,
)
from recordings import store
from tests.adapters.conftest import Stubs
from tests.unit.builders import BUCKET, DEV, QA, artifact

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROUTE = CopyRoute(source=DEV, target=QA)
ARTIFACT = artifact(checksum="SHA256:A", version_id="3")
LOCATION = {"Bucket": QA.artifact_bucket, "Key": ARTIFACT.key, "ExpectedBucketOwner": QA.account}
# No range: of an object of up to 5 MB no range can be copied (API: UploadPartCopy, CopySourceRange).
PART = {
    **LOCATION,
    "UploadId": "upload-1",
    "CopySource": {"Bucket": BUCKET, "Key": ARTIFACT.source.key, "VersionId": "3"},
    "CopySourceIfMatch": ARTIFACT.source.etag,
    "PartNumber": 1,
    "ExpectedSourceBucketOwner": DEV.account,
}
COPIED = store.response("s3/UploadPartCopy/with-checksum")


def computed(s3: S3Client, item: Artifact = ARTIFACT, algorithm: str = "CRC32C") -> str | None:
    return source_checksums.with_algorithm(item, algorithm, ROUTE, s3=s3).source.checksum


def opened(stubs: Stubs, algorithm: str = "CRC32C") -> None:
    parameters = {**LOCATION, "ChecksumAlgorithm": algorithm}
    stubs.s3.add_response("create_multipart_upload", {"UploadId": "upload-1"}, parameters)


def test_the_checksum_of_the_only_part_is_that_of_the_object(s3: S3Client, stubs: Stubs) -> None:
    opened(stubs)
    stubs.s3.add_response("upload_part_copy", COPIED, PART)
    assert computed(s3) == "CRC32C:iqJrOQ=="


def test_a_checksum_that_s3_does_not_report_proves_nothing(s3: S3Client, stubs: Stubs) -> None:
    opened(stubs, "XXHASH3")
    stubs.s3.add_response("upload_part_copy", COPIED)
    assert computed(s3, algorithm="XXHASH3") is None


def test_an_upload_that_another_promotion_aborted_is_opened_again(s3: S3Client, stubs: Stubs) -> None:
    """By the retries of the step (concurrency.py)."""
    opened(stubs)
    stubs.s3.add_client_error("upload_part_copy", "NoSuchUpload", "details", 404)
    with pytest.raises(NotYetVisible):
        computed(s3)


def test_an_object_that_is_larger_than_a_part_is_compared_by_size(s3: S3Client) -> None:
    assert computed(s3, artifact(size=5 * 1024**3 + 1, checksum="CRC32:A")) is None


def test_an_object_whose_upload_cannot_be_followed_is_compared_by_size(s3: S3Client) -> None:
    assert computed(s3, artifact("a\x01b", checksum="CRC32:A")) is None


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [
        ("NoSuchKey", 404, ArtifactNotFound),
        ("NoSuchVersion", 404, ArtifactNotFound),
        ("AccessDenied", 403, AccessDenied),
    ],
)
def test_a_source_that_cannot_be_read_is_named(
    s3: S3Client, stubs: Stubs, code: str, status: int, name: type[Exception]
) -> None:
    opened(stubs)
    stubs.s3.add_client_error("upload_part_copy", code, "details", status)
    with pytest.raises(name, match=ARTIFACT.source.key):
        computed(s3)


def test_a_source_that_changed_since_is_refused(s3: S3Client, stubs: Stubs) -> None:
    opened(stubs)
    stubs.s3.add_client_error("upload_part_copy", "PreconditionFailed", "details", 412)
    stubs.s3.add_response("head_object", {"ETag": '"bb"', "ContentLength": 10})
    with pytest.raises(ArtifactChanged):
        computed(s3)


def test_an_upload_that_cannot_be_opened_is_named(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("create_multipart_upload", "InvalidRequest", "no such algorithm", 400)
    with pytest.raises(CallRefused, match=f"{ARTIFACT.key}.*no such algorithm"):
        computed(s3)
