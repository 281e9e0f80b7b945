"""Leave no multipart upload behind when a promotion fails: parts that nobody completes are paid for."""

from __future__ import annotations

from typing import Any

from lambdas.promotion import uploads
from lambdas.promotion.document import Promotion
from lambdas.promotion.step import Event, errors_by_name, log_about, logger


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """The event is {"promotion": the document}."""
    promotion = Promotion.from_json(event["promotion"])
    """The event is {"promotion": the document}, or, of one that was stopped, {"execution": its ARN, "stopped_at"}.

    `stopped_at` is in milliseconds (AWS: Step Functions, EventBridge events). What was opened later belongs to another
    promotion of the same model: somebody stops one to start another, and an event may come late.
    """
    hub = s3_of_hub()
    if "promotion" in event:
        promotion: Promotion | None = Promotion.from_json(event["promotion"])
    else:
        promotion = lists.promotion_of(event["execution"], settings.deployed().hub, s3=hub)
    if promotion is None or promotion.request.dry_run:
        return {"uploads": 0}  # it was stopped before it could open one, or opens none: those that are open are others'
    log_about(promotion)
    aborted = uploads.abort(promotion)
    logger.info("Uploads aborted", extra={"uploads": aborted})
    return {"uploads": aborted}
