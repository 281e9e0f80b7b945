"""Turn what went wrong into an error's name and one text for a person."""

from __future__ import annotations

from typing import Any

from lambdas.promotion.aws.logs import logger
from lambdas.promotion.contract.document import Failure, Promotion, to_json
from lambdas.promotion.outcome import failure_explanation
from lambdas.promotion.runtime.handler import Event


def handler(event: Event, context: object) -> dict[str, Any]:
    """The event is {"failed": {"Error", "Cause"}, "execution": {"arn", "started_at"}}.

    Once it is known what is promoted, "promotion" is the document; "rollback_failed" is the roll-back's own failure,
    "scaling_failed" that of putting back what was put aside of the endpoint's scaling, "preview_not_deleted" that of
    removing the trial endpoint.
    """
    promotion = Promotion.from_json(event["promotion"]) if event.get("promotion") else None
    failed = _explained(event["rollback_failed"]) if event.get("rollback_failed") else None
    failure = failure_explanation.after_rollback(
        _explained(event["failed"]), promotion.rollback if promotion else None, failed=failed
    )
    if event.get("scaling_failed"):
        failure = failure_explanation.with_scaling_failure(failure, event["scaling_failed"])
    if promotion and not promotion.rollback:
        not_deleted = _explained(event["preview_not_deleted"]) if event.get("preview_not_deleted") else None
        failure = failure_explanation.after_preview(failure, promotion, not_deleted=not_deleted)
    promotion_id = event["execution"]["arn"].rpartition(":")[2]
    logger.error(
        "Promotion failed",
        extra={"promotion_id": promotion_id, "error": failure.error, "family": failure.family, "cause": failure.cause},
    )
    return to_json(failure)


def _explained(failed: dict[str, str]) -> Failure:
    return failure_explanation.explain(failed.get("Error", ""), failed.get("Cause", ""))
