"""What Promote makes of each recorded answer about the objects of a bucket."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from lambdas.promotion.artifacts import s3_objects, verification
from lambdas.promotion.contract.errors import (
    AccessDenied,
    ArtifactChanged,
    ArtifactNotFound,
    PreflightFailed,
    Throttled,
    UnsupportedModel,
)
from lambdas.promotion.preflight.checks import source_artifacts
from lambdas.promotion.preflight.findings import Finding
from recordings import store
from recordings.store import Recording
from tests.recorded import answer, refuse, stubbed, walked, walked_errors
from tests.unit.builders import DEV, QA, WEIGHTS, artifact

VERSION = "EXAMPLE-VERSION-ID-1"
BINARY = {"ContentType": "binary/octet-stream"}
FOUND = {"ETag": WEIGHTS.etag, "ContentLength": WEIGHTS.size}


@dataclass(frozen=True)
class Head:
    """What is kept of HeadObject's answer, beside ETag and size."""

    checksum: str | None = None
    version: str | None = None
    metadata: dict[str, Any] | None = None


HEADS = {
    "plain": Head(),
    "checksum-crc64nvme-by-default": Head("CRC64NVME:qUVrWYOrIAM="),
    "checksum-sha256-single-part": Head("SHA256:2l26x0trnT0r2AvakoFk2MB7eKVKzYESLMxSAKAzoik="),
    # A composite checksum depends on the sizes of the parts.
    "checksum-crc32-composite-multipart": Head(),
    "checksum-sha256-composite-multipart": Head(),
    "checksum-crc64nvme-full-object-multipart": Head("CRC64NVME:ZMNX55lZurA="),
    "one-part-composite": Head(),
    "versioned": Head(version=VERSION),
    "sse-kms-bucket-key": Head(),
    "user-and-system-metadata": Head(
        metadata={"ContentLanguage": "en-US", "ContentType": "application/json", "Metadata": {"key": "value"}}
    ),
    # Neither a lock nor a storage class is carried to the copy.
    "object-lock-retention": Head(version=VERSION),
    "object-lock-legal-hold": Head(version=VERSION),
    "storage-class-standard-ia": Head(),
    "archived-glacier-not-restored": Head(metadata={"ContentType": "application/octet-stream"}),
    "archived-glacier-restored": Head(metadata={}),
}


@walked("s3/HeadObject", HEADS)
def test_an_object_is_what_its_head_says(recorded: Recording, expected: Head) -> None:
    response = FOUND | answer(recorded)
    with stubbed("s3") as s3:
        s3.add_response("head_object", response)
        observed = s3_objects.head("models", "k", owner=DEV.account, s3=s3.client)
    assert observed is not None
    assert (observed.object.etag, observed.object.size) == (response["ETag"], response["ContentLength"])
    kept = Head(observed.object.checksum, observed.object.version_id, observed.metadata)
    assert kept == Head(expected.checksum, expected.version, BINARY if expected.metadata is None else expected.metadata)


@walked_errors(
    "s3/HeadObject",
    {
        "missing-key": ArtifactNotFound,
        "version-is-delete-marker": ClientError,
        "forbidden": AccessDenied,
        "sse-c-without-key": UnsupportedModel,
        "if-match-mismatch": ArtifactChanged,
    },
)
def test_a_refused_head_of_the_resolved_object_has_the_name_of_its_cause(
    recorded: Recording, expected: type[Exception]
) -> None:
    with stubbed("s3") as s3:
        refuse(s3, "head_object", recorded)
        if expected is UnsupportedModel:
            # The answer to a HEAD request has no body: the reason is in that of a GET request.
            refuse(s3, "get_object", store.recording("s3/GetObject/sse-c-without-key"))
        if expected is ArtifactChanged:
            s3.add_response("head_object", {**FOUND, "ETag": '"other"'})
        with pytest.raises(expected) as raised:
            s3_objects.head_again(WEIGHTS, owner=DEV.account, s3=s3.client)
    assert type(raised.value) is expected


# GetObject


@walked("s3/GetObject", {"range-clipped": b"0123456789"})
def test_an_object_is_read_as_it_comes(recorded: Recording, expected: bytes) -> None:
    content = str(recorded.response["Body"]).encode()
    with stubbed("s3") as s3:
        s3.add_response("get_object", answer(recorded, Body=StreamingBody(io.BytesIO(content), len(content))))
        assert s3_objects.read(WEIGHTS, owner=DEV.account, s3=s3.client) == expected


