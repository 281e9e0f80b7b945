"""State changes, published on the default bus of the account in which they happen."""

import json
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import eventbridge

from sandbox.aws.faults import fault_queue
from sandbox.aws.faults.faults import Kind, Layer

SOURCE = "aws.sagemaker"


def publish(detail_type: str, resource_arn: str, detail: dict[str, Any]) -> None:
    """Send one event, or two when the fault `duplicate_events` is pending."""
    entry = {
        "Source": SOURCE,
        "DetailType": detail_type,
        "Resources": [resource_arn],
        "Detail": json.dumps(detail, default=_epoch_milliseconds),
    }
    resource = resource_arn.rsplit("/", 1)[-1]
    twice = fault_queue.take(
        Layer.SAGEMAKER, {Kind.DUPLICATE_EVENTS}, None, account=get_account_id(), resource=resource
    )
    for _ in range(2 if twice else 1):
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def _epoch_milliseconds(moment: Any) -> int:
    return int(moment.timestamp() * 1000)
