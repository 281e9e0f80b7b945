"""The lock of an endpoint: an item of the hub's table that is changed by conditional writes only.

The workflow itself acquires a free lock and releases its own (stacks/workflow/lock.py). Here are the other operations:
to read who holds it, to register a waiter, and to release it for an execution that no longer runs.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lambdas.promotion.aws import error_codes
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.lock_expressions import ALIASES, IS_OWNED, RELEASE
from lambdas.promotion.lock.policy import LockState, Waiter

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import DescribeExecutionOutputTypeDef

# API: ExecutionStatus; one that waits for its redrive is none of them.
_ENDED = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"})
_WAIT = "SET waiting_owner = :owner, waiting_made_at = :made_at"
_NO_OTHER_WAITER = "attribute_not_exists(waiting_owner) OR waiting_owner = :replaced"


def read(key: str, *, dynamodb: DynamoDBClient) -> LockState:
    """Return the state of an endpoint's lock."""
    response = dynamodb.get_item(
        TableName=resource_names.ENDPOINTS_TABLE, Key={"endpoint": {"S": key}}, ConsistentRead=True
    )
    item = {name: value["S"] for name, value in response.get("Item", {}).items() if "S" in value}
    waiting = None
    if "waiting_owner" in item:
        made_at = datetime.fromisoformat(item["waiting_made_at"])
        waiting = Waiter(owner=item["waiting_owner"], made_at=made_at)
    return LockState(
        owner=item.get("owner"),
        locked_at=item.get("locked_at"),
        last_known_good=item.get("last_known_good"),
        waiting=waiting,
    )


def release(key: str, owner: str, *, dynamodb: DynamoDBClient) -> bool:
    """Release the lock if the execution `owner` holds it; return whether it did."""
    return _update(
        key,
        {":owner": owner},
        dynamodb=dynamodb,
        UpdateExpression=RELEASE,
        ConditionExpression=IS_OWNED,
        ExpressionAttributeNames=ALIASES,
    )


def register_waiter(key: str, waiting: Waiter, replaced: Waiter | None, *, dynamodb: DynamoDBClient) -> bool:
    """Record which execution waits, instead of `replaced`; return False if another one was recorded since the read."""
    values = {":owner": waiting.owner, ":made_at": waiting.made_at.isoformat()}
    values[":replaced"] = replaced.owner if replaced else waiting.owner
    return _update(key, values, dynamodb=dynamodb, UpdateExpression=_WAIT, ConditionExpression=_NO_OTHER_WAITER)


def describe(execution_arn: str, *, stepfunctions: SFNClient) -> DescribeExecutionOutputTypeDef | None:
    """Return what Step Functions knows of an owner; None if it is none, or was deleted 90 days after its end.

    Source: AWS, Step Functions quotas, execution history retention.
    """
    try:
        return stepfunctions.describe_execution(executionArn=execution_arn)
    except ClientError as error:
        if error_codes.code_of(error) not in error_codes.STEPFUNCTIONS_NO_SUCH_EXECUTION:
            raise
        return None


def is_running(execution_arn: str, *, stepfunctions: SFNClient) -> bool:
    """Return whether an execution is running, or may run on: any that has not ended."""
    execution = describe(execution_arn, stepfunctions=stepfunctions)
    return execution is not None and execution["status"] not in _ENDED


def _update(key: str, values: dict[str, str], *, dynamodb: DynamoDBClient, **expressions: Any) -> bool:
    try:
        dynamodb.update_item(
            TableName=resource_names.ENDPOINTS_TABLE,
            Key={"endpoint": {"S": key}},
            ExpressionAttributeValues={name: {"S": value} for name, value in values.items()},
            **expressions,
        )
    except ClientError as error:
        if error_codes.code_of(error) != error_codes.DYNAMODB_CONDITION_FAILED:
            raise
        return False
    return True
