"""Copy one private image into the target's registry, by its digest, unless it exists already."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lambdas.promotion.aws.logs import log_about
from lambdas.promotion.contract.step_events import CopyImageEvent, from_event
from lambdas.promotion.images import copy as image_copy
from lambdas.promotion.images.access import image_reader_session, pusher_session
from lambdas.promotion.runtime.handler import Event, errors_by_name


@errors_by_name
def handler(event: Event, context: Any) -> dict[str, Any]:
    """The answer is the image that was copied."""
    item = from_event(event, CopyImageEvent)
    promotion = item.promotion
    image = promotion.images[item.index]
    log_about(promotion, image=image.target)
    copied = image_copy.copy(
        image,
        reader=image_reader_session(promotion, image).ecr,
        pusher=pusher_session(promotion, image).ecr,
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    return replace(image, copied=copied).to_json()
