"""Clean up after an execution that was stopped, or ended by Step Functions itself, past all of its states."""

from __future__ import annotations

from typing import Any

from lambdas.promotion.aws import sessions
from lambdas.promotion.aws.logs import log_about, logger
from lambdas.promotion.contract import settings
from lambdas.promotion.outcome import aborted_cleanup, execution_history
from lambdas.promotion.outcome.aborted_cleanup import AbortedExecution
from lambdas.promotion.runtime.deadline import Clock
from lambdas.promotion.runtime.handler import Event, errors_by_name, hub_s3


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """The event is EventBridge's. If an action fails, those before it are done; Lambda runs all of it twice more."""
    aborted = AbortedExecution.from_event(event["detail"])
    logger.append_keys(promotion_id=aborted.execution.promotion_id)
    last = execution_history.last_state(aborted.execution.arn, stepfunctions=sessions.own_stepfunctions())
    if last.promotion:
        log_about(last.promotion)
    deployed, dynamodb, stopped_at = settings.deployed(), sessions.own_dynamodb(), aborted.stopped_at
    done = {
        "recorded": aborted_cleanup.record(aborted, last, deployed, dynamodb=dynamodb, sns=sessions.own_sns()),
        "unlocked": aborted_cleanup.unlock(aborted, deployed, dynamodb=dynamodb),
        "uploads": aborted_cleanup.abort_uploads(last.promotion, opened_by=stopped_at),
        # These two come last: they can fail alone, and the deletion may take several runs.
        "scaling_resumed": aborted_cleanup.resume_scaling(last, stopped_at=stopped_at, hub=hub_s3()),
        "preview": aborted_cleanup.delete_preview(last, stopped_at=stopped_at, until=Clock.of(context).until),
    }
    logger.info("Cleaned up after an aborted execution", extra={**done, "state": last.name})
    return done
