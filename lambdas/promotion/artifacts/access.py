"""The sessions of the copy's two legs: the copier's in the source, the receiver's in the target. And the auditor's."""

from __future__ import annotations

from collections.abc import Sequence

from lambdas.promotion.artifacts import incoming
from lambdas.promotion.aws import sessions
from lambdas.promotion.aws.scoped_sessions import bucket_arns, object_arns, scoped_session, session_policy
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Artifact, Leg, Promotion
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import Environment


def leg_session(promotion: Promotion, artifacts: Sequence[Artifact]) -> RoleSession:
    """Return the session that copies in the promotion's leg; in the first one narrowed to these objects."""
    return copier_session(promotion, artifacts) if promotion.leg is Leg.BRING else receiver_session(promotion)


def copier_session(promotion: Promotion, artifacts: Sequence[Artifact]) -> RoleSession:
    """Read these objects in the source and write them below the target's incoming prefix."""
    read = object_arns((artifact.source.bucket, artifact.source.key) for artifact in artifacts)
    written = object_arns(
        (promotion.target.artifact_bucket, incoming.brought(artifact, promotion).key) for artifact in artifacts
    )
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


def receiver_session(promotion: Promotion) -> RoleSession:
    """Read what arrived for this stage from its source, and write its artifacts."""
    bucket = promotion.target.artifact_bucket
    return scoped_session(
        promotion,
        promotion.target,
        Role.RECEIVER,
        (["s3:GetObject*", "s3:ListObjectAnnotations"], [f"arn:aws:s3:::{bucket}/{promotion.incoming_prefix}*"]),
        (["s3:ListBucket"], bucket_arns({bucket})),
        (["s3:PutObject*", "s3:ListMultipartUploadParts"], [f"arn:aws:s3:::{bucket}/{promotion.artifact_prefix}*"]),
        (["kms:Decrypt", "kms:GenerateDataKey"], ["*"]),
    )


def auditor_session(target: Environment, *, external_id: str | None) -> RoleSession:
    """List the versions in the target's bucket, for no promotion."""
    return sessions.assume(
        target.role_arn(Role.AUDITOR),
        region=target.region,
        session_name="audit",
        external_id=external_id,
        policy=session_policy((["s3:ListBucketVersions"], bucket_arns({target.artifact_bucket}))),
    )
