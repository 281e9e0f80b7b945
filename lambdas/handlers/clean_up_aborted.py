"""Clean up after an execution that was stopped, or ended by Step Functions itself, past all of its states."""

from __future__ import annotations

from typing import Any

from lambdas.promotion.aws import sessions
from lambdas.promotion.aws.logs import log_about, logger
from lambdas.promotion.contract import settings
from lambdas.promotion.contract.settings import Hub
from lambdas.promotion.outcome import aborted_cleanup, aborted_execution, cleanup_marks, execution_history
from lambdas.promotion.outcome.aborted_execution import AbortedExecution
from lambdas.promotion.outcome.cleanup_marks import Mark
from lambdas.promotion.outcome.execution_history import LastState
from lambdas.promotion.runtime.deadline import Clock
from lambdas.promotion.runtime.handler import Event, errors_by_name, hub_s3
from lambdas.promotion.runtime.isolation import Isolation

_HISTORY, _MARKED = "history", "marked"


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """The event is EventBridge's, or has `detail.executionArn` only.

    Every action is done though others fail. Lambda runs all of it twice more then, and reconcile_executions later.
    """
    stepfunctions = sessions.own_stepfunctions()
    aborted = aborted_execution.of_event(event["detail"], stepfunctions=stepfunctions)
    if aborted is None:
        arn = event["detail"]["executionArn"]
        logger.warning("The execution has not ended unsuccessfully", extra={"execution": arn})
        return {}
    execution, deployed, cleanup = aborted.execution, settings.deployed(), Isolation(__name__)
    logger.append_keys(promotion_id=execution.promotion_id)
    cleanup.attempt(_MARKED, lambda: cleanup_marks.put(Mark.STARTED, execution.promotion_id, deployed.hub, s3=hub_s3()))
    last = cleanup.attempt(_HISTORY, lambda: execution_history.last_state(execution.arn, stepfunctions=stepfunctions))
    promotion = last.promotion if last else None
    if promotion:
        log_about(promotion)
    # Without its history, nothing is certain that could be reported or undone; the next run does it.
    if last:
        _report(cleanup, aborted, last, deployed.hub)
    cleanup.attempt(
        "unlocked", lambda: aborted_cleanup.unlock(aborted, promotion, deployed, dynamodb=sessions.own_dynamodb())
    )
    if last and not aborted.ended_itself(last):
        _undo(cleanup, aborted, last, until=Clock.of(context).until)
    done = {title: result for title, result in cleanup.done.items() if title not in {_HISTORY, _MARKED}}
    failed = list(cleanup.failures)
    logger.info("Cleaned up after an execution", extra={**done, "failed": failed, "state": last.name if last else None})
    cleanup.require_all_done()
    cleanup_marks.put(Mark.COMPLETE, execution.promotion_id, deployed.hub, s3=hub_s3())
    return done


def _report(cleanup: Isolation, aborted: AbortedExecution, last: LastState, hub: Hub) -> None:
    record = aborted_cleanup.record_of(aborted, last)
    announcement = aborted_cleanup.to_announce(aborted, last, record, hub)
    promotion_id = aborted.execution.promotion_id
    cleanup.attempt("recorded", lambda: aborted_cleanup.record(record, dynamodb=sessions.own_dynamodb()))
    cleanup.attempt(
        "announced",
        lambda: aborted_cleanup.announce(announcement, promotion_id, hub, sns=sessions.own_sns(), s3=hub_s3()),
    )


def _undo(cleanup: Isolation, aborted: AbortedExecution, last: LastState, *, until: float) -> None:
    """The last two may take minutes."""
    at = aborted.stopped_at
    cleanup.attempt("uploads", lambda: aborted_cleanup.abort_uploads(last.promotion, opened_by=at))
    cleanup.attempt("scaling_resumed", lambda: aborted_cleanup.resume_scaling(last, stopped_at=at, hub=hub_s3()))
    cleanup.attempt("preview", lambda: aborted_cleanup.delete_preview(last, stopped_at=at, until=until))
