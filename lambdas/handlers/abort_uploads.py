"""Abort the multipart uploads of a promotion that failed: parts that are never completed cost money."""

from __future__ import annotations

from typing import Any

from lambdas.promotion.artifacts import upload_cleanup
from lambdas.promotion.aws.logs import log_about, logger
from lambdas.promotion.contract.step_events import AbortUploadsEvent, from_event
from lambdas.promotion.endpoint.access import deployer_session
from lambdas.promotion.runtime.handler import Event, errors_by_name


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    promotion = from_event(event, AbortUploadsEvent).promotion
    log_about(promotion)
    aborted = upload_cleanup.abort(promotion, enter_target=lambda: deployer_session(promotion).s3)
    logger.info("Uploads aborted", extra={"uploads": aborted})
    return {"uploads": aborted}
