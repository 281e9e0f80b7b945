"""What follows from every ending, whoever sees it: it is counted, and people are told."""

from __future__ import annotations

from lambdas.promotion.contract.settings import Hub
from lambdas.promotion.outcome import announcement, metrics
from lambdas.promotion.outcome.announcement import Announcement
from lambdas.promotion.outcome.records import Attempt


def count(attempt: Attempt) -> None:
    """Count the ending. What somebody typed is no dimension: application and stage are the configuration's."""
    promotion = attempt.promotion
    metrics.count_ending(
        attempt.outcome,
        error=attempt.failure.error if attempt.failure else None,
        seconds=promotion.result.seconds if promotion and promotion.result and attempt.failure is None else None,
        application=promotion.request.application if promotion else None,
        stage=promotion.stage.name if promotion else None,
    )


def announcement_of(attempt: Attempt, hub: Hub) -> Announcement | None:
    """Return what people are told, or None if this outcome is not announced."""
    if not announcement.is_told(attempt.outcome, hub):
        return None
    promotion = attempt.promotion
    who = (promotion.request.requested_by or promotion.model.approved_by) if promotion else None
    return announcement.announcement(
        attempt.outcome,
        attempt.execution,
        promotion=promotion,
        raw_input=attempt.input,
        failure=attempt.failure,
        serves=promotion.roll_back.serves or None if promotion and promotion.roll_back else None,
        started_by=who,
        runbook=hub.runbook,
    )
