"""Server-side copies in S3, one request a function. No byte of a model passes through the Lambda function.

Every request names the accounts that must own both buckets, and copies only what was resolved (VersionId and
CopySourceIfMatch). Each request that creates an object in the target has If-None-Match, so nothing is overwritten.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from botocore.exceptions import ClientError

from lambdas.promotion.artifacts import customer_encryption, partitioning, s3_objects
from lambdas.promotion.aws import error_codes
from lambdas.promotion.aws.error_codes import code_of
from lambdas.promotion.contract.document import Artifact, CopyRoute, S3Object, Transfer, sha256
from lambdas.promotion.contract.errors import CallRefused, NotYetVisible, UnsupportedModel

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

# The algorithm for a copy whose source has no full-object checksum: S3 computes it.
_COMPUTED = "CRC64NVME"


def head_source(artifact: Artifact, route: CopyRoute, *, s3: S3Client) -> s3_objects.ObservedObject:
    """Return the artifact's source with version, checksum and metadata. Raises as `s3_objects.head_again`."""
    if artifact.text is not None:
        return s3_objects.ObservedObject(object=artifact.source, metadata={})
    return s3_objects.head_again(artifact.source, owner=route.source.account, s3=s3)


def copy_whole(artifact: Artifact, route: CopyRoute, *, s3: S3Client) -> bool:
    """Copy one object by one request; return False if the copy already exists.

    Metadata is kept; tags and annotations require permissions of their own on both sides, so they are copied only if
    configured
    (API: CopyObject, TaggingDirective and AnnotationDirective). The copy has the source's checksum, or one that S3
    computes.

    Raises ArtifactChanged, and as `refusal`.
    """
    if artifact.text is not None:
        return _put_text(artifact, artifact.text, route, s3=s3)
    return _copy(artifact, route, s3=s3) is not None


def make_whole(artifact: Artifact, route: CopyRoute, *, s3: S3Client) -> S3Object | None:
    """Do the same, and return the version that this request has made, as S3 reports it.

    Return None if the copy already exists, or if S3 reports no version or checksum of it.
    """
    response = _copy(artifact, route, s3=s3) or {}
    return made_by({**response.get("CopyObjectResult", {}), "VersionId": response.get("VersionId")}, artifact, route)


def made_by(response: Mapping[str, Any], artifact: Artifact, route: CopyRoute) -> S3Object | None:
    """Return the version of the copy that S3 reports to have made, None if it reports no version or checksum."""
    version, checksum = response.get("VersionId"), s3_objects.checksum_of_whole(response)
    if version in {None, "null"} or checksum is None:
        return None
    return S3Object(
        bucket=route.target.artifact_bucket,
        key=artifact.key,
        etag=response["ETag"],
        size=artifact.source.size,  # S3 copies a version whole, and compares the size of what is made of parts
        version_id=version,
        checksum=checksum,
    )


def _copy(artifact: Artifact, route: CopyRoute, *, s3: S3Client) -> Mapping[str, Any] | None:
    source = artifact.source
    try:
        return s3.copy_object(
            CopySource=_copy_source(source),
            Bucket=route.target.artifact_bucket,
            Key=artifact.key,
            CopySourceIfMatch=source.etag,
            IfNoneMatch="*",
            MetadataDirective="COPY",
            TaggingDirective="COPY" if route.tags else "REPLACE",
            AnnotationDirective="COPY" if route.annotations else "EXCLUDE",
            ChecksumAlgorithm=algorithm(source),  # type: ignore[arg-type]
            ExpectedBucketOwner=route.target.account,
            ExpectedSourceBucketOwner=route.source.account,
        )
    except ClientError as error:
        if code_of(error) in error_codes.S3_PRECONDITION_FAILED:
            # One of the two conditions failed: if the source is unchanged, the object already exists in the target.
            s3_objects.require_unchanged(source, owner=route.source.account, s3=s3)
            return None
        raise refusal(artifact, route, error) from error


