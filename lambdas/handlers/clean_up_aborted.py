"""Do for a promotion that was stopped, or ended by Step Functions itself, what it could not do itself.

It is recorded, the endpoint is unlocked, its uploads are aborted, the scaling that was put aside is restored, and its
trial endpoint is removed.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.promotion.artifacts import upload_cleanup
from lambdas.promotion.aws import sessions
from lambdas.promotion.aws.logs import log_about, logger
from lambdas.promotion.contract import resource_names, settings
from lambdas.promotion.contract.document import Execution, Failure, Outcome, Promotion
from lambdas.promotion.contract.errors import PromotionError
from lambdas.promotion.contract.steps import (
    CREATE_PREVIEW_STATE,
    SUSPEND_SCALING_FOR_ROLLBACK_STATE,
    SUSPEND_SCALING_STATE,
)
from lambdas.promotion.contract.time_limits import STOP_GRACE_PERIOD
from lambdas.promotion.endpoint.access import deployer_session
from lambdas.promotion.lock import store as lock_store
from lambdas.promotion.outcome import execution_history, publication, records
from lambdas.promotion.outcome.execution_history import LastState
from lambdas.promotion.outcome.records import PromotionRecord
from lambdas.promotion.preview import cleanup as preview_cleanup
from lambdas.promotion.preview import state as preview_state
from lambdas.promotion.preview.access import preview_session
from lambdas.promotion.resolve import request as rules
from lambdas.promotion.runtime.deadline import Clock
from lambdas.promotion.runtime.handler import Event, errors_by_name, hub_s3, now
from lambdas.promotion.scaling import restore as scaling_restore

_LONG_AFTER = timedelta(hours=1)  # Lambda's own tries are over before
_FAILURE_BY_STATUS = {
    "ABORTED": Failure(
        error="Aborted", family=Outcome.ABORTED, cause="Somebody stopped the execution (StopExecution)."
    ),
    "TIMED_OUT": Failure(
        error="TimedOut",
        family=Outcome.ABORTED,
        cause="The execution ran longer than its state machine allows, which is longer than any stage's deadline.",
    ),
    "FAILED": Failure(
        error="States.Runtime",
        family=Outcome.ERRORED,
        cause="Step Functions ended the execution itself, past every state that could have told why.",
    ),
}


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """The event is EventBridge's (AWS: Step Functions, "Execution Status Change"); its times are in milliseconds."""
    detail = event["detail"]
    execution = Execution(arn=detail["executionArn"], started_at=_time(detail["startDate"]))
    stopped_at = _time(detail["stopDate"])
    logger.append_keys(promotion_id=execution.promotion_id)
    last = execution_history.last_state(execution.arn, stepfunctions=sessions.own_stepfunctions())
    if last.promotion:
        log_about(last.promotion)
    request = _input(detail)
    dynamodb = sessions.own_dynamodb()
    failure = _failure(detail)
    record = PromotionRecord(
        execution=execution,
        input=request,
        outcome=Outcome(failure.family),
        ended_at=stopped_at,
        promotion=last.promotion,
        failure=failure,
        state=last.name,
    )
    recorded = records.write(record, dynamodb=dynamodb)
    if recorded:  # at once: when this runs again, the record is there
        publication.count_outcome(record)
        _announce(record)
    key = _endpoint_key(request)
    unlocked = key is not None and lock_store.release(key, execution.arn, dynamodb=dynamodb)
    # What was opened later belongs to another promotion of the same model: an event may come late.
    aborted = _abort_uploads(last.promotion, opened_by=stopped_at)
    # These two come last: a failure of theirs keeps nothing else from being done, and the trial may take several runs.
    # Lambda runs all of it twice more.
    scaled = _resume_scaling(last, stopped_at=stopped_at)
    done = {"recorded": recorded, "unlocked": unlocked, "uploads": aborted, "scaling_resumed": scaled}
    done["preview"] = _delete_preview(last, stopped_at=stopped_at, clock=Clock.of(context))
    logger.info("Cleaned up after an aborted execution", extra={**done, "state": last.name})
    return done


def _failure(detail: dict[str, Any]) -> Failure:
    """What stopped it, with the words of whoever did."""
    known = _FAILURE_BY_STATUS[detail["status"]]
    said = ": ".join(filter(None, (detail.get("error"), detail.get("cause"))))
    error = (detail.get("error") or known.error) if detail["status"] == "FAILED" else known.error
    return replace(known, error=error, cause=f"{known.cause} {said}".strip())


def _announce(record: PromotionRecord) -> None:
    hub = settings.deployed().hub
    told = publication.announcement_of(record, hub)
    if told:
        sessions.own_sns().publish(
            TopicArn=resource_names.topic_arn(hub.account, hub.region),
            Subject=told.subject,
            Message=told.message,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in asdict(told.attributes).items()
            },
        )


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _input(detail: dict[str, Any]) -> object:
    """What the execution was started with. A very long input is left out of the event."""
    try:
        return json.loads(detail.get("input") or "null")
    except ValueError:
        return None


def _endpoint_key(raw: object) -> str | None:
    """The key of the endpoint that the execution may have locked; None if it could not."""
    try:
        deployed = settings.deployed()
        _, stage = rules.find_stage(rules.require_request(raw), deployed)
    except PromotionError:
        return None
    return deployed.environments[stage.environment].endpoint_key(stage.endpoint)


def _abort_uploads(promotion: Promotion | None, *, opened_by: datetime) -> int:
    """A promotion that was stopped before it was resolved has opened none; a roll-back and a dry run copy nothing."""
    if promotion is None or promotion.request.roll_back or promotion.request.dry_run:
        return 0
    return upload_cleanup.abort(promotion, enter_target=lambda: deployer_session(promotion).s3, opened_by=opened_by)


def _resume_scaling(last: LastState, *, stopped_at: datetime) -> int:
    """Register again what the promotion had put aside for its update; a dry run changes nothing.

    A Lambda that was putting it aside when the execution was stopped goes on until it is done. If this runs long after
    the stop, what is registered by then is somebody's, and stays.
    """
    promotion = last.promotion
    if promotion is None or promotion.request.dry_run:
        return 0
    if last.name in {SUSPEND_SCALING_STATE, SUSPEND_SCALING_FOR_ROLLBACK_STATE}:
        time.sleep(max(0.0, (stopped_at + STOP_GRACE_PERIOD - now()).total_seconds()))
    late = now() > stopped_at + _LONG_AFTER
    return scaling_restore.resume(promotion, succeeded=False, hub=hub_s3(), leave_registered=late)


def _delete_preview(last: LastState, *, stopped_at: datetime, clock: Clock) -> bool:
    """Whether there was one. A Lambda that was making it when the execution was stopped goes on until it is done."""
    promotion = last.promotion
    if promotion is None or not preview_state.may_remain(promotion):
        return False
    late = STOP_GRACE_PERIOD if last.name == CREATE_PREVIEW_STATE else timedelta(0)
    sagemaker = preview_session(promotion, preview_state.begin(promotion)).sagemaker
    return preview_cleanup.delete(
        promotion, may_be_created_until=stopped_at + late, until=clock.until, sagemaker=sagemaker
    )
