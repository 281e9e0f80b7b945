"""Register the suspended scalable targets of the endpoint again, and those that the stage configures."""

from __future__ import annotations

from typing import Any

from lambdas.promotion.aws.logs import log_about, logger
from lambdas.promotion.contract.step_events import ResumeScalingEvent, from_event
from lambdas.promotion.runtime.handler import Event, errors_by_name, hub_s3
from lambdas.promotion.scaling import restore as scaling_restore


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """Register what the stage configures after a success, and only what was suspended after a failure.

    The answer is the document.
    """
    resumption = from_event(event, ResumeScalingEvent)
    promotion = resumption.promotion
    log_about(promotion)
    registered = scaling_restore.resume(promotion, succeeded=resumption.failed is None, hub=hub_s3())
    logger.info("Scaling resumed", extra={"targets": registered})
    return promotion.to_json()