def require_no_annotations(artifact: Artifact, route: CopyRoute, *, s3: S3Client) -> None:
    """Raise UnsupportedModel if an object that is copied by parts has annotations: S3 copies none with parts."""
    source = _versioned(artifact.source)
    response = s3.list_object_annotations(**source, MaxAnnotationResults=1, ExpectedBucketOwner=route.source.account)
    if response.get("Annotations"):
        raise UnsupportedModel(
            f"{artifact.source.uri} has annotations and is larger than the 5 GB that S3 copies whole, so they cannot "
            "be copied. Nothing was created. Remove them, or set copy_annotations to false for the application."
        )


def open_upload(artifact: Artifact, metadata: Mapping[str, Any], route: CopyRoute, *, s3: S3Client) -> str:
    """Open the multipart upload of an object and return its id. `metadata`: ObservedObject.metadata of the source."""
    try:
        response = s3.create_multipart_upload(
            Bucket=route.target.artifact_bucket,
            Key=artifact.key,
            ChecksumAlgorithm=algorithm(artifact.source),  # type: ignore[arg-type]
            ChecksumType="FULL_OBJECT",
            ExpectedBucketOwner=route.target.account,
            **(_tagging(artifact.source, route, s3=s3) if route.tags else {}),
            **metadata,
        )
    except ClientError as error:
        raise refusal(artifact, route, error) from error
    return response["UploadId"]


def _tagging(source: S3Object, route: CopyRoute, *, s3: S3Client) -> dict[str, Any]:
    response = s3.get_object_tagging(**_versioned(source), ExpectedBucketOwner=route.source.account)
    tags = {tag["Key"]: tag["Value"] for tag in response["TagSet"]}
    return {"Tagging": urlencode(tags, quote_via=quote, safe="")} if tags else {}


def copy_part(transfer: Transfer, part: int, route: CopyRoute, *, s3: S3Client) -> int:
    """Copy one part and return its bytes: 0 if the upload no longer exists. An existing part is replaced by the same.

    Another promotion of the same model aborts the uploads to its folders when it has verified them, and an approval
    may start two. So nothing is left to do here: the verification checks that the object exists.
    """
    first, last = partitioning.span(transfer, part)
    return 0 if write_part(transfer, part, route, s3=s3) is None else last - first + 1


def write_part(transfer: Transfer, part: int, route: CopyRoute, *, s3: S3Client) -> Mapping[str, Any] | None:
    """Copy one part and return it as CompleteMultipartUpload takes it, None if the upload no longer exists."""
    first, last = partitioning.span(transfer, part)
    copied = copy_range(transfer.artifact, f"bytes={first}-{last}", upload_of(transfer, route), part, route, s3=s3)
    return None if copied is None else {**copied, "PartNumber": part}


def copy_range(
    artifact: Artifact, span: str | None, upload: Mapping[str, Any], part: int, route: CopyRoute, *, s3: S3Client
) -> Mapping[str, Any] | None:
    """Copy a range of the source, or all of it, as a part of an upload.

    Return S3's CopyPartResult, None if the upload no longer exists. Raises ArtifactChanged, and as `refusal`.
    """
    try:
        response = s3.upload_part_copy(
            CopySource=_copy_source(artifact.source),
            **({"CopySourceRange": span} if span else {}),  # type: ignore[arg-type]
            CopySourceIfMatch=artifact.source.etag,
            PartNumber=part,
            **upload,
            ExpectedSourceBucketOwner=route.source.account,
        )
    except ClientError as error:
        if code_of(error) in error_codes.S3_PRECONDITION_FAILED:
            observed = s3_objects.find(artifact.source.uri, owner=route.source.account, s3=s3)
            raise s3_objects.changed(artifact.source, observed) from error
        if code_of(error) == error_codes.S3_NO_SUCH_UPLOAD:
            return None
        raise refusal(artifact, route, error) from error
    return response.get("CopyPartResult", {})


