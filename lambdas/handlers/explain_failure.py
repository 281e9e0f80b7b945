"""Turn what went wrong into an error's name and one text for a person."""

from __future__ import annotations

from typing import Any

from lambdas.promotion.aws.logs import logger
from lambdas.promotion.contract.document import Failure, Promotion, to_json
from lambdas.promotion.outcome import failure_explanation
from lambdas.promotion.runtime.handler import Event


def handler(event: Event, context: object) -> dict[str, Any]:
    """The event is {"failed": {"Error", "Cause"}, "execution": {"arn", "started_at"}}.

    Once it is known what is promoted, "promotion" is the document; "roll_back_failed" is the roll-back's own failure,
    "scaling_failed" that of putting back what was put aside of the endpoint's scaling, "trial_not_removed" that of
    removing the trial endpoint.
    """
    promotion = Promotion.from_json(event["promotion"]) if event.get("promotion") else None
    failed = _explained(event["roll_back_failed"]) if event.get("roll_back_failed") else None
    failure = failure_explanation.after_roll_back(
        _explained(event["failed"]), promotion.roll_back if promotion else None, failed=failed
    )
    if event.get("scaling_failed"):
        failure = failure_explanation.and_not_scaled(failure, event["scaling_failed"])
    if promotion and not promotion.roll_back:
        not_removed = _explained(event["trial_not_removed"]) if event.get("trial_not_removed") else None
        failure = failure_explanation.after_trial(failure, promotion, not_removed=not_removed)
    promotion_id = event["execution"]["arn"].rpartition(":")[2]
    logger.error(
        "Promotion failed",
        extra={"promotion_id": promotion_id, "error": failure.error, "family": failure.family, "cause": failure.cause},
    )
    return to_json(failure)


def _explained(failed: dict[str, str]) -> Failure:
    return failure_explanation.explain(failed.get("Error", ""), failed.get("Cause", ""))
