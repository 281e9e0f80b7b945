"""Turn what went wrong into an error's name and one text for a person, and count it."""

from __future__ import annotations

from typing import Any

from lambdas.promotion import failures, measures
from lambdas.promotion.document import to_json
from lambdas.promotion.step import Event, logger


def handler(event: Event, context: object) -> dict[str, Any]:
    """The event is {"failed": {"Error", "Cause"}, "execution": {"arn", "started_at"}}."""
    failure = failures.explain(event["failed"].get("Error", ""), event["failed"].get("Cause", ""))
    promotion_id = event["execution"]["arn"].rpartition(":")[2]
    logger.error(
        "Promotion failed",
        extra={"promotion_id": promotion_id, "error": failure.error, "family": failure.family, "cause": failure.cause},
    )
    measures.count_ending(failure.family, error=failure.error)
    return to_json(failure)
