"""Which executions ended unsuccessfully and have not been cleaned up: EventBridge delivers their events best effort.

Those of the last day that have no mark of a complete cleanup, and whichever still holds a lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lambdas.promotion.contract import resource_names, time_limits
from lambdas.promotion.contract.settings import Settings
from lambdas.promotion.lock import age as lock_age
from lambdas.promotion.lock import store as lock_store
from lambdas.promotion.outcome import cleanup_marks
from lambdas.promotion.outcome.aborted_execution import UNSUCCESSFUL
from lambdas.promotion.outcome.cleanup_marks import Mark

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.literals import ExecutionStatusType
    from mypy_boto3_stepfunctions.type_defs import ExecutionListItemTypeDef

# By then a cleanup that an event has started is over.
_SETTLED_AFTER = time_limits.LONGEST_INVOCATION
# So long after its begin a run is over, and so is the pause before the next: Lambda waits one and then two minutes
# ("Error handling for asynchronous invocation"). Without it, every five minutes would add three runs.
_RUN_AGAIN_AFTER = time_limits.LONGEST_INVOCATION + timedelta(minutes=2)
# EventBridge tries to deliver for two hours (stacks/hub/aborted_executions.py), Lambda to run for six (AWS: Lambda,
# "Error handling for asynchronous invocation").
_LOOKED_FOR = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Window:
    """When the executions that are looked for ended.

    `started_after`: none that ended then has begun before, unless it was redriven or its stage's deadline shortened.
    """

    ended_after: datetime
    ended_before: datetime
    started_after: datetime


def window(deployed: Settings, *, at: datetime) -> Window:
    stages = [stage for application in deployed.applications.values() for stage in application.stages.values()]
    longest = max((timedelta(seconds=stage.deadline_seconds) for stage in stages), default=timedelta())
    ended_after = at - _LOOKED_FOR
    return Window(
        ended_after=ended_after,
        ended_before=at - _SETTLED_AFTER,
        started_after=ended_after - longest - time_limits.EXECUTION_RESERVE,
    )


def missed(
    deployed: Settings, *, at: datetime, stepfunctions: SFNClient, dynamodb: DynamoDBClient, s3: S3Client
) -> list[str]:
    """Return the ARNs of the executions that were not cleaned up at `at`, those that ended first at the beginning."""
    when = window(deployed, at=at)
    ended = {
        execution["executionArn"]: execution["stopDate"]
        for status in UNSUCCESSFUL
        for execution in _ended(status, when, deployed, stepfunctions=stepfunctions)
        if not cleanup_marks.is_set(Mark.COMPLETE, execution["name"], deployed.hub, s3=s3)
    }

    def is_under_way(execution_arn: str) -> bool:
        name = execution_arn.rpartition(":")[2]
        started_at = cleanup_marks.set_at(Mark.STARTED, name, deployed.hub, s3=s3)
        return started_at is not None and at - started_at < _RUN_AGAIN_AFTER

    for owner in lock_age.owners(resource_names.ENDPOINTS_TABLE, dynamodb):
        execution = lock_store.describe(owner, stepfunctions=stepfunctions)
        if execution and execution["status"] in UNSUCCESSFUL and execution["stopDate"] <= when.ended_before:
            ended[owner] = execution["stopDate"]
    return sorted((arn for arn in ended if not is_under_way(arn)), key=lambda arn: ended[arn])


def _ended(
    status: ExecutionStatusType, when: Window, deployed: Settings, *, stepfunctions: SFNClient
) -> Iterator[ExecutionListItemTypeDef]:
    """The API sorts by time, the latest first (API: ListExecutions), and does not say by which of an execution's."""
    arn = resource_names.state_machine_arn(deployed.hub.account, deployed.hub.region)
    pages = stepfunctions.get_paginator("list_executions").paginate(stateMachineArn=arn, statusFilter=status)
    for page in pages:
        for execution in page["executions"]:
            begin, end = execution["startDate"], execution["stopDate"]
            if begin < when.started_after and end < when.ended_after:
                return
            if when.ended_after <= end <= when.ended_before:
                yield execution
