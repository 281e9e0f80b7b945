"""What is done for an execution that ended outside its states: it was stopped, timed out or failed at run time.

It is recorded and announced, the endpoint is unlocked, its uploads are aborted, suspended scaling is resumed and its
preview endpoint is deleted. All of it can be repeated. Of an execution that its states have ended, only what they could
not do is done: its record, its announcement, its lock.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lambdas.promotion.artifacts import upload_cleanup
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import Outcome, Promotion
from lambdas.promotion.contract.envelope import Announcement
from lambdas.promotion.contract.errors import PromotionError
from lambdas.promotion.contract.settings import Hub, Settings
from lambdas.promotion.contract.step_events import ExecutionInput
from lambdas.promotion.contract.steps import (
    CREATE_PREVIEW_STATE,
    SUSPEND_SCALING_FOR_ROLLBACK_STATE,
    SUSPEND_SCALING_STATE,
)
from lambdas.promotion.contract.time_limits import STOP_GRACE_PERIOD
from lambdas.promotion.endpoint.access import deployer_session
from lambdas.promotion.lock import store as lock_store
from lambdas.promotion.outcome import cleanup_marks, publication, records
from lambdas.promotion.outcome.aborted_execution import AbortedExecution
from lambdas.promotion.outcome.cleanup_marks import Mark
from lambdas.promotion.outcome.execution_history import LastState
from lambdas.promotion.outcome.records import PromotionRecord
from lambdas.promotion.preview import cleanup as preview_cleanup
from lambdas.promotion.preview import state as preview_state
from lambdas.promotion.preview.access import preview_session
from lambdas.promotion.resolve import request as request_rules
from lambdas.promotion.scaling import restore as scaling_restore

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient

_LATE = timedelta(hours=1)  # Lambda's own retries are over before


def record_of(aborted: AbortedExecution, last: LastState) -> PromotionRecord:
    """Return the record of the execution, with the promotion as far as it came."""
    failure = aborted.failure(last)
    return PromotionRecord(
        execution=aborted.execution,
        input=aborted.input,
        outcome=Outcome(failure.family),
        ended_at=aborted.stopped_at,
        promotion=last.promotion,
        failure=failure,
        state=None if aborted.ended_itself(last) else last.name,
    )


def to_announce(aborted: AbortedExecution, last: LastState, record: PromotionRecord, hub: Hub) -> Announcement | None:
    """Return what no one was told yet, if there is anything: an execution that ended itself has announced it."""
    if not aborted.ended_itself(last) or last.announcement is None:
        return publication.announcement_of(record, hub)
    return last.announcement if last.not_announced else None


def record(promotion_record: PromotionRecord, *, dynamodb: DynamoDBClient) -> bool:
    """Record and count the outcome; return False if the record exists already."""
    written = records.write(promotion_record, dynamodb=dynamodb)
    if written:
        publication.count_outcome(promotion_record)
    return written


def announce(announcement: Announcement | None, promotion_id: str, hub: Hub, *, sns: SNSClient, s3: S3Client) -> bool:
    """Publish the announcement, if any, unless an earlier run has; return whether this one did."""
    if announcement is None or cleanup_marks.is_set(Mark.ANNOUNCED, promotion_id, hub, s3=s3):
        return False
    cleanup_marks.put(Mark.ANNOUNCING, promotion_id, hub, s3=s3)
    sns.publish(
        TopicArn=resource_names.topic_arn(hub.account, hub.region),
        Subject=announcement.subject,
        Message=announcement.message,
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value}
            for name, value in asdict(announcement.attributes).items()
        },
    )
    cleanup_marks.put(Mark.ANNOUNCED, promotion_id, hub, s3=s3)
    return True


def unlock(
    aborted: AbortedExecution, promotion: Promotion | None, deployed: Settings, *, dynamodb: DynamoDBClient
) -> bool:
    """Release the lock if the execution owns it.

    `promotion`: as far as it came, None if that is not known; then the input names the endpoint. An input that names no
    stage has locked none.
    """
    key = promotion.endpoint_key if promotion else _endpoint_key_of(aborted.input, deployed)
    return key is not None and lock_store.release(key, aborted.execution.arn, dynamodb=dynamodb)


def abort_uploads(promotion: Promotion | None, *, opened_by: datetime) -> int:
    """Abort the uploads that were opened until then: later ones may belong to another promotion of the same model.

    A promotion that was stopped before it was resolved has opened none; a rollback and a dry run copy nothing.
    """
    if promotion is None or promotion.request.roll_back or promotion.request.dry_run:
        return 0
    return upload_cleanup.abort(promotion, enter_target=lambda: deployer_session(promotion).s3, opened_by=opened_by)


def resume_scaling(last: LastState, *, stopped_at: datetime, hub: S3Client) -> int:
    """Register the scalable targets again that the promotion had suspended; a dry run changes nothing.

    If the endpoint serves what was promoted, the stage's own scaling is registered too, as the workflow would have.
    A Lambda that suspends scaling when its execution is stopped goes on until it is done. Long after the stop, what is
    registered by then belongs to someone else and stays.
    """
    promotion = last.promotion
    if promotion is None or promotion.request.dry_run:
        return 0
    if last.name in {SUSPEND_SCALING_STATE, SUSPEND_SCALING_FOR_ROLLBACK_STATE}:
        time.sleep(max(0.0, (stopped_at + STOP_GRACE_PERIOD - datetime.now(UTC)).total_seconds()))
    late = datetime.now(UTC) > stopped_at + _LATE
    return scaling_restore.resume(promotion, succeeded=promotion.result is not None, hub=hub, leave_registered=late)


def delete_preview(last: LastState, *, stopped_at: datetime, until: float) -> bool:
    """Delete the preview endpoint; return False if there can be none.

    A Lambda that creates it when its execution is stopped goes on until it is done.
    """
    promotion = last.promotion
    if promotion is None or not preview_state.may_remain(promotion):
        return False
    grace_period = STOP_GRACE_PERIOD if last.name == CREATE_PREVIEW_STATE else timedelta(0)
    sagemaker = preview_session(promotion, preview_state.begin(promotion)).sagemaker
    return preview_cleanup.delete(
        promotion, may_be_created_until=stopped_at + grace_period, until=until, sagemaker=sagemaker
    )


def _endpoint_key_of(raw_input: object, deployed: Settings) -> str | None:
    try:
        _, stage = request_rules.find_stage(request_rules.require_request(ExecutionInput(value=raw_input)), deployed)
    except PromotionError:
        return None
    return deployed.environments[stage.environment].endpoint_key(stage.endpoint)
