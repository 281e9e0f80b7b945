"""Record the promotion: the request, its outcome, and what the endpoint can be rolled back to."""

from __future__ import annotations

from typing import Any

from lambdas.promotion.aws import sessions, work_lists
from lambdas.promotion.aws.logs import log_about, logger
from lambdas.promotion.contract import settings
from lambdas.promotion.contract.document import Artifact, Failure, Outcome, Promotion, to_json
from lambdas.promotion.contract.envelope import RecordedOutcome
from lambdas.promotion.contract.step_events import RecordPromotionEvent, from_event
from lambdas.promotion.outcome import publication, records
from lambdas.promotion.outcome.records import PromotionRecord
from lambdas.promotion.runtime.handler import Event, errors_by_name, hub_s3, now


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """The answer is a RecordedOutcome."""
    attempt = from_event(event, RecordPromotionEvent)
    promotion, failure = attempt.promotion, attempt.failure
    if promotion:
        log_about(promotion)
    record = PromotionRecord(
        execution=attempt.execution,
        input=attempt.started_with.value,
        outcome=_outcome(promotion, failure),
        ended_at=now(),
        promotion=promotion,
        failure=failure,
        artifacts=_artifacts(promotion),
    )
    written = records.write(record, dynamodb=sessions.own_dynamodb())
    logger.info("Recorded", extra={"outcome": record.outcome, "record_key": record.key, "written": written})
    # Counting twice is harmless; an outcome that a killed run has recorded must not stay uncounted. A failure after the
    # result: the last known good could not be written after the record, and the step is run again.
    failed_later = failure is not None and promotion is not None and promotion.result is not None
    if written or attempt.retry_count or failed_later:
        publication.count_outcome(record)
    last_known_good = (
        records.known_good_after(promotion, ended_at=record.ended_at)
        if promotion and promotion.result and failure is None
        else None
    )
    outcome = RecordedOutcome(
        last_known_good=records.known_good_text(last_known_good) if last_known_good is not None else None,
        announcement=publication.announcement_of(record, settings.deployed().hub),
    )
    return to_json(outcome)


def _outcome(promotion: Promotion | None, failure: Failure | None) -> Outcome:
    if failure:
        return Outcome(failure.family)
    if promotion and promotion.plan:
        return Outcome.PLANNED
    if promotion and promotion.result:
        return promotion.result.outcome
    raise ValueError("There is neither a result nor a failure to record.")


def _artifacts(promotion: Promotion | None) -> list[Artifact]:
    """The artifacts of the model; those of a rollback are in the record of the promotion that it restores."""
    if promotion is None or promotion.request.roll_back:
        return []
    return work_lists.read(work_lists.INVENTORY, Artifact, promotion, s3=hub_s3())
