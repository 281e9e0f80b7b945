"""The source's S3: what lies at an address, and whether it is still what was resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from botocore.exceptions import ClientError

from lambdas.promotion.aws import error_codes
from lambdas.promotion.contract.document import S3Object
from lambdas.promotion.contract.errors import ArtifactChanged, ArtifactNotFound

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

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
# What S3 keeps about an object beside its content and does not take over by itself when it is copied by parts.
_KEPT = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "Metadata",
)


@dataclass(frozen=True, kw_only=True)
class ObservedObject:
    """An object as HeadObject shows it; `kept` are the members of CreateMultipartUpload that keep its metadata."""

    object: S3Object
    metadata: dict[str, Any]


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of an s3:// address."""
    parts = urlparse(uri, allow_fragments=False)
    return parts.netloc, uri[len(f"s3://{parts.netloc}/") :]


def find(uri: str, *, owner: str, s3: S3Client) -> S3Object | None:
    """Return the object as it is now: version, size, ETag and full-object checksum; None if there is none.

    `owner` is the account that must own the bucket.
    """
    bucket, key = split_uri(uri)
    seen = head(bucket, key, owner=owner, s3=s3)
    return seen.object if seen else None


def head(bucket: str, key: str, *, owner: str, s3: S3Client, **conditions: Any) -> ObservedObject | None:
    """Return the object with its metadata, or None if there is none."""
    try:
        head = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED", ExpectedBucketOwner=owner, **conditions)
    except ClientError as error:
        if error_codes.code_of(error) in error_codes.S3_MISSING_OBJECT:
            return None
        raise
    kept = {name: head[name] for name in _KEPT if head.get(name)}  # type: ignore[literal-required]
    found = S3Object(
        bucket=bucket,
        key=key,
        etag=head["ETag"],
        size=head["ContentLength"],
        version_id=_version_of(head),
        checksum=_checksum_of(head),
    )
    return ObservedObject(object=found, metadata=kept)


def listed(bucket: str, prefix: str, *, owner: str, s3: S3Client) -> Iterator[S3Object]:
    """Yield every object below a prefix, in S3's order; without version and checksum, which a list does not tell."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, ExpectedBucketOwner=owner)
    for page in pages:
        for one in page.get("Contents", []):
            yield S3Object(bucket=bucket, key=one["Key"], etag=one["ETag"], size=one["Size"])


def head_again(resolved: S3Object, *, owner: str, s3: S3Client) -> ObservedObject:
    """Return the object that was resolved, with what only HeadObject tells. Raises ArtifactChanged."""
    versioned = {"VersionId": resolved.version_id} if resolved.version_id else {}
    try:
        seen = head(resolved.bucket, resolved.key, owner=owner, s3=s3, IfMatch=resolved.etag, **versioned)
    except ClientError as error:
        if error_codes.code_of(error) not in error_codes.S3_PRECONDITION_FAILED:
            raise
        seen = head(resolved.bucket, resolved.key, owner=owner, s3=s3)
        raise changed(resolved, seen.object if seen else None) from error
    if seen is None:
        raise gone(resolved)
    return seen


def read(found: S3Object, *, owner: str, s3: S3Client) -> bytes:
    """Return a small object's content. Raises ArtifactChanged if it is another than was found."""
    try:
        answer = s3.get_object(Bucket=found.bucket, Key=found.key, IfMatch=found.etag, ExpectedBucketOwner=owner)
    except ClientError as error:
        if error_codes.code_of(error) in error_codes.S3_PRECONDITION_FAILED:
            raise changed(found, find(found.uri, owner=owner, s3=s3)) from error
        if error_codes.code_of(error) in error_codes.S3_MISSING_OBJECT:
            raise gone(found) from error
        raise
    return answer["Body"].read()


def require_unchanged(resolved: S3Object, *, owner: str, s3: S3Client) -> None:
    """Raise ArtifactChanged if the source's content is not what was resolved. A version never changes."""
    if resolved.version_id:
        return
    found = find(resolved.uri, owner=owner, s3=s3)
    if found is None or found.etag != resolved.etag:
        raise changed(resolved, found)


def changed(resolved: S3Object, found: S3Object | None) -> ArtifactChanged:
    return ArtifactChanged(
        f"{resolved.uri} changed after the promotion resolved it (its ETag was {resolved.etag}, now it is "
        f"{found.etag if found else 'gone'}). Nothing was deployed. Register the model again and promote that."
    )


def gone(resolved: S3Object) -> ArtifactNotFound:
    return ArtifactNotFound(
        f"{resolved.uri} was deleted after the promotion resolved it. Nothing was deployed. Register the model again."
    )


def _version_of(head: HeadObjectOutputTypeDef) -> str | None:
    version = head.get("VersionId")
    return None if version in {None, "null"} else version


def _checksum_of(head: HeadObjectOutputTypeDef) -> str | None:
    if head.get("ChecksumType") == "COMPOSITE":
        return None  # depends on how the parts were cut, so it says nothing about a copy
    return checksum_in(head)


def checksum_in(answer: Mapping[str, Any]) -> str | None:
    """Return "<algorithm>:<base64>" of the strongest checksum in an answer of S3."""
    for member in _CHECKSUMS:
        if answer.get(member):
            return f"{member.removeprefix('Checksum')}:{answer[member]}"
    return None
