"""The copies must be what was resolved, all of it and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion.artifacts import checks as artifact_checks
from lambdas.promotion.artifacts.s3_objects import ListedObject
from lambdas.promotion.contract.document import Artifact, S3Object, Transfer
from lambdas.promotion.contract.errors import ArtifactMismatch
from tests.unit.builders import artifact

ARTIFACT = artifact()
# The longest text that a Fail state may carry (AWS: Step Functions, Fail state, Cause).
LONGEST_CAUSE = 32_768


def copy_of(item: Artifact, **changes: Any) -> S3Object:
    """Return a copy as the target sees it."""
    return replace(item.source, bucket="target", key=item.key, etag='"other"', version_id="1", **changes)


# One copy


def test_the_same_bytes_have_arrived_whatever_their_etag() -> None:
    assert artifact_checks.require_verified(ARTIFACT, copy_of(ARTIFACT), bucket="target") is True


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 9}, "size 9 instead of 10"),
        ({"size": 0}, "size 0 instead of 10"),
        ({"checksum": "CRC64NVME:X"}, "checksum CRC64NVME:X instead of CRC64NVME:A"),
        ({"checksum": "SHA256:AAAAAAAAAAA="}, "checksum SHA256:AAAAAAAAAAA= instead of CRC64NVME:A"),
        ({"checksum": None}, "checksum None instead of"),
    ],
)
def test_other_bytes_have_not_arrived(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ArtifactMismatch, match=message):
        artifact_checks.require_verified(ARTIFACT, copy_of(ARTIFACT, **change), bucket="target")


@pytest.mark.parametrize(
    ("source", "copy", "algorithm"),
    [
        ("CRC64NVME:A", "CRC64NVME", None),
        ("CRC64NVME:A", "CRC32", "CRC32"),
        ("SHA256:A", "CRC64NVME", "CRC64NVME"),
        ("CRC32:A", "CRC32C", "CRC32C"),
        (None, "CRC32", None),
        ("CRC32:A", None, None),
        (None, None, None),
    ],
)
def test_only_checksums_of_one_algorithm_can_be_compared(
    source: str | None, copy: str | None, algorithm: str | None
) -> None:
    transfer = Transfer(artifact=artifact(checksum=source), exists=True, copy_algorithm=copy)
    assert artifact_checks.other_algorithm(transfer) == algorithm


def test_an_empty_object_needs_no_checksum() -> None:
    empty = artifact(size=0)
    assert artifact_checks.other_algorithm(Transfer(artifact=empty, exists=True, copy_algorithm="SHA256")) is None
    assert artifact_checks.require_verified(empty, copy_of(empty, checksum="SHA256:B"), bucket="target") is True


def test_a_rewritten_manifest_has_the_checksum_of_its_own_text_only() -> None:
    """S3 cannot compute it of the source, whose content is another; PutObject sent the SHA-256."""
    text = replace(artifact(checksum="SHA256:A"), text="s3://target/a")
    assert artifact_checks.other_algorithm(Transfer(artifact=text, exists=True, copy_algorithm="CRC32")) is None


def test_a_copy_that_is_missing_is_named() -> None:
    with pytest.raises(ArtifactMismatch, match=f"s3://target/{ARTIFACT.key} does not exist"):
        artifact_checks.require_verified(ARTIFACT, None, bucket="target")


@pytest.mark.parametrize("computed", [None, "CRC64NVME:BBBBBBBBBBB="])
def test_a_source_without_checksum_is_compared_by_size_and_that_is_reported(computed: str | None) -> None:
    plain = artifact(checksum=None)
    assert artifact_checks.require_verified(plain, copy_of(plain, checksum=computed), bucket="target") is False


def test_a_source_without_checksum_must_still_have_its_size() -> None:
    plain = artifact(checksum=None)
    with pytest.raises(ArtifactMismatch, match="size 11 instead of 10"):
        artifact_checks.require_verified(plain, copy_of(plain, size=11), bucket="target")


def test_an_empty_object_arrives_as_an_empty_object() -> None:
    empty = artifact(size=0)
    assert artifact_checks.require_verified(empty, copy_of(empty), bucket="target") is True


# All of them

FIRST, SECOND = artifact("a"), artifact("sub/b", size=20)


def missing(*existing: S3Object) -> list[Artifact]:
    return artifact_checks.missing_copies(
        [FIRST, SECOND], {item.key: ListedObject(object=item, algorithm=None) for item in existing}, bucket="target"
    )


def test_missing_copies_are_listed_in_order() -> None:
    assert missing() == [FIRST, SECOND]
    assert missing(copy_of(FIRST)) == [SECOND]
    assert missing(copy_of(SECOND), copy_of(FIRST)) == []


def test_an_object_that_is_no_part_of_the_model_is_refused_by_its_name() -> None:
    """SageMaker loads everything below a prefix."""
    unexpected = copy_of(artifact("sub/evil.py"))
    with pytest.raises(ArtifactMismatch, match=f"s3://target/{unexpected.key} is not part of the model"):
        missing(copy_of(FIRST), unexpected)


def test_an_object_of_another_size_is_refused_by_its_name() -> None:
    with pytest.raises(ArtifactMismatch, match=f"s3://target/{SECOND.key} has size 19 instead of 20"):
        missing(copy_of(FIRST), copy_of(SECOND, size=19))


def test_every_difference_is_reported_at_once() -> None:
    with pytest.raises(ArtifactMismatch) as refused:
        missing(copy_of(FIRST, size=1), copy_of(SECOND, size=2), copy_of(artifact("c")))
    assert all(key in str(refused.value) for key in (FIRST.key, SECOND.key, artifact("c").key))


def test_a_thousand_differences_stay_within_the_cause_limit() -> None:
    with pytest.raises(ArtifactMismatch, match="and 991 more") as refused:
        missing(*(copy_of(artifact(f"{number:04}{'k' * 900}")) for number in range(1001)))
    assert len(str(refused.value)) <= LONGEST_CAUSE


def test_a_model_without_artifacts_misses_nothing() -> None:
    assert artifact_checks.missing_copies([], {}, bucket="target") == []
