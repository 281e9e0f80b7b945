"""The copier's session: these objects in the source, and their copies in the target."""

from __future__ import annotations

from collections.abc import Sequence

from lambdas.promotion.aws.scoped_sessions import bucket_arns, object_arns, scoped_session
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Artifact, Promotion
from lambdas.promotion.contract.roles import Role


def copier_session(promotion: Promotion, artifacts: Sequence[Artifact]) -> RoleSession:
    """Read these objects in the source and write their copies in the target, or all that share their keys' prefix."""
    read = object_arns((artifact.source.bucket, artifact.source.key) for artifact in artifacts)
    written = object_arns((promotion.target.artifact_bucket, artifact.key) for artifact in artifacts)
    return scoped_session(
        promotion,
        promotion.source,
        Role.COPIER,
        (["s3:GetObject*", "s3:ListObjectAnnotations"], read),
        (["s3:ListBucket"], bucket_arns({artifact.source.bucket for artifact in artifacts})),
        (["s3:PutObject*", "s3:ListMultipartUploadParts"], written),
        (["kms:Decrypt", "kms:GenerateDataKey"], ["*"]),
        region=promotion.target.region,
    )
