"""Copy verification: which copies exist, whether they are what was resolved, and open uploads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lambdas.promotion.artifacts import verification
from lambdas.promotion.contract.errors import AccessDenied, ArtifactMismatch, CallRefused, Throttled
from lambdas.promotion.runtime.handler import errors_by_name
from recordings import store
from tests.adapters.conftest import Stubs
from tests.adapters.fake_s3 import FakeS3
from tests.unit.builders import QA, artifact, promotion

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ONE, OTHER = "artifacts/reviews/qa/1/", "artifacts/reviews/qa/2/"
ARTIFACT = artifact()
HEAD = {
    "Bucket": QA.artifact_bucket,
    "Key": ARTIFACT.key,
    "ChecksumMode": "ENABLED",
    "ExpectedBucketOwner": "333333333333",
}


# Existing copies


def list_is(stubs: Stubs, folder: str, *keys: str) -> None:
    parameters = {"Bucket": QA.artifact_bucket, "Prefix": folder, "ExpectedBucketOwner": "333333333333"}
    contents = [{"Key": key, "ETag": '"x"', "Size": 1} for key in keys]
    stubs.s3.add_response("list_objects_v2", {"Contents": contents} if contents else {}, parameters)


def test_the_objects_of_every_folder_are_listed_by_their_keys(s3: S3Client, stubs: Stubs) -> None:
    list_is(stubs, ONE, f"{ONE}a", f"{ONE}b/c")
    list_is(stubs, OTHER)
    assert list(verification.listed([ONE, OTHER], QA, s3=s3)) == [f"{ONE}a", f"{ONE}b/c"]


def test_a_model_without_artifacts_has_nothing_to_list(s3: S3Client, stubs: Stubs) -> None:
    assert verification.listed([], QA, s3=s3) == {}


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("foreign", ["", "a", "k2x", "z", "ü"])
def test_parts_of_a_list_have_everything_once(
    fake_s3: FakeS3, monkeypatch: pytest.MonkeyPatch, number: int, foreign: str
) -> None:
    """Also what is not expected, before, between and after what is; whatever the order in which they are expected."""
    monkeypatch.setattr(verification, "_PAGE", 2)
    artifacts = [
        replace(ARTIFACT, key=f"{folder}{'kü'[n % 2]}{n}") for n in reversed(range(number)) for folder in (OTHER, ONE)
    ]
    for expected in artifacts:
        fake_s3.put(QA.artifact_bucket, expected.key)
    if foreign:
        fake_s3.put(QA.artifact_bucket, f"{ONE}{foreign}")
    calls = verification.listing_calls(artifacts, promotion().artifact_prefix, QA, s3=fake_s3.client)
    parts = [list(call()) for call in calls]
    listed = [key for part in parts for key in part]
    stored = fake_s3.keys(QA.artifact_bucket) if artifacts else []
    assert sorted(listed, key=str.encode) == stored
    assert len(calls) == 2 * max(1, -(-number // 2)) if artifacts else calls == []


# Comparison with the source


def test_a_copy_is_compared_by_size_and_checksum(s3: S3Client, stubs: Stubs) -> None:
    response = {"ETag": '"new"', "ContentLength": 10, "ChecksumCRC64NVME": "AAAAAAAAAAA="}
    stubs.s3.add_response("head_object", response, HEAD)
    copy = verification.require_verified(ARTIFACT, QA, s3=s3)
    assert (copy.uri, copy.etag, copy.checksum) == (
        f"s3://{QA.artifact_bucket}/{ARTIFACT.key}",
        '"new"',
        "CRC64NVME:AAAAAAAAAAA=",
    )


@pytest.mark.parametrize("response", [{"ContentLength": 9}, {"ContentLength": 10, "ChecksumCRC64NVME": "other"}])
def test_a_copy_that_differs_is_refused(s3: S3Client, stubs: Stubs, response: dict[str, Any]) -> None:
    stubs.s3.add_response("head_object", {"ETag": '"new"', **response})
    with pytest.raises(ArtifactMismatch, match=ARTIFACT.key):
        verification.require_verified(ARTIFACT, QA, s3=s3)


def test_a_copy_that_is_missing_is_refused(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("head_object", "404", "Not Found", 404)
    with pytest.raises(ArtifactMismatch, match=f"{ARTIFACT.key} does not exist"):
        verification.require_verified(ARTIFACT, QA, s3=s3)


def test_a_copy_with_a_customer_provided_key_is_none_of_ours(s3: S3Client, stubs: Stubs) -> None:
    error = store.recording("s3/GetObject/sse-c-without-key").error
    stubs.s3.add_client_error("head_object", "400", "Bad Request", 400)
    stubs.s3.add_client_error("get_object", error["code"], error["message"], error["status"])
    with pytest.raises(ArtifactMismatch, match=f"Another principal .*{ARTIFACT.key} is encrypted"):
        verification.require_verified(ARTIFACT, QA, s3=s3)


def test_a_target_without_its_bucket_is_named(s3: S3Client, stubs: Stubs) -> None:
    error = store.recording("s3/ListObjectsV2/missing-bucket").error
    stubs.s3.add_client_error("list_objects_v2", error["code"], error["message"], error["status"])
    listed = errors_by_name(lambda event, context: {"keys": list(verification.listed([ONE], QA, s3=s3))})
    refused = f"AWS refused s3:ListObjectsV2 on s3://{QA.artifact_bucket}/{ONE}: The specified bucket does not exist"
    with pytest.raises(CallRefused, match=refused):
        listed({}, None)


@pytest.mark.parametrize("key", ["a/", "../a", "a//b", "/a", "a?b", "a#b", "ü"])
def test_a_copy_is_looked_up_by_its_exact_key(s3: S3Client, stubs: Stubs, key: str) -> None:
    copied = artifact(key)
    response = {"ETag": '"new"', "ContentLength": 10, "ChecksumCRC64NVME": "AAAAAAAAAAA="}
    stubs.s3.add_response("head_object", response, {**HEAD, "Key": copied.key})
    verification.require_verified(copied, QA, s3=s3)


# Open uploads


def uploads_are(stubs: Stubs, folder: str, *uploads: tuple[str, str], after: tuple[str, str] | None = None) -> None:
    """One page of open uploads, the last one."""
    parameters = {
        "Bucket": QA.artifact_bucket,
        "Prefix": folder,
        "EncodingType": "url",
        "ExpectedBucketOwner": "333333333333",
    }
    parameters |= {"KeyMarker": after[0], "UploadIdMarker": after[1]} if after else {}
    open_uploads = [{"Key": key, "UploadId": upload} for key, upload in uploads]
    stubs.s3.add_response("list_multipart_uploads", {"Uploads": open_uploads} if open_uploads else {}, parameters)


def aborted(stubs: Stubs, key: str, upload: str) -> None:
    stubs.s3.add_response("abort_multipart_upload", {}, abort_of(key, upload))


def abort_of(key: str, upload: str) -> dict[str, str]:
    return {
        "Bucket": QA.artifact_bucket,
        "Key": key,
        "UploadId": upload,
        "ExpectedBucketOwner": "333333333333",
    }


def test_every_open_upload_of_every_folder_is_ended(s3: S3Client, stubs: Stubs) -> None:
    uploads_are(stubs, ONE, (f"{ONE}a", "u1"), (f"{ONE}a", "u2"))
    aborted(stubs, f"{ONE}a", "u1")
    aborted(stubs, f"{ONE}a", "u2")
    uploads_are(stubs, OTHER, (f"{OTHER}b", "u3"))
    aborted(stubs, f"{OTHER}b", "u3")
    assert verification.abort_uploads([ONE, OTHER], QA, s3=s3) == 3


def test_every_page_of_open_uploads_is_read_before_the_first_is_ended(s3: S3Client, stubs: Stubs) -> None:
    """What is ended would be missing on the next page's beginning."""
    first = {
        "Uploads": [{"Key": f"{ONE}a", "UploadId": "u1"}],
        "IsTruncated": True,
        "NextKeyMarker": f"{ONE}a",
        "NextUploadIdMarker": "u1",
    }
    stubs.s3.add_response("list_multipart_uploads", first)
    uploads_are(stubs, ONE, (f"{ONE}b", "u2"), after=(f"{ONE}a", "u1"))
    aborted(stubs, f"{ONE}a", "u1")
    aborted(stubs, f"{ONE}b", "u2")
    assert verification.abort_uploads([ONE], QA, s3=s3) == 2


