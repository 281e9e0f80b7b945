"""Let S3 compute a source's checksum with the algorithm that its copy has, where the two have different ones.

The same bytes put again with another algorithm keep their ETag, so the copy of the first is the copy of the second.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.promotion.artifacts import partitioning, s3_copy
from lambdas.promotion.contract.document import Artifact, CopyRoute
from lambdas.promotion.contract.errors import NotYetVisible

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def with_algorithm(artifact: Artifact, algorithm: str, route: CopyRoute, *, s3: S3Client) -> Artifact:
    """Return the artifact with the checksum of its source by `algorithm`, or with none if S3 does not compute it.

    The source becomes the only part of an upload that is never completed: the checksum of the only part is that of the
    object (API: UploadPartCopy, CopyPartResult; a part has at most 5 GB). The verification aborts the upload.

    Raises ArtifactChanged, NotYetVisible if the upload is aborted, and as `s3_copy.refusal`.
    """
    source = artifact.source
    if source.size > partitioning.LARGEST_COPY or not partitioning.has_readable_uploads(artifact.key):
        return replace(artifact, source=replace(source, checksum=None))
    upload: dict[str, Any] = {
        "Bucket": route.target.artifact_bucket,
        "Key": artifact.key,
        "ExpectedBucketOwner": route.target.account,
    }
    try:
        # Without ChecksumType: which type is possible depends on the algorithm, and one part has the same by each.
        opened = s3.create_multipart_upload(**upload, ChecksumAlgorithm=algorithm)  # type: ignore[arg-type]
    except ClientError as error:
        raise s3_copy.refusal(artifact, route, error) from error
    upload["UploadId"] = opened["UploadId"]
    copied = s3_copy.copy_range(artifact, None, upload, 1, route, s3=s3)
    if copied is None:
        raise NotYetVisible(
            f"Another promotion aborted the upload that computes the checksum of {source.uri}; it will be retried."
        )
    value = copied.get(f"Checksum{algorithm}")
    return replace(artifact, source=replace(source, checksum=f"{algorithm}:{value}" if value else None))