@walked_errors(
    "s3/GetObject",
    {
        "range-beyond-end": PreflightFailed,
        "range-of-empty-object": PreflightFailed,
        "if-match-mismatch": ArtifactChanged,
        "version-id-in-unversioned-bucket": PreflightFailed,
        "archived": PreflightFailed,
        "kms-key-disabled": PreflightFailed,
        "kms-key-pending-deletion": PreflightFailed,
        "kms-decrypt-no-identity-policy": AccessDenied,
        "kms-ciphertext-of-unknown-key": AccessDenied,
        "kms-throttled": Throttled,
        "slow-down": Throttled,
        "denied-identity-implicit": AccessDenied,
        "denied-identity-explicit": AccessDenied,
        "denied-resource-based-implicit": AccessDenied,
        "denied-resource-based-explicit": AccessDenied,
        "denied-session-policy-implicit": AccessDenied,
        "denied-session-policy-explicit": AccessDenied,
        "denied-permissions-boundary-implicit": AccessDenied,
        "denied-scp-implicit": AccessDenied,
        "denied-scp-explicit": AccessDenied,
        "denied-vpc-endpoint-implicit": AccessDenied,
        "denied-vpc-endpoint-explicit": AccessDenied,
        "sse-c-without-key": UnsupportedModel,
    },
)
def test_an_artifact_that_cannot_be_read_is_found_before_anything_is_created(
    recorded: Recording, expected: type[Exception]
) -> None:
    with stubbed("s3") as s3:
        refuse(s3, "get_object", recorded)
        if expected is Throttled:
            with pytest.raises(Throttled):
                source_artifacts.read(artifact(), DEV, s3=s3.client)
            return
        if expected is ArtifactChanged:
            s3.add_response("head_object", {**FOUND, "ETag": '"other"'})
        (finding,) = source_artifacts.read(artifact(), DEV, s3=s3.client)
    assert isinstance(finding, Finding)
    # A denial names the caller, whose permission is missing.
    assert (finding.role == "The role") is (expected is AccessDenied)
    assert finding.error is (PreflightFailed if expected is AccessDenied else expected)
    reported = expected in {ArtifactChanged, UnsupportedModel} or recorded.error["message"] in finding.message
    assert reported, finding.message
    assert ("archived" in str(finding.remedy)) is (recorded.name == "archived")


# ListObjectsV2


@walked(
    "s3/ListObjectsV2",
    {
        "prefix": ["test/bar/foo/123", "test/foo/bar/123", "test/foo/bar/456"],
        # In the order of UTF-8, and another page follows.
        "first-page": ["test_0", "test_1", "test_10", "test_11", "test_2", "after"],
        "empty": [],
        "delimiter": [],
        "special-keys-decoded": [
            "a/%F0%9F%98%80/",
            "file%2Fname",
            "test key/",
            "test key//",
            "test+key",
            "test@key/",
        ],
    },
)
def test_a_list_has_every_object_once_with_the_algorithm_of_its_checksum(
    recorded: Recording, expected: list[str]
) -> None:
    # Without EncodingType: what boto3 decoded before it was recorded is not decoded again.
    response = answer(recorded, EncodingType=None)
    with stubbed("s3") as s3:
        s3.add_response("list_objects_v2", response)
        if response["IsTruncated"]:
            (last,) = answer(recorded)["Contents"][-1:]
            following = {"Contents": [{**last, "Key": "after"}], "IsTruncated": False}
            token = response["NextContinuationToken"]
            parameters = {"Bucket": "models", "Prefix": "", "ExpectedBucketOwner": DEV.account}
            s3.add_response("list_objects_v2", following, {**parameters, "ContinuationToken": token})
        listed = list(s3_objects.listed_with_algorithms("models", "", owner=DEV.account, s3=s3.client))
    assert [item.object.key for item in listed] == expected
    sizes = {item["Key"]: (item["ETag"], item["Size"]) for item in response.get("Contents", [])}
    assert {item.object.key: (item.object.etag, item.object.size) for item in listed}.items() >= sizes.items()
    assert {item.algorithm for item in listed} <= {"CRC32"}
    assert None not in {item.algorithm for item in listed}


# ListMultipartUploads


@walked(
    "s3/ListMultipartUploads",
    {
        "one-upload-with-checksum": [("test-multipart-checksum-exc", "EXAMPLE-UPLOAD-ID-1")],
        "none": [],
        # The next page is asked for by the decoded marker.
        "encoded": [("v7/test\x07.txt", "upload-1")],
    },
)
def test_every_open_upload_is_aborted(recorded: Recording, expected: list[tuple[str, str]]) -> None:
    page = answer(recorded)
    request = {
        "Bucket": QA.artifact_bucket,
        "Prefix": "v7/",
        "EncodingType": "url",
        "ExpectedBucketOwner": QA.account,
    }
    with stubbed("s3") as s3:
        s3.add_response("list_multipart_uploads", page, request)
        if page["IsTruncated"]:
            markers = {"KeyMarker": expected[-1][0], "UploadIdMarker": page["NextUploadIdMarker"]}
            s3.add_response("list_multipart_uploads", {}, request | markers)
        for key, upload in expected:
            aborted = {"Bucket": QA.artifact_bucket, "Key": key, "UploadId": upload}
            s3.add_response("abort_multipart_upload", {}, {**aborted, "ExpectedBucketOwner": QA.account})
        assert verification.abort_uploads(["v7/"], QA, s3=s3.client) == len(expected)


def test_an_upload_that_was_opened_later_stays() -> None:
    page = store.response("s3/ListMultipartUploads/one-upload-with-checksum")
    before = datetime(2026, 2, 21, tzinfo=UTC)
    assert page["Uploads"][0]["Initiated"] > before
    with stubbed("s3") as s3:
        s3.add_response("list_multipart_uploads", page)
        assert verification.abort_uploads(["v7/"], QA, opened_by=before, s3=s3.client) == 0


@walked_errors("s3/AbortMultipartUpload", {"missing-upload": 1})
def test_an_upload_that_is_gone_counts_as_aborted(recorded: Recording, expected: int) -> None:
    with stubbed("s3") as s3:
        s3.add_response("list_multipart_uploads", store.response("s3/ListMultipartUploads/one-upload-with-checksum"))
        refuse(s3, "abort_multipart_upload", recorded)
        assert verification.abort_uploads(["v7/"], QA, s3=s3.client) == expected
