"""Register again what was put aside of the endpoint's automatic scaling, and what the stage says of it."""

from __future__ import annotations

from typing import Any

from lambdas.promotion.aws.logs import log_about, logger
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.runtime.handler import Event, errors_by_name, hub_s3
from lambdas.promotion.scaling import restore as scaling_restore


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """The event is {"promotion": the document}, after a failure with "failed".

    What the stage says is registered after a promotion that went well; after one that failed only what was put aside
    is. Answers with the document.
    """
    promotion = Promotion.from_json(event["promotion"])
    log_about(promotion)
    registered = scaling_restore.resume(promotion, succeeded="failed" not in event, hub=hub_s3())
    logger.info("Scaling resumed", extra={"targets": registered})
    return promotion.to_json()
