"""Every image that the target's model will use is asked for by the target, before anything is created there."""

from __future__ import annotations

from lambdas.promotion import duties, images, registries
from lambdas.promotion.document import Promotion
from lambdas.promotion.step import step


@step
def handler(promotion: Promotion) -> Promotion:
    named = images.named_in(promotion.wanted_model.request)
    to_come = {image.target for image in promotion.images}
    registries.require_usable(
        [image for image in named if image not in to_come], promotion.target, account=duties.as_deployer(promotion)
    )
    return promotion