def existing_parts(transfer: Transfer, route: CopyRoute, *, first: int, last: int, s3: S3Client) -> set[int]:
    """Return which parts from `first` to `last` need no copy: those of the upload, or all if it no longer exists."""
    existing: set[int] = set()
    try:
        for part in parts_of_plan(transfer, route, after=first - 1, s3=s3):
            if part["PartNumber"] > last:
                break
            existing.add(part["PartNumber"])
    except ClientError as error:
        if code_of(error) == error_codes.S3_NO_SUCH_UPLOAD:
            return set(range(first, last + 1))
        raise refusal(transfer.artifact, route, error) from error
    return existing


def parts_of_plan(transfer: Transfer, route: CopyRoute, *, after: int, s3: S3Client) -> Iterator[Mapping[str, Any]]:
    """Yield the listed parts after a number; not those that have another size than the plan's, or another number."""
    last = partitioning.parts(transfer)
    paginator: Any = s3.get_paginator("list_parts")
    for page in paginator.paginate(**upload_of(transfer, route), PartNumberMarker=after):
        for part in page.get("Parts", []):
            if part["PartNumber"] > last:
                return
            begin, end = partitioning.span(transfer, part["PartNumber"])
            if part["Size"] == end - begin + 1:
                yield part


def _put_text(artifact: Artifact, text: str, route: CopyRoute, *, s3: S3Client) -> bool:
    try:
        s3.put_object(
            Bucket=route.target.artifact_bucket,
            Key=artifact.key,
            Body=text.encode(),
            IfNoneMatch="*",
            ChecksumSHA256=sha256(text).partition(":")[2],
            ExpectedBucketOwner=route.target.account,
        )
    except ClientError as error:
        if code_of(error) in error_codes.S3_PRECONDITION_FAILED:
            return False
        raise refusal(artifact, route, error) from error
    return True


def algorithm(source: S3Object) -> str:
    return source.checksum.partition(":")[0] if source.checksum else _COMPUTED


def _copy_source(source: S3Object) -> CopySourceTypeDef:
    return _versioned(source)  # type: ignore[return-value]


def _versioned(source: S3Object) -> dict[str, Any]:
    parameters = {"Bucket": source.bucket, "Key": source.key}
    return {**parameters, "VersionId": source.version_id} if source.version_id else parameters


def upload_of(transfer: Transfer, route: CopyRoute) -> dict[str, Any]:
    return {
        "Bucket": route.target.artifact_bucket,
        "Key": transfer.artifact.key,
        "UploadId": transfer.upload_id,
        "ExpectedBucketOwner": route.target.account,
    }


def refusal(artifact: Artifact, route: CopyRoute, error: ClientError) -> Exception:
    """Return ArtifactNotFound, UnsupportedModel (SSE-C), NotYetVisible (another copy is in progress) or CallRefused."""
    code, target = code_of(error), uri_in_target(artifact, route)
    if _is_source_missing(artifact.source, error):
        return s3_objects.gone(artifact.source)
    if customer_encryption.is_reason(error):
        return customer_encryption.refusal(artifact.source.uri)
    if code in error_codes.S3_CONDITIONAL_CONFLICT:
        return NotYetVisible(f"Another copy to {target} is in progress; this one will be retried.")
    return CallRefused(f"S3 refused to copy {artifact.source.uri} to {target} ({error}).")


def _is_source_missing(source: S3Object, error: ClientError) -> bool:
    """Whether the source of a copy does not exist. A missing bucket may be either one: S3 names it (BucketName)."""
    if code_of(error) == error_codes.S3_NO_SUCH_BUCKET:
        return error.response["Error"].get("BucketName") == source.bucket
    return code_of(error) in error_codes.S3_MISSING_OBJECT


def uri_in_target(artifact: Artifact, route: CopyRoute) -> str:
    return f"s3://{route.target.artifact_bucket}/{artifact.key}"
