"""End the wait of the promotion whose endpoint has reached a state that lasts."""

from __future__ import annotations

import time
from typing import Any

from lambdas.promotion.aws import sessions
from lambdas.promotion.aws.logs import logger
from lambdas.promotion.contract import settings
from lambdas.promotion.lock import endpoint_wait
from lambdas.promotion.lock.endpoint_wait import Waiting
from lambdas.promotion.runtime.handler import Event, errors_by_name

# A promotion that inspects the endpoint at this moment waits again within seconds, if it has missed the new state.
_PAUSES = (1.0, 1.0, 2.0)  # seconds


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """The event is SageMaker's, from a target: recordings, events/SageMakerEndpointStateChange."""
    endpoint = event["detail"]["EndpointName"]
    keys = endpoint_wait.keys_of(endpoint, event["account"], event["region"], settings.deployed())
    results = _end(keys, endpoint)
    for pause in _PAUSES:
        if Waiting.NOT_YET not in results.values() or Waiting.ENDED in results.values():
            break
        time.sleep(pause)
        results = _end(keys, endpoint)
    logger.info("Endpoint changed", extra={"state": event["detail"]["EndpointStatus"], "waits": results})
    return {"waits": results}


def _end(keys: list[str], endpoint: str) -> dict[str, Waiting]:
    dynamodb, stepfunctions = sessions.own_dynamodb(), sessions.own_stepfunctions()
    return {key: endpoint_wait.end(key, endpoint, dynamodb=dynamodb, stepfunctions=stepfunctions) for key in keys}
