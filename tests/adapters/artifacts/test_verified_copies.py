"""The list of verified copies: what it says, and whatever changes in the copies afterwards is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from lambdas.promotion.artifacts import verified_copies
from lambdas.promotion.contract.document import S3Object, VerifiedCopies, VerifiedCopy
from lambdas.promotion.contract.errors import ArtifactMismatch
from lambdas.promotion.contract.resource_names import verified_list
from tests.adapters.fake_s3 import FakeS3
from tests.unit.builders import HUB, QA

BUCKET = QA.artifact_bucket
FOLDER, OTHER = "artifacts/reviews/qa/1/", "artifacts/reviews/qa/2/"
KEYS = [f"{FOLDER}config.json", f"{FOLDER}ü/ tokens", f"{FOLDER}weights", f"{OTHER}a/b/c/d", f"{OTHER}code.tar.gz"]


@pytest.fixture
def verified(fake_s3: FakeS3) -> VerifiedCopies:
    for number, key in enumerate(KEYS):
        fake_s3.put(BUCKET, key, number)
    return write(fake_s3)


def write(fake_s3: FakeS3, keys: Sequence[str] = KEYS) -> VerifiedCopies:
    copies = [
        S3Object(bucket=BUCKET, key=key, etag=stored.etag, size=stored.size, version_id=stored.version, checksum="A:B")
        for key, stored in ((key, fake_s3.objects[BUCKET, key]) for key in keys)
    ]
    return verified_copies.write(map(verified_copies.to_list, copies), BUCKET, HUB, s3=fake_s3.client)


def check(fake_s3: FakeS3, verified: VerifiedCopies, *, may_be_missing: bool = False) -> None:
    verified_copies.require_unchanged(
        verified, QA.account, HUB, hub_s3=fake_s3.client, s3=fake_s3.client, may_be_missing=may_be_missing
    )


def test_the_list_has_each_copy_with_version_size_and_checksum(fake_s3: FakeS3, verified: VerifiedCopies) -> None:
    copies = verified_copies.read(verified, HUB, s3=fake_s3.client)
    assert copies == [
        VerifiedCopy(key=key, version_id=stored.version, size=stored.size, checksum="A:B")
        for key, stored in ((key, fake_s3.objects[BUCKET, key]) for key in sorted(KEYS))
    ]
    assert (verified.bucket, verified.objects) == (BUCKET, len(KEYS))


def test_the_same_copies_have_one_list_whatever_their_order(fake_s3: FakeS3, verified: VerifiedCopies) -> None:
    assert write(fake_s3, KEYS[::-1]) == verified
    assert fake_s3.keys(HUB.bucket) == [verified_list(verified.sha256)]


def test_copies_that_are_as_they_were_verified_pass(fake_s3: FakeS3, verified: VerifiedCopies) -> None:
    check(fake_s3, verified)
    check(fake_s3, verified, may_be_missing=True)


def replace_object(fake_s3: FakeS3) -> None:
    """The same content again is another version as well."""
    fake_s3.put(BUCKET, KEYS[0], 0)


CHANGES: dict[str, tuple[Callable[[FakeS3], object], str]] = {
    "replaced": (replace_object, "is its version 7, the verified one is"),
    "deleted": (
        lambda fake_s3: fake_s3.delete(BUCKET, f"{FOLDER}weights"),
        "weights was deleted, the verified version",
    ),
    "added": (
        lambda fake_s3: fake_s3.put(BUCKET, f"{OTHER}code/inference.py"),
        "inference.py is not part of the model",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_refused_by_its_name(fake_s3: FakeS3, verified: VerifiedCopies, change: str) -> None:
    act, message = CHANGES[change]
    act(fake_s3)
    with pytest.raises(ArtifactMismatch, match=f"s3://{BUCKET}/artifacts/.*{message}"):
        check(fake_s3, verified)


@pytest.mark.parametrize("change", CHANGES)
def test_only_a_missing_copy_is_accepted_where_it_will_be_copied_again(
    fake_s3: FakeS3, verified: VerifiedCopies, change: str
) -> None:
    CHANGES[change][0](fake_s3)
    if change == "deleted":
        check(fake_s3, verified, may_be_missing=True)
    else:
        with pytest.raises(ArtifactMismatch):
            check(fake_s3, verified, may_be_missing=True)


def test_ten_of_many_changes_are_named_and_the_others_counted(fake_s3: FakeS3, verified: VerifiedCopies) -> None:
    for number in range(12):
        fake_s3.put(BUCKET, f"{FOLDER}more-{number}")
    with pytest.raises(ArtifactMismatch) as refused:
        check(fake_s3, verified)
    assert (str(refused.value).count("is not part of the model"), "; and 2 more." in str(refused.value)) == (10, True)


def test_a_list_that_was_changed_says_nothing(fake_s3: FakeS3, verified: VerifiedCopies) -> None:
    place = HUB.bucket, verified_list(verified.sha256)
    fake_s3.objects[place] = replace(fake_s3.objects[place], body=b"")
    with pytest.raises(ArtifactMismatch, match=f"s3://{HUB.bucket}/verified/.* is not the list"):
        check(fake_s3, verified)


def test_a_copy_without_a_version_could_be_replaced_unnoticed() -> None:
    copy = S3Object(bucket=BUCKET, key=KEYS[0], etag='"1"', size=1)
    with pytest.raises(ArtifactMismatch, match="versioning of the target's bucket is suspended"):
        verified_copies.to_list(copy)


def test_a_model_without_artifacts_has_an_empty_list(fake_s3: FakeS3) -> None:
    verified = verified_copies.write([], BUCKET, HUB, s3=fake_s3.client)
    check(fake_s3, verified)
    assert verified.objects == 0
