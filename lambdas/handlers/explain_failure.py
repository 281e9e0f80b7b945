"""Turn what went wrong into an error's name and one text for a person."""

from __future__ import annotations

from typing import Any

from lambdas.promotion.aws.logs import logger
from lambdas.promotion.contract.document import to_json
from lambdas.promotion.contract.step_events import ExplainFailureEvent, from_event
from lambdas.promotion.outcome import failure_explanation
from lambdas.promotion.runtime.handler import Event


def handler(event: Event, context: object) -> dict[str, Any]:
    """The answer is the Failure."""
    explained = from_event(event, ExplainFailureEvent)
    failure = failure_explanation.of_event(explained)
    logger.error(
        "Promotion failed",
        extra={
            "promotion_id": explained.execution.promotion_id,
            "error": failure.error,
            "family": failure.family,
            "cause": failure.cause,
        },
    )
    return to_json(failure)
