"""S3: what an artifact is at its source, copying it, and proving that it arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlparse

from botocore.exceptions import ClientError

from lambdas.promotion import rules
from lambdas.promotion.document import Artifact, S3Object
from lambdas.promotion.errors import ArtifactChanged, ArtifactNotFound, CallRefused, NotYetVisible
from lambdas.promotion.settings import Environment

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef, HeadObjectOutputTypeDef

# HeadObject's members for full-object checksums, the strongest proof of "the same bytes" first.
_CHECKSUMS = (
    "ChecksumSHA512",
    "ChecksumSHA256",
    "ChecksumSHA1",
    "ChecksumMD5",
    "ChecksumCRC64NVME",
    "ChecksumXXHASH128",
    "ChecksumXXHASH3",
    "ChecksumXXHASH64",
    "ChecksumCRC32C",
    "ChecksumCRC32",
)


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of an s3:// address."""
    parts = urlparse(uri, allow_fragments=False)
    return parts.netloc, uri[len(f"s3://{parts.netloc}/") :]


def resolve(uri: str, *, owner: str, s3: S3Client) -> S3Object:
    """Return the object that a model needs. Raises ArtifactNotFound; a missing right is AccessDenied."""
    found = find(uri, owner=owner, s3=s3)
    if found is None:
        raise ArtifactNotFound(
            f"The model needs {uri}, and account {owner} has no such object. Restore it or register the model again."
        )
    return found


def find(uri: str, *, owner: str, s3: S3Client) -> S3Object | None:
    """Return the object as it is now: version, size, ETag and full-object checksum; None if there is none.

    `owner` is the account that must own the bucket.
    """
    bucket, key = split_uri(uri)
    try:
        head = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED", ExpectedBucketOwner=owner)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}:
            return None
        raise
    return S3Object(
        bucket=bucket,
        key=key,
        etag=head["ETag"],
        size=head["ContentLength"],
        version_id=_version_of(head),
        checksum=_checksum_of(head),
    )


def arrived(artifact: Artifact, target: Environment, *, s3: S3Client) -> bool:
    """Say whether the copy is there. Raises ArtifactMismatch if it is not what was resolved."""
    found = find(artifact.uri, owner=target.account, s3=s3)
    if found is None:
        return False
    rules.require_arrived(artifact, found)
    return True


def copy(artifact: Artifact, *, source_owner: str, target_owner: str, s3: S3Client) -> bool:
    """Copy one object on S3's side; return False if it was there already.

    Nothing is overwritten (IfNoneMatch) and nothing but the resolved version is copied (VersionId, CopySourceIfMatch).
    Tags and annotations are not carried: each takes rights of its own on both sides (API: TaggingDirective,
    AnnotationDirective).

    Raises ArtifactChanged, or ArtifactNotFound if the source is gone.
    """
    source = artifact.source
    where: CopySourceTypeDef = {"Bucket": source.bucket, "Key": source.key}
    if source.version_id:
        where["VersionId"] = source.version_id
    try:
        s3.copy_object(
            CopySource=where,
            Bucket=artifact.bucket,
            Key=artifact.key,
            CopySourceIfMatch=source.etag,
            IfNoneMatch="*",
            MetadataDirective="COPY",
            TaggingDirective="REPLACE",
            AnnotationDirective="EXCLUDE",
            ExpectedBucketOwner=target_owner,
            ExpectedSourceBucketOwner=source_owner,
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "PreconditionFailed":
            # Either of the two conditions: if the source is what it was, the target has the object already.
            _require_unchanged(source, owner=source_owner, s3=s3)
            return False
        if code in {"NoSuchKey", "NoSuchVersion", "404"}:
            raise ArtifactNotFound(
                f"{source.uri} was deleted after the promotion resolved it. Register the model again."
            ) from error
        if code == "ConditionalRequestConflict":
            raise NotYetVisible(f"Another copy to {artifact.uri} is under way; this one is tried again.") from error
        raise CallRefused(f"S3 refused to copy {source.uri} to {artifact.uri} ({error}).") from error
    return True


def _require_unchanged(source: S3Object, *, owner: str, s3: S3Client) -> None:
    """Raise ArtifactChanged if the source's content is not what was resolved. A version never changes."""
    if source.version_id:
        return
    found = find(source.uri, owner=owner, s3=s3)
    if found is None or found.etag != source.etag:
        raise ArtifactChanged(
            f"{source.uri} changed after the promotion resolved it (its ETag was {source.etag}, now it is "
            f"{found.etag if found else 'gone'}). Nothing was deployed. Register the model again and promote that."
        )


def _version_of(head: HeadObjectOutputTypeDef) -> str | None:
    version = head.get("VersionId")
    return None if version in {None, "null"} else version


def _checksum_of(head: HeadObjectOutputTypeDef) -> str | None:
    if head.get("ChecksumType") == "COMPOSITE":
        return None  # depends on how the parts were cut, so it says nothing about a copy
    for member in _CHECKSUMS:
        if head.get(member):
            return f"{member.removeprefix('Checksum')}:{head[member]}"  # type: ignore[literal-required]
    return None
