"""The sessions for one image: reading it in the source, pushing it to the target."""

from __future__ import annotations

from lambdas.promotion.aws.scoped_sessions import scoped_session
from lambdas.promotion.aws.sessions import Account
from lambdas.promotion.contract.document import ImageCopy, Promotion
from lambdas.promotion.contract.resource_names import Duty
from lambdas.promotion.images import references


def as_image_reader(promotion: Promotion, image: ImageCopy) -> Account:
    """Fetch one image in the source."""
    return scoped_session(
        promotion,
        promotion.source,
        Duty.READER,
        (["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], [references.parse(image.source).repository_arn]),
    )


def as_pusher(promotion: Promotion, image: ImageCopy) -> Account:
    """Write into one repository of the target's registry."""
    return scoped_session(
        promotion, promotion.target, Duty.PUSHER, (["ecr:*"], [references.parse(image.target).repository_arn])
    )
