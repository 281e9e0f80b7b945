"""What follows from every outcome: it is counted and announced."""

from __future__ import annotations

from lambdas.promotion.contract.envelope import Announcement
from lambdas.promotion.contract.settings import Hub
from lambdas.promotion.outcome import announcement, metrics
from lambdas.promotion.outcome.records import PromotionRecord


def count_outcome(record: PromotionRecord) -> None:
    """Count the outcome. No input is a dimension: application and stage are the configuration's."""
    promotion = record.promotion
    metrics.count_outcome(
        record.outcome,
        error=record.failure.error if record.failure else None,
        seconds=promotion.result.seconds if promotion and promotion.result and record.failure is None else None,
        application=promotion.request.application if promotion else None,
        stage=promotion.stage.name if promotion else None,
    )


def announcement_of(record: PromotionRecord, hub: Hub) -> Announcement | None:
    """Return the announcement, or None if this outcome is not announced."""
    if not announcement.is_announced(record.outcome, hub):
        return None
    promotion = record.promotion
    who = (promotion.request.requested_by or promotion.model.approved_by) if promotion else None
    return announcement.announcement(
        record.outcome,
        record.execution,
        promotion=promotion,
        raw_input=record.input,
        failure=record.failure,
        endpoint_summary=promotion.rollback.endpoint_summary or None if promotion and promotion.rollback else None,
        started_by=who,
        runbook=hub.runbook,
    )
