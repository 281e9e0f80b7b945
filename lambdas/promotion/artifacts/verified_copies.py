"""The copies of a model as the target verified them: their list, and whether they still are what it says.

An object's version never has other content (AWS: S3, "How S3 Versioning works"), so the version ids of the verified
copies are enough to tell later that SageMaker would load the same; their checksums are listed for a person. SageMaker
loads whatever is below a prefix, so nothing else may be there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import S3Object, VerifiedCopies, VerifiedCopy, from_line, to_line
from lambdas.promotion.contract.errors import ArtifactMismatch
from lambdas.promotion.contract.settings import Hub

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MOST_REPORTED = 10


def write(copies: Iterable[VerifiedCopy], bucket: str, hub: Hub, *, s3: S3Client) -> VerifiedCopies:
    """Store the list of the copies in the hub's bucket, and return what the document says of it."""
    listed = sorted(copies, key=lambda copy: copy.key)
    body = b"".join(to_line(copy) for copy in listed)
    verified = VerifiedCopies(bucket=bucket, objects=len(listed), sha256=hashlib.sha256(body).hexdigest())
    key = resource_names.verified_list(verified.sha256)
    s3.put_object(Bucket=hub.bucket, Key=key, Body=body, ExpectedBucketOwner=hub.account)
    return verified


def to_list(copy: S3Object) -> VerifiedCopy:
    """Return what is listed of a copy.

    Raises ArtifactMismatch if it has no version: nothing could tell later that it is still the same.
    """
    if copy.version_id is None:
        raise ArtifactMismatch(
            f"{copy.uri} has no version: the versioning of the target's bucket is suspended, so a copy could be "
            "replaced unnoticed. Nothing was deployed. Enable it, delete the object, then promote again."
        )
    return VerifiedCopy(key=copy.key, version_id=copy.version_id, size=copy.size, checksum=copy.checksum)


def read(verified: VerifiedCopies, hub: Hub, *, s3: S3Client) -> list[VerifiedCopy]:
    """Return the copies in the list. Raises ArtifactMismatch if the list is not the one that was written."""
    key = resource_names.verified_list(verified.sha256)
    body = s3.get_object(Bucket=hub.bucket, Key=key, ExpectedBucketOwner=hub.account)["Body"].read()
    digest = hashlib.sha256(body).hexdigest()
    if digest != verified.sha256:
        raise ArtifactMismatch(
            f"s3://{hub.bucket}/{key} is not the list of verified copies that was written: its SHA-256 is {digest}. "
            "Another principal changed it. Promote the model by its name."
        )
    return [from_line(line, VerifiedCopy) for line in body.splitlines()]


def current_versions(copies: Iterable[VerifiedCopy], bucket: str, *, owner: str, s3: S3Client) -> dict[str, str]:
    """Return the version of each object that SageMaker would load now from the folders of the copies, by its key."""
    versions: dict[str, str] = {}
    for folder in dict.fromkeys(resource_names.artifact_folder(copy.key) for copy in copies):
        pages = s3.get_paginator("list_object_versions").paginate(
            Bucket=bucket, Prefix=folder, ExpectedBucketOwner=owner
        )
        for page in pages:
            versions |= {item["Key"]: item["VersionId"] for item in page.get("Versions", []) if item["IsLatest"]}
    return versions


def differences(
    copies: Sequence[VerifiedCopy], current: Mapping[str, str], bucket: str, *, may_be_missing: bool = False
) -> list[str]:
    """Return what is not as it was verified, each as text. `may_be_missing`: what is missing will be copied again."""
    expected = {copy.key: copy.version_id for copy in copies}
    replaced = [
        f"s3://{bucket}/{key} is its version {current[key]}, the verified one is {version}"
        for key, version in expected.items()
        if key in current and current[key] != version
    ]
    missing = [
        f"s3://{bucket}/{key} was deleted, the verified version is {version}"
        for key, version in expected.items()
        if key not in current and not may_be_missing
    ]
    return [
        *replaced,
        *missing,
        *(f"s3://{bucket}/{key} is not part of the model" for key in current.keys() - expected),
    ]


def changes(
    verified: VerifiedCopies, owner: str, hub: Hub, *, hub_s3: S3Client, s3: S3Client, may_be_missing: bool = False
) -> list[str]:
    """Return what is not as its list says, each as text. `owner`: the account of the copies' bucket.

    Raises ArtifactMismatch if the list is not the one that was written.
    """
    copies = read(verified, hub, s3=hub_s3)
    current = current_versions(copies, verified.bucket, owner=owner, s3=s3)
    return differences(copies, current, verified.bucket, may_be_missing=may_be_missing)


def require_unchanged(
    verified: VerifiedCopies, owner: str, hub: Hub, *, hub_s3: S3Client, s3: S3Client, may_be_missing: bool = False
) -> None:
    """Compare the copies with their list, as `changes` does. Raises ArtifactMismatch."""
    different = changes(verified, owner, hub, hub_s3=hub_s3, s3=s3, may_be_missing=may_be_missing)
    if different:
        more = f"; and {len(different) - _MOST_REPORTED} more" if len(different) > _MOST_REPORTED else ""
        raise ArtifactMismatch(
            f"The copies of the model changed after they were verified: {'; '.join(different[:_MOST_REPORTED])}{more}. "
            "Another principal changed them. Delete what is new in the target's bucket, so that the verified versions "
            "are the current ones again; or delete the objects, then promote the model by its name."
        )
