"""The wait of a promotion for an endpoint: SageMaker's event of the endpoint's state ends it before its timeout.

The workflow stores a task token in the item of the endpoint's lock (stacks/workflow/lock.py) and inspects the endpoint
after the wait, whatever ended it. So an event that is late, repeated or lost costs a poll or the rest of the timeout.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lambdas.promotion.aws import error_codes
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_stepfunctions import SFNClient


class Waiting(enum.StrEnum):
    """What became of a wait. `NOT_YET`: a promotion holds the lock, and does not wait for this endpoint now."""

    ENDED = "ended"
    NOT_YET = "not yet"
    UNLOCKED = "unlocked"


def keys_of(endpoint: str, account: str, region: str, settings: Settings) -> list[str]:
    """Return the keys of the items in which a promotion may wait for an endpoint, by its name or as its preview."""
    keys = []
    for application in settings.applications.values():
        for stage in application.stages.values():
            target = settings.environments[stage.environment]
            if (target.account, target.region) != (account, region):
                continue
            prefix = resource_names.preview_endpoint_prefix(stage.endpoint)
            if endpoint.lower() == stage.endpoint.lower() or (stage.preview and endpoint.startswith(prefix)):
                keys.append(target.endpoint_key(stage.endpoint))
    return list(dict.fromkeys(keys))


def end(key: str, endpoint: str, *, dynamodb: DynamoDBClient, stepfunctions: SFNClient) -> Waiting:
    """End the wait for an endpoint that the promotion with this lock is in."""
    response = dynamodb.get_item(
        TableName=resource_names.ENDPOINTS_TABLE, Key={"endpoint": {"S": key}}, ConsistentRead=True
    )
    item = {name: value["S"] for name, value in response.get("Item", {}).items() if "S" in value}
    if "owner" not in item:
        return Waiting.UNLOCKED
    if item.get("awaited_endpoint") != endpoint.lower():
        return Waiting.NOT_YET
    try:
        stepfunctions.send_task_success(taskToken=item["task_token"], output="{}")
    except ClientError as error:
        if error_codes.code_of(error) not in error_codes.STEPFUNCTIONS_NO_SUCH_TASK:
            raise
        return Waiting.NOT_YET
    return Waiting.ENDED
