"""What Promote makes of each recorded answer of S3 about a copy, whole or by parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion.artifacts import checks, completion, s3_copy, s3_objects, source_checksums, verification
from lambdas.promotion.artifacts.completion import Completion
from lambdas.promotion.contract.document import CopyRoute, S3Object, Transfer
from lambdas.promotion.contract.errors import (
    AccessDenied,
    ArtifactChanged,
    ArtifactMismatch,
    ArtifactNotFound,
    CallRefused,
    NotYetVisible,
    ServiceUnavailable,
    SessionExpired,
    Throttled,
    UnsupportedModel,
)
from recordings import store
from recordings.store import Recording
from tests.recorded import Stub, add_error, answer, refuse, stubbed, walked, walked_errors
from tests.unit.builders import DEV, QA, WEIGHTS, artifact

ROUTE = CopyRoute(source=DEV, target=QA)
ARTIFACT = artifact()
# An object of one part, in an upload that stands for a recorded one.
TRANSFER = Transfer(artifact=ARTIFACT, part_size=WEIGHTS.size, upload_id="EXAMPLE-UPLOAD-ID-1")
LISTED = {"Parts": [{"PartNumber": 1, "Size": WEIGHTS.size, "ETag": '"1"'}]}
IN_SOURCE = {"ETag": WEIGHTS.etag, "ContentLength": WEIGHTS.size}
REPLACED = {**IN_SOURCE, "ETag": '"other"'}


def head_of(response: dict[str, Any]) -> S3Object:
    """The object of a recorded HeadObject."""
    with stubbed("s3") as s3:
        s3.add_response("head_object", response)
        observed = s3_objects.find(WEIGHTS.uri, owner=DEV.account, s3=s3.client)
    assert observed is not None
    return observed


def outcome_of(call: Callable[[], object]) -> object:
    """What a call returns, or the type of its error."""
    try:
        return call()
    except Exception as error:
        return type(error)


# CopyObject

COMPOSITE = head_of(store.response("s3/HeadObject/checksum-crc32-composite-multipart"))


@walked(
    "s3/CopyObject",
    {
        # The checksum of the source's own algorithm verifies the copy.
        "keeps-crc64nvme-of-multipart-source": (
            head_of(store.response("s3/HeadObject/checksum-crc64nvme-full-object-multipart")),
            "CRC64NVME",
            True,
        ),
        # A composite checksum is not the copy's: only the sizes are compared.
        "composite-source-becomes-full-object": (COMPOSITE, "CRC64NVME", False),
        # Another algorithm says nothing about the source: it is never requested.
        "checksum-algorithm-sha256": (
            replace(COMPOSITE, checksum="CRC32:MzVIGw=="),
            "CRC32",
            ArtifactMismatch,
        ),
        "to-sse-kms": (replace(COMPOSITE, checksum="CRC32:DUoRhQ=="), "CRC32", True),
    },
    elsewhere=["proxy-html-200-well-formed"],
)
def test_a_copy_is_verified_by_the_checksum_of_its_source(
    recorded: Recording, expected: tuple[S3Object, str, object]
) -> None:
    source, algorithm, verified = expected
    copied = artifact(etag=source.etag, size=source.size, checksum=source.checksum)
    with stubbed("s3") as s3:
        s3.add_response("copy_object", answer(recorded))
        assert s3_copy.copy_whole(copied, ROUTE, s3=s3.client)
    assert s3_copy.algorithm(source) == algorithm
    copy = replace(source, checksum=s3_objects.checksum_in(recorded.response["CopyObjectResult"]))
    assert outcome_of(lambda: checks.require_verified(copied, copy, bucket="target")) == verified


@walked_errors(
    "s3/CopyObject",
    {
        "copy-source-if-match-mismatch": ArtifactChanged,
        "if-none-match-existing": False,
        "if-none-match-other-value": CallRefused,
        "source-over-5-gib": CallRefused,
        "source-key-missing": ArtifactNotFound,
        "source-bucket-missing": ArtifactNotFound,
        "source-is-delete-marker": CallRefused,
        "source-key-missing-without-list-permission": AccessDenied,
        "access-denied-without-detail": AccessDenied,
        "unknown-kms-key": CallRefused,
        "source-sse-c-without-key": UnsupportedModel,
        "onto-itself-unchanged": CallRefused,
        "source-archived": CallRefused,
        "slow-down-in-200": Throttled,
        "internal-error-in-200": ServiceUnavailable,
        "expired-token": SessionExpired,
        "wrong-region": CallRefused,
    },
    elsewhere=["proxy-html-200-malformed", "proxy-html-403-well-formed"],
)
def test_a_copy_that_is_refused_has_the_name_of_its_cause(recorded: Recording, expected: object) -> None:
    with stubbed("s3") as s3:
        refuse(s3, "copy_object", recorded)
        if recorded.error["code"] == "PreconditionFailed":
            s3.add_response("head_object", IN_SOURCE if expected is False else REPLACED)
        assert outcome_of(lambda: copied_from("example-bucket", s3)) == expected


def test_a_missing_bucket_of_the_target_is_not_the_sources() -> None:
    with stubbed("s3") as s3:
        refuse(s3, "copy_object", store.recording("s3/CopyObject/source-bucket-missing"))
        assert outcome_of(lambda: copied_from("another-bucket", s3)) is CallRefused


def copied_from(bucket: str, s3: Stub) -> bool:
    return s3_copy.copy_whole(artifact(bucket=bucket), ROUTE, s3=s3.client)


@walked_errors(
    "s3/PutObject",
    {
        "if-none-match-existing": False,
        "if-none-match-conflict": NotYetVisible,
        "checksum-wrong": CallRefused,
        "checksum-not-base64": CallRefused,
        "kms-key-missing": CallRefused,
        "kms-key-of-other-region": CallRefused,
        "kms-generate-data-key-denied-by-key-policy": AccessDenied,
        "request-timeout": ServiceUnavailable,
    },
)
def test_a_manifest_that_is_refused_has_the_name_of_its_cause(recorded: Recording, expected: object) -> None:
    with stubbed("s3") as s3:
        refuse(s3, "put_object", recorded)
        assert outcome_of(lambda: s3_copy.copy_whole(replace(ARTIFACT, text="{}"), ROUTE, s3=s3.client)) == expected


# UploadPartCopy


@walked("s3/UploadPartCopy", {"without-checksum": None, "with-checksum": "CRC32C:iqJrOQ=="})
def test_the_checksum_of_the_only_part_is_the_sources(recorded: Recording, expected: str | None) -> None:
    with stubbed("s3") as s3:
        s3.add_response("create_multipart_upload", {"UploadId": "u"})
        s3.add_response("upload_part_copy", answer(recorded))
        computed = source_checksums.with_algorithm(ARTIFACT, "CRC32C", ROUTE, s3=s3.client)
    assert computed.source.checksum == expected


@walked_errors(
    "s3/UploadPartCopy",
    {
        "range-end-beyond-source": CallRefused,
        "range-start-beyond-source": CallRefused,
        "range-open-ended": CallRefused,
        "copy-source-if-match-mismatch": ArtifactChanged,
        "part-over-5-gib": CallRefused,
        "cross-region-through-vpc-endpoint": AccessDenied,
    },
)
def test_a_part_that_is_refused_has_the_name_of_its_cause(recorded: Recording, expected: object) -> None:
    with stubbed("s3") as s3:
        refuse(s3, "upload_part_copy", recorded)
        if expected is ArtifactChanged:
            s3.add_response("head_object", REPLACED)
        assert outcome_of(lambda: s3_copy.copy_part(TRANSFER, 1, ROUTE, s3=s3.client)) == expected


# CreateMultipartUpload


@walked(
    "s3/CreateMultipartUpload",
    {"crc64nvme": "CRC64NVME", "sse-kms": None},
    elsewhere=["key-that-xml-cannot-carry"],
)
def test_an_upload_has_the_id_that_s3_gives_it(recorded: Recording, expected: str | None) -> None:
    with stubbed("s3") as s3:
        s3.add_response("create_multipart_upload", answer(recorded))
        assert s3_copy.open_upload(ARTIFACT, {}, ROUTE, s3=s3.client) == TRANSFER.upload_id
    # S3 repeats the algorithm that it was sent.
    assert recorded.response.get("ChecksumAlgorithm") == expected
    assert expected in {None, s3_copy.algorithm(WEIGHTS)}


@walked_errors(
    "s3/CreateMultipartUpload",
    {
        "crc64nvme-composite-refused": CallRefused,
        "sha256-full-object-refused": CallRefused,
        "deny-resource-control-policy": AccessDenied,
    },
)
def test_an_upload_that_is_refused_has_the_name_of_its_cause(recorded: Recording, expected: object) -> None:
    with stubbed("s3") as s3:
        refuse(s3, "create_multipart_upload", recorded)
        assert outcome_of(lambda: s3_copy.open_upload(ARTIFACT, {}, ROUTE, s3=s3.client)) == expected


# ListParts


@walked("s3/ListParts", {"with-checksums": [1, 2, 3], "first-page": [1, 2], "no-parts-yet": []})
def test_the_parts_of_a_list_that_the_plan_has_are_not_copied_again(recorded: Recording, expected: list[int]) -> None:
    page = answer(recorded)
    size = page.get("Parts", [{"Size": 1}])[0]["Size"]
    # The last part is smaller than the others.
    whole = size * (len(expected) - 1) + page["Parts"][-1]["Size"] if expected else size
    transfer = replace(TRANSFER, artifact=artifact(size=whole), part_size=size)
    with stubbed("s3") as s3:
        request = s3_copy.upload_of(transfer, ROUTE)
        s3.add_response("list_parts", page, {**request, "PartNumberMarker": 0})
        if page["IsTruncated"]:
            following = {**page["Parts"][0], "PartNumber": 2}
            marker = page["NextPartNumberMarker"]
            s3.add_response("list_parts", {"Parts": [following]}, {**request, "PartNumberMarker": marker})
        listed = completion.listed_parts(transfer, ROUTE, s3=s3.client)
    assert listed is not None
    assert list(listed) == expected


@walked_errors("s3/ListParts", {"after-completion": None})
def test_an_upload_without_a_list_is_complete(recorded: Recording, expected: None) -> None:
    with stubbed("s3") as s3:
        refuse(s3, "list_parts", recorded)
        listed = completion.listed_parts(TRANSFER, ROUTE, s3=s3.client)
        assert listed is expected
        assert completion.complete(TRANSFER, ROUTE, listed=listed, written={}, s3=s3.client) is Completion.EXISTS


# CompleteMultipartUpload


def completed(s3: Stub, transfer: Transfer = TRANSFER) -> Completion:
    listed = completion.listed_parts(transfer, ROUTE, s3=s3.client)
    return completion.complete(transfer, ROUTE, listed=listed, written={}, s3=s3.client)


@walked("s3/CompleteMultipartUpload", {"result-sse-kms-without-checksum": Completion.COMPLETED})
def test_an_upload_is_complete_whatever_the_answer_has(recorded: Recording, expected: Completion) -> None:
    with stubbed("s3") as s3:
        s3.add_response("list_parts", LISTED)
        s3.add_response("complete_multipart_upload", answer(recorded))
        assert completed(s3) is expected


@walked_errors(
    "s3/CompleteMultipartUpload",
    {
        "no-parts": ArtifactMismatch,
        "part-too-small": ArtifactMismatch,
        # The list is wrong: the parts are copied again.
        "part-not-uploaded": Completion.INVALID_PART,
        "part-checksum-for-upload-without-algorithm": Completion.INVALID_PART,
        "parts-unordered": ArtifactMismatch,
        "composite-part-checksum-missing": ArtifactMismatch,
        "checksum-type-differs": ArtifactMismatch,
        "checksum-type-for-upload-without-algorithm": ArtifactMismatch,
        "full-object-checksum-wrong": ArtifactMismatch,
        "mpu-object-size-wrong": ArtifactMismatch,
        "unknown-upload": Completion.EXISTS,
        "if-none-match-existing": Completion.EXISTS,
        "conflict-after-delete-during-upload": Completion.CONFLICT,
        "internal-error-in-200": ServiceUnavailable,
    },
)
def test_an_upload_that_is_not_completed_has_its_outcome(recorded: Recording, expected: object) -> None:
    with stubbed("s3") as s3:
        s3.add_response("list_parts", LISTED)
        refuse(s3, "complete_multipart_upload", recorded)
        assert outcome_of(lambda: completed(s3)) == expected


# Sequences


def exchanges(key: str, operation: str) -> list[Mapping[str, Any]]:
    """The requests of an operation in a sequence, each with its answer."""
    return [entry for entry in store.recording(key).requests if entry["request"]["operation"] == operation]


def reply(s3: Stub, method: str, exchange: Mapping[str, Any]) -> None:
    """Let the next call of a method be answered as in the sequence."""
    if "error" in exchange:
        add_error(s3, method, exchange["error"])
    else:
        s3.add_response(method, dict(exchange["response"]))


@pytest.mark.parametrize(
    ("key", "outcomes"),
    [
        (
            "s3/Sequences/delete-during-upload-if-none-match",
            [Completion.EXISTS, Completion.CONFLICT, Completion.COMPLETED],
        ),
        ("s3/Sequences/put-during-upload-if-none-match", [Completion.EXISTS]),
        ("s3/Sequences/two-concurrent-completions-if-none-match", [Completion.COMPLETED, Completion.EXISTS]),
        ("s3/Sequences/abort-then-complete", [Completion.EXISTS]),
    ],
)
def test_each_completion_of_a_sequence_has_its_outcome(key: str, outcomes: list[Completion]) -> None:
    with stubbed("s3") as s3:
        for exchange in exchanges(key, "CompleteMultipartUpload"):
            s3.add_response("list_parts", LISTED)
            reply(s3, "complete_multipart_upload", exchange)
        assert [completed(s3) for _ in outcomes] == outcomes


def test_a_copy_over_an_existing_one_is_none() -> None:
    key = "s3/Sequences/copy-over-existing-if-none-match-versioned"
    with stubbed("s3") as s3:
        for exchange in exchanges(key, "CopyObject"):
            reply(s3, "copy_object", exchange)
            if "error" in exchange:
                s3.add_response("head_object", IN_SOURCE)
        assert [s3_copy.copy_whole(ARTIFACT, ROUTE, s3=s3.client) for _ in range(3)] == [True, False, True]


def test_three_parts_are_completed_with_their_checksums_and_verified_by_that_of_the_whole() -> None:
    key = "s3/Sequences/multipart-upload-full-object-crc64nvme"
    (opened,), (listed,) = exchanges(key, "CreateMultipartUpload"), exchanges(key, "ListParts")
    (head,) = exchanges(key, "HeadObject")
    parts = [
        {name: part[name] for name in ("PartNumber", "ETag", "ChecksumCRC64NVME")}
        for part in listed["response"]["Parts"]
    ]
    made = head_of(dict(head["response"]))
    source = artifact(etag=made.etag, size=made.size, checksum=made.checksum)
    transfer = replace(TRANSFER, artifact=source, part_size=listed["response"]["Parts"][0]["Size"])
    request = {
        **s3_copy.upload_of(transfer, ROUTE),
        "MultipartUpload": {"Parts": parts},
        "MpuObjectSize": made.size,
        "ChecksumType": opened["request"]["ChecksumType"],
        "ChecksumCRC64NVME": head["response"]["ChecksumCRC64NVME"],
        "IfNoneMatch": "*",
    }
    with stubbed("s3") as s3:
        for exchange in exchanges(key, "CompleteMultipartUpload"):
            s3.add_response("list_parts", dict(listed["response"]))
            if "error" in exchange:
                reply(s3, "complete_multipart_upload", exchange)
            else:
                s3.add_response("complete_multipart_upload", dict(exchange["response"]), request)
        assert [completed(s3, transfer) for _ in range(2)] == [Completion.INVALID_PART, Completion.COMPLETED]
        s3.add_response("head_object", dict(head["response"]))
        assert verification.require_verified(source, QA, s3=s3.client).key == source.key


def test_the_checksum_of_an_only_part_is_that_of_the_object_made_of_it() -> None:
    key = "s3/Sequences/multipart-copy-full-object-crc32c"
    with stubbed("s3") as s3:
        for method, operation in (
            ("create_multipart_upload", "CreateMultipartUpload"),
            ("upload_part_copy", "UploadPartCopy"),
        ):
            reply(s3, method, *exchanges(key, operation))
        computed = source_checksums.with_algorithm(ARTIFACT, "CRC32C", ROUTE, s3=s3.client)
    (head,) = exchanges(key, "HeadObject")
    assert computed.source.checksum == head_of(dict(head["response"])).checksum
