"""Leave no multipart upload behind when a promotion fails or is stopped: parts that nobody completes are paid for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.promotion import arrivals, duties, inventory, lists, settings
from lambdas.promotion.document import Artifact, Promotion
from lambdas.promotion.step import Event, errors_by_name, log_about, logger, s3_of_hub


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """The event is {"promotion": the document}, or, of one that was stopped, {"execution": its ARN, "stopped_at"}.

    `stopped_at` is in milliseconds (AWS: Step Functions, EventBridge events). What was opened later belongs to another
    promotion of the same model: somebody stops one to start another, and an event may come late.
    """
    hub = s3_of_hub()
    if "promotion" in event:
        promotion: Promotion | None = Promotion.from_json(event["promotion"])
    else:
        promotion = lists.promotion_of(event["execution"], settings.deployed().hub, s3=hub)
    if promotion is None:
        return {"uploads": 0}  # it was stopped before it could open one
    log_about(promotion)
    artifacts = lists.read(lists.INVENTORY, Artifact, promotion, s3=hub)
    folders = inventory.folders(artifacts, promotion.artifact_prefix)
    stopped_at = event.get("stopped_at")
    aborted = arrivals.abort_uploads(
        folders,
        promotion.target,
        opened_by=datetime.fromtimestamp(stopped_at / 1000, UTC) if stopped_at else None,
        s3=duties.as_deployer(promotion).s3,
    )
    logger.info("Uploads aborted", extra={"uploads": aborted})
    return {"uploads": aborted}
