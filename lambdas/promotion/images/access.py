"""The scoped sessions for one image: reading it in the source, pushing it to the target."""

from __future__ import annotations

from lambdas.promotion.aws.scoped_sessions import scoped_session
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import ImageCopy, Promotion
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.images import references


def image_reader_session(promotion: Promotion, image: ImageCopy) -> RoleSession:
    """Read one image in the source."""
    return scoped_session(
        promotion,
        promotion.source,
        Role.READER,
        (["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], [references.parse(image.source).repository_arn]),
    )


def pusher_session(promotion: Promotion, image: ImageCopy) -> RoleSession:
    """Push to one repository of the target's image registry."""
    return scoped_session(
        promotion, promotion.target, Role.PUSHER, (["ecr:*"], [references.parse(image.target).repository_arn])
    )
