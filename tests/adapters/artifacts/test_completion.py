"""An upload is completed by all parts of the plan, whatever a list shows, and opened again where S3 requires it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from lambdas.promotion.artifacts import completion, s3_copy
from lambdas.promotion.artifacts.completion import Completion
from lambdas.promotion.contract.document import CopyRoute, Transfer
from lambdas.promotion.contract.errors import (
    AccessDenied,
    ArtifactMismatch,
    CallRefused,
    NotYetVisible,
    ServiceUnavailable,
    Throttled,
)
from recordings import store
from tests.adapters.conftest import Stubs, Wire
from tests.adapters.fake_s3 import FakeS3
from tests.unit.builders import DEV, QA, WEIGHTS_URI, artifact

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MIB = 1024**2
ROUTE = CopyRoute(source=DEV, target=QA)
ARTIFACT = artifact(size=300 * MIB)
TRANSFER = Transfer(artifact=ARTIFACT, part_size=128 * MIB, upload_id="upload-1")
UPLOAD: dict[str, Any] = {
    "Bucket": QA.artifact_bucket,
    "Key": ARTIFACT.key,
    "ExpectedBucketOwner": QA.account,
    "UploadId": "upload-1",
}
COMPLETE = {
    **UPLOAD,
    "MultipartUpload": {
        "Parts": [
            {"PartNumber": 1, "ETag": '"1"', "ChecksumCRC64NVME": "1"},
            {"PartNumber": 2, "ETag": '"2"', "ChecksumCRC64NVME": "2"},
            {"PartNumber": 3, "ETag": '"3"', "ChecksumCRC64NVME": "3"},
        ]
    },
    "MpuObjectSize": 300 * MIB,
    "ChecksumType": "FULL_OBJECT",
    "ChecksumCRC64NVME": "AAAAAAAAAAA=",
    "IfNoneMatch": "*",
}


def parts(*numbers: int, size: int | None = None) -> list[dict[str, Any]]:
    """Return parts as S3 lists them, by default of the sizes that the plan has."""
    sizes = {1: 128 * MIB, 2: 128 * MIB, 3: 44 * MIB}
    return [{"PartNumber": number, "Size": size or sizes.get(number, 1), "ETag": f'"{number}"'} for number in numbers]


def all_parts(stubs: Stubs, algorithm: str = "CRC64NVME") -> None:
    """Two pages of parts, with fields that CompleteMultipartUpload does not take."""
    uploaded = [{**item, f"Checksum{algorithm}": str(item["PartNumber"]), "LastModified": 0} for item in parts(1, 2, 3)]
    first = {"Parts": uploaded[:2], "IsTruncated": True, "NextPartNumberMarker": 2}
    stubs.s3.add_response("list_parts", first, {**UPLOAD, "PartNumberMarker": 0})
    stubs.s3.add_response("list_parts", {"Parts": uploaded[2:]}, {**UPLOAD, "PartNumberMarker": 2})


def complete(s3: S3Client, transfer: Transfer = TRANSFER, **written: Any) -> Completion:
    parts = written.get("parts", {})
    listed = parts if len(parts) == 3 else completion.listed_parts(transfer, ROUTE, s3=s3)
    return completion.complete(transfer, ROUTE, listed=listed, written=parts, s3=s3)


def refused(stubs: Stubs, key: str) -> None:
    """S3 refuses the completion as it was recorded."""
    error = store.recording(key).error
    stubs.s3.add_client_error("complete_multipart_upload", error["code"], error["message"], error["status"])


def test_the_object_is_made_of_all_parts_and_must_have_the_sources_size_and_checksum(
    s3: S3Client, stubs: Stubs
) -> None:
    all_parts(stubs)
    stubs.s3.add_response("complete_multipart_upload", {}, COMPLETE)
    assert complete(s3) is Completion.COMPLETED


def test_a_checksum_of_another_kind_is_named_as_it_is(s3: S3Client, stubs: Stubs) -> None:
    all_parts(stubs, "CRC32C")
    parameters = {name: value for name, value in COMPLETE.items() if name != "ChecksumCRC64NVME"} | {
        "ChecksumCRC32C": "AA==",
        "MultipartUpload": {
            "Parts": [{"PartNumber": n, "ETag": f'"{n}"', "ChecksumCRC32C": str(n)} for n in (1, 2, 3)]
        },
    }
    stubs.s3.add_response("complete_multipart_upload", {}, parameters)
    complete(s3, replace(TRANSFER, artifact=artifact(size=300 * MIB, checksum="CRC32C:AA==")))


def test_a_source_without_checksum_gets_one_that_s3_computes(s3: S3Client, stubs: Stubs) -> None:
    all_parts(stubs)
    parameters = {name: value for name, value in COMPLETE.items() if name != "ChecksumCRC64NVME"}
    stubs.s3.add_response("complete_multipart_upload", {}, parameters)
    complete(s3, replace(TRANSFER, artifact=artifact(size=300 * MIB, checksum=None)))


def test_an_object_that_exists_already_is_not_overwritten(s3: S3Client, stubs: Stubs) -> None:
    all_parts(stubs)
    refused(stubs, "s3/CompleteMultipartUpload/if-none-match-existing")
    assert complete(s3) is Completion.EXISTS


def test_an_upload_that_was_completed_before_is_not_a_fault(s3: S3Client, stubs: Stubs) -> None:
    """The step was killed after it had done this, and runs again."""
    stubs.s3.add_client_error("list_parts", "NoSuchUpload", "details", 404)
    assert complete(s3) is Completion.EXISTS


def test_an_upload_that_is_completed_meanwhile_is_not_a_fault(s3: S3Client, stubs: Stubs) -> None:
    all_parts(stubs)
    refused(stubs, "s3/CompleteMultipartUpload/unknown-upload")
    assert complete(s3) is Completion.EXISTS


@pytest.mark.parametrize(
    "key", ["s3/CompleteMultipartUpload/full-object-checksum-wrong", "s3/CompleteMultipartUpload/mpu-object-size-wrong"]
)
def test_parts_that_do_not_make_the_object_are_a_mismatch(s3: S3Client, stubs: Stubs, key: str) -> None:
    all_parts(stubs)
    refused(stubs, key)
    with pytest.raises(ArtifactMismatch, match=f"{ARTIFACT.key} do not make {WEIGHTS_URI}: "):
        complete(s3)


@pytest.mark.parametrize("code", ["InvalidPartOrder", "EntityTooSmall", "MalformedXML"])
def test_any_other_fault_of_the_parts_is_a_mismatch_too(s3: S3Client, stubs: Stubs, code: str) -> None:
    all_parts(stubs)
    stubs.s3.add_client_error("complete_multipart_upload", code, "details", 400)
    with pytest.raises(ArtifactMismatch, match="details"):
        complete(s3)


def test_an_object_that_was_deleted_during_the_upload_needs_another_upload(s3: S3Client, stubs: Stubs) -> None:
    all_parts(stubs)
    refused(stubs, "s3/CompleteMultipartUpload/conflict-after-delete-during-upload")
    assert complete(s3) is Completion.CONFLICT


def test_a_conflict_that_s3_reports_late_needs_another_upload_too(plain_s3: S3Client) -> None:
    """It answers with status 200, blanks, and then the error (API: CompleteMultipartUpload)."""
    error = store.recording("s3/CompleteMultipartUpload/conflict-after-delete-during-upload").error
    Wire(plain_s3, body=f"  <Error><Code>{error['code']}</Code><Message>{error['message']}</Message></Error>")
    with pytest.raises(ClientError) as raised:
        plain_s3.complete_multipart_upload(Bucket="b", Key="k", UploadId="u")
    assert completion.without_effect(TRANSFER, ROUTE, raised.value) is Completion.CONFLICT


def test_a_part_that_is_listed_as_it_was_before_is_copied_again(s3: S3Client, stubs: Stubs) -> None:
    all_parts(stubs)
    refused(stubs, "s3/CompleteMultipartUpload/part-not-uploaded")
    assert complete(s3) is Completion.INVALID_PART


def test_a_part_that_is_wrong_although_all_were_written_is_a_mismatch(s3: S3Client, stubs: Stubs) -> None:
    """What was written needs no list."""
    refused(stubs, "s3/CompleteMultipartUpload/part-not-uploaded")
    with pytest.raises(ArtifactMismatch, match="could not be found"):
        complete(s3, parts={n: {"PartNumber": n, "ETag": f'"{n}"'} for n in (1, 2, 3)})


def test_a_list_of_too_few_parts_completes_nothing(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_response("list_parts", {"Parts": parts(1, 3)})
    with pytest.raises(NotYetVisible, match=f"S3 lists 2 of 3 parts of s3://.*{ARTIFACT.key}"):
        complete(s3)


def test_a_part_of_another_size_or_number_is_none_of_the_plan(s3: S3Client, stubs: Stubs) -> None:
    foreign = [*parts(1, 2), *parts(3, size=43 * MIB), *parts(4)]
    stubs.s3.add_response("list_parts", {"Parts": foreign})
    listed = completion.listed_parts(TRANSFER, ROUTE, s3=s3)
    assert listed is not None
    assert list(listed) == [1, 2]


def test_a_part_that_was_just_written_counts_with_the_etag_of_its_copy(s3: S3Client, stubs: Stubs) -> None:
    """Whatever the list shows of it."""
    uploaded = [{**item, "ChecksumCRC64NVME": str(item["PartNumber"])} for item in parts(1, 2)]
    stubs.s3.add_response("list_parts", {"Parts": [{**uploaded[0], "ETag": '"old"'}, uploaded[1]]})
    stubs.s3.add_response("complete_multipart_upload", {}, COMPLETE)
    written = {n: {"PartNumber": n, "ETag": f'"{n}"', "ChecksumCRC64NVME": str(n), "LastModified": 0} for n in (1, 3)}
    assert complete(s3, parts=written) is Completion.COMPLETED


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [
        ("NoSuchBucket", 404, CallRefused),
        ("AccessDenied", 403, AccessDenied),
        ("SlowDown", 503, Throttled),
        ("InternalError", 500, ServiceUnavailable),
    ],
)
def test_an_upload_that_cannot_be_completed_has_the_name_of_what_is_wrong(
    s3: S3Client, stubs: Stubs, code: str, status: int, name: type[Exception]
) -> None:
    all_parts(stubs)
    stubs.s3.add_client_error("complete_multipart_upload", code, "details", status)
    with pytest.raises(name):
        complete(s3)


def test_the_pages_of_a_list_are_requested_at_the_same_time(fake_s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that only the first request shows, or only the second, is listed; what both show is so once."""
    monkeypatch.setattr(completion, "_PAGE", 2)
    transfer = replace(TRANSFER, part_size=64 * MIB)
    fake_s3.put(transfer.artifact.source.bucket, transfer.artifact.source.key, transfer.artifact.source.size)
    source = fake_s3.objects[transfer.artifact.source.bucket, transfer.artifact.source.key]
    checksum = f"CRC64NVME:{source.content}"
    transfer = replace(
        transfer,
        artifact=replace(
            transfer.artifact, source=replace(transfer.artifact.source, etag=source.etag, checksum=checksum)
        ),
    )
    opened = s3_copy.open_upload(transfer.artifact, {}, ROUTE, s3=fake_s3.client)
    transfer = replace(transfer, upload_id=opened)
    for part in (1, 2, 4, 5):
        s3_copy.write_part(transfer, part, ROUTE, s3=fake_s3.client)
    rounds: list[int] = []

    def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
        rounds.append(len(calls))
        return [call() for call in calls]

    assert completion.complete_all([transfer], ROUTE, at_once=at_once, s3=fake_s3.client) == 1
    assert rounds == [3, 1, 1]  # pages, the missing part, the completion
    copied = fake_s3.objects[ROUTE.target.artifact_bucket, transfer.artifact.key]
    assert (copied.size, copied.content) == (source.size, source.content)
