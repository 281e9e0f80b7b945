"""Start the cleanup after every execution that ended unsuccessfully and was not cleaned up."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from lambdas.promotion.aws import sessions
from lambdas.promotion.aws.logs import logger
from lambdas.promotion.contract import resource_names, settings
from lambdas.promotion.contract.steps import Step
from lambdas.promotion.outcome import reconciliation
from lambdas.promotion.runtime.handler import Event, errors_by_name, hub_s3, now

# Each run of the cleanup takes one of the concurrent executions that promotions need.
_MOST_AT_ONCE = 20


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """A schedule runs this; its event has the `time`. The cleanup can be repeated."""
    at = datetime.fromisoformat(event["time"]) if "time" in event else now()
    stepfunctions, lambda_ = sessions.own_stepfunctions(), sessions.own_lambda()
    missed = reconciliation.missed(
        settings.deployed(), at=at, stepfunctions=stepfunctions, dynamodb=sessions.own_dynamodb(), s3=hub_s3()
    )
    started = missed[:_MOST_AT_ONCE]
    for execution_arn in started:
        lambda_.invoke(
            FunctionName=resource_names.function(Step.CLEAN_UP_ABORTED),
            InvocationType="Event",
            Payload=json.dumps({"detail": {"executionArn": execution_arn}}),
        )
    logger.info("Reconciled", extra={"started": started, "left": len(missed) - len(started)})
    return {"started": started, "left": len(missed) - len(started)}