def test_an_upload_whose_key_xml_cannot_carry_is_ended(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_response("list_multipart_uploads", store.response("s3/ListMultipartUploads/encoded"))
    uploads_are(stubs, ONE, (f"{ONE}a%2B", "u2"), after=("v7/test\x07.txt", "upload-1"))
    aborted(stubs, "v7/test\x07.txt", "upload-1")
    aborted(stubs, f"{ONE}a%2B", "u2")  # a list that says nothing of an encoding
    assert verification.abort_uploads([ONE], QA, s3=s3) == 2


@pytest.mark.parametrize(("encoded", "key"), [("a%2Bb", "a+b"), ("a+b", "a b"), ("a%20b", "a b"), ("%C3%BC", "ü")])
def test_an_encoded_key_is_decoded(s3: S3Client, stubs: Stubs, encoded: str, key: str) -> None:
    page = {"EncodingType": "url", "Uploads": [{"Key": encoded, "UploadId": "u1"}]}
    stubs.s3.add_response("list_multipart_uploads", page)
    aborted(stubs, key, "u1")
    assert verification.abort_uploads([ONE], QA, s3=s3) == 1


def test_nothing_is_ended_where_nothing_is_open(s3: S3Client, stubs: Stubs) -> None:
    uploads_are(stubs, ONE)
    assert verification.abort_uploads([ONE], QA, s3=s3) == 0


def test_an_upload_that_another_principal_ended_is_no_fault(s3: S3Client, stubs: Stubs) -> None:
    uploads_are(stubs, ONE, (f"{ONE}a", "u1"), (f"{ONE}b", "u2"))
    stubs.s3.add_client_error("abort_multipart_upload", "NoSuchUpload", "details", 404)
    aborted(stubs, f"{ONE}b", "u2")
    verification.abort_uploads([ONE], QA, s3=s3)


@pytest.mark.parametrize("call", ["list_multipart_uploads", "abort_multipart_upload"])
@pytest.mark.parametrize(
    ("code", "status", "name"),
    [("AccessDenied", 403, AccessDenied), ("SlowDown", 503, Throttled), ("NoSuchBucket", 404, CallRefused)],
)
def test_uploads_that_cannot_be_ended_have_the_name_of_what_is_wrong(
    s3: S3Client, stubs: Stubs, call: str, code: str, status: int, name: type[Exception]
) -> None:
    if call == "abort_multipart_upload":
        uploads_are(stubs, ONE, (f"{ONE}a", "u1"))
    stubs.s3.add_client_error(call, code, "details", status)

    @errors_by_name
    def step(event: dict[str, Any], context: object) -> dict[str, Any]:
        return {"aborted": verification.abort_uploads([ONE], QA, s3=s3)}

    with pytest.raises(name):
        step({}, None)
