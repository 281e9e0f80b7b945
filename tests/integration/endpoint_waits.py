"""What shows by what a promotion's wait for its endpoint ended."""

from __future__ import annotations

from typing import Any

from tests.integration.deploy.test_endpoint_states import slow_to_start
from tests.integration.world import APPLICATION, ENDPOINTS, World


def slowly(world: World, *, seconds: int = 2) -> dict[str, str]:
    """The request of a promotion that waits for its endpoint so long at least."""
    made = world.model(container=slow_to_start(world, seconds=seconds))
    return {"application": APPLICATION, "stage": "qa", "model_name": made.name}


def in_service(world: World) -> dict[str, Any]:
    """An event of the endpoint, as far as the job reads it."""
    pair = world.sandbox.locations["qa"]
    detail = {"EndpointName": ENDPOINTS["qa"], "EndpointStatus": "IN_SERVICE"}
    return {"account": pair.account, "region": pair.region, "detail": detail}


def ends_of(world: World, arn: str, title: str) -> list[str]:
    """The types of the events by which the runs of a state ended."""
    pages = world.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
    ends, state = [], ""
    for event in (event for page in pages for event in page["events"]):
        state = event.get("stateEnteredEventDetails", {}).get("name", state)
        if state == title and event["type"] in {"TaskSucceeded", "TaskTimedOut", "TaskFailed"}:
            ends.append(event["type"])
    return ends
