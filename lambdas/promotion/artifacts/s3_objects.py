"""S3 objects: what exists at an S3 URI, and whether it is still what was resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from botocore.exceptions import ClientError

from lambdas.promotion.artifacts import customer_encryption
from lambdas.promotion.aws import error_codes
from lambdas.promotion.contract.document import S3Object
from lambdas.promotion.contract.errors import ArtifactChanged, ArtifactNotFound

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef, ObjectTypeDef

# HeadObject's fields for full-object checksums, the strongest algorithm first.
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
# The metadata of an object that S3 does not copy by itself when the object is copied by parts.
_METADATA = (
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
    """An object as HeadObject returns it; `metadata` are the fields of CreateMultipartUpload that keep its metadata."""

    object: S3Object
    metadata: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ListedObject:
    """An object in a list; `algorithm` is that of its full-object checksum, if it has one."""

    object: S3Object
    algorithm: str | None


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of an s3:// URI."""
    parts = urlparse(uri, allow_fragments=False)
    return parts.netloc, uri[len(f"s3://{parts.netloc}/") :]


def find(uri: str, *, owner: str, s3: S3Client) -> S3Object | None:
    """Return the object as it is now: version, size, ETag and full-object checksum; None if it does not exist.

    `owner` is the account that must own the bucket.
    """
    bucket, key = split_uri(uri)
    observed = head(bucket, key, owner=owner, s3=s3)
    return observed.object if observed else None


def head(bucket: str, key: str, *, owner: str, s3: S3Client, **conditions: Any) -> ObservedObject | None:
    """Return the object with its metadata, or None if it does not exist. Raises UnsupportedModel (SSE-C)."""
    request = {"Bucket": bucket, "Key": key, "ChecksumMode": "ENABLED", "ExpectedBucketOwner": owner, **conditions}
    try:
        response = s3.head_object(**request)
    except ClientError as error:
        if error_codes.code_of(error) in error_codes.S3_MISSING_OBJECT:
            return None
        customer_encryption.require_readable(request, error, s3=s3)
        raise
    metadata = {name: response[name] for name in _METADATA if response.get(name)}  # type: ignore[literal-required]
    observed = S3Object(
        bucket=bucket,
        key=key,
        etag=response["ETag"],
        size=response["ContentLength"],
        version_id=_version_of(response),
        checksum=_checksum_of(response),
    )
    return ObservedObject(object=observed, metadata=metadata)


def listed(bucket: str, prefix: str, *, owner: str, s3: S3Client) -> Iterator[S3Object]:
    """Yield every object below a prefix, in S3's order; without version and checksum, which a list does not have."""
    return (item.object for item in listed_with_algorithms(bucket, prefix, owner=owner, s3=s3))


def listed_with_algorithms(
    bucket: str, prefix: str, *, owner: str, after: str | None = None, s3: S3Client
) -> Iterator[ListedObject]:
    """Yield the same objects, each with the algorithm of its full-object checksum, which a list does have.

    `after`: only those whose keys follow this one.
    """
    start: Any = {"StartAfter": after} if after else {}
    paginator = s3.get_paginator("list_objects_v2")
    pages = paginator.paginate(Bucket=bucket, Prefix=prefix, ExpectedBucketOwner=owner, **start)
    for page in pages:
        for item in page.get("Contents", []):
            listed_object = S3Object(bucket=bucket, key=item["Key"], etag=item["ETag"], size=item["Size"])
            yield ListedObject(object=listed_object, algorithm=_algorithm_of(item))


def head_again(resolved: S3Object, *, owner: str, s3: S3Client) -> ObservedObject:
    """Return the object that was resolved, with what only HeadObject returns.

    Raises ArtifactChanged, ArtifactNotFound, UnsupportedModel (SSE-C).
    """
    versioned = {"VersionId": resolved.version_id} if resolved.version_id else {}
    try:
        observed = head(resolved.bucket, resolved.key, owner=owner, s3=s3, IfMatch=resolved.etag, **versioned)
    except ClientError as error:
        if error_codes.code_of(error) not in error_codes.S3_PRECONDITION_FAILED:
            raise
        observed = head(resolved.bucket, resolved.key, owner=owner, s3=s3)
        raise changed(resolved, observed.object if observed else None) from error
    if observed is None:
        raise gone(resolved)
    return observed


def read(item: S3Object, *, owner: str, s3: S3Client) -> bytes:
    """Return a small object's content.

    Raises ArtifactChanged if it changed since it was listed, ArtifactNotFound, UnsupportedModel (SSE-C).
    """
    try:
        response = s3.get_object(Bucket=item.bucket, Key=item.key, IfMatch=item.etag, ExpectedBucketOwner=owner)
    except ClientError as error:
        if error_codes.code_of(error) in error_codes.S3_PRECONDITION_FAILED:
            raise changed(item, find(item.uri, owner=owner, s3=s3)) from error
        if error_codes.code_of(error) in error_codes.S3_MISSING_OBJECT:
            raise gone(item) from error
        if customer_encryption.is_reason(error):
            raise customer_encryption.refusal(item.uri) from error
        raise
    return response["Body"].read()


def require_unchanged(resolved: S3Object, *, owner: str, s3: S3Client) -> None:
    """Raise ArtifactChanged if the content is not what was resolved (a version never changes), or UnsupportedModel."""
    if resolved.version_id:
        return
    observed = find(resolved.uri, owner=owner, s3=s3)
    if observed is None or observed.etag != resolved.etag:
        raise changed(resolved, observed)


def changed(resolved: S3Object, observed: S3Object | None) -> ArtifactChanged:
    return ArtifactChanged(
        f"{resolved.uri} changed after the promotion resolved it (its ETag was {resolved.etag}, now it is "
        f"{observed.etag if observed else 'gone'}). Nothing was deployed. Register the model again and promote that."
    )


def gone(resolved: S3Object) -> ArtifactNotFound:
    return ArtifactNotFound(
        f"{resolved.uri} was deleted after the promotion resolved it. Nothing was deployed. Register the model again."
    )


def _version_of(head: HeadObjectOutputTypeDef) -> str | None:
    version = head.get("VersionId")
    return None if version in {None, "null"} else version


def _checksum_of(head: HeadObjectOutputTypeDef) -> str | None:
    return checksum_of_whole(head)


def _is_of_whole(described: Mapping[str, Any]) -> bool:
    """Whether the checksum is of the whole object. One of another type cannot verify a copy.

    COMPOSITE depends on the sizes of the parts (API: ChecksumType).
    """
    return bool(described.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT")


def _algorithm_of(item: ObjectTypeDef) -> str | None:
    algorithms = set(item.get("ChecksumAlgorithm", ())) if _is_of_whole(item) else set()
    ranked = (field.removeprefix("Checksum") for field in _CHECKSUMS)
    return next((algorithm for algorithm in ranked if algorithm in algorithms), None)


def checksum_of_whole(response: Mapping[str, Any]) -> str | None:
    """Return the full-object checksum in a response of S3, as `checksum_in`, or None."""
    return checksum_in(response) if _is_of_whole(response) else None


def checksum_in(response: Mapping[str, Any]) -> str | None:
    """Return "<algorithm>:<base64>" of the strongest checksum in a response of S3."""
    for field in _CHECKSUMS:
        if response.get(field):
            return f"{field.removeprefix('Checksum')}:{response[field]}"
    return None
