"""Why a live endpoint blocks an update: what serves is compared with what is sent."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.promotion.contract.document import VariantCapacity
from lambdas.promotion.contract.errors import IncompatibleRollout
from lambdas.promotion.endpoint import update_constraints
from lambdas.promotion.endpoint.state import ObservedEndpoint
from tests.unit.builders import VARIANT, observed

CANARY = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "CANARY", "WaitIntervalInSeconds": 1}}}
ROLLING = {"RollingUpdatePolicy": {"WaitIntervalInSeconds": 1}}
NO_ROLLOUT: dict[str, Any] = {}
INSTANCES = {"ProductionVariants": [VARIANT]}
TWO_VARIANTS = {"ProductionVariants": [VARIANT, {**VARIANT, "VariantName": "Blue"}]}
SERVERLESS = {
    "ProductionVariants": [{"VariantName": "All", "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}]
}
ASYNC = {**INSTANCES, "AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://answers/"}}}


def live(*names: str, serverless: bool = False, asynchronous: bool = False) -> ObservedEndpoint:
    capacities = tuple(VariantCapacity(variant=name) for name in names)
    return observed("InService", capacities=capacities, serverless=serverless, asynchronous=asynchronous)


ON_INSTANCES = live("All")
IS_SERVERLESS = live("All", serverless=True)
IS_ASYNC = live("All", asynchronous=True)


@pytest.mark.parametrize(
    ("desired", "rollout", "endpoint", "message"),
    [
        (INSTANCES, CANARY, live("Blue"), "Its variants are Blue and those of the update All"),
        (TWO_VARIANTS, CANARY, live("Green", "Red"), "are Green, Red and those of the update All, Blue, and a rollout"),
        (INSTANCES, CANARY, live("All", "Blue"), "requires the same names"),
        (SERVERLESS, CANARY, IS_SERVERLESS, "It is serverless, which does not support a rollout"),
        (INSTANCES, ROLLING, live("All", "Blue"), "It has 2 variants, and a rolling deployment supports one"),
        (SERVERLESS, NO_ROLLOUT, ON_INSTANCES, "does not change such an endpoint to serverless"),
        (INSTANCES, NO_ROLLOUT, IS_ASYNC, "does not change such an endpoint to real time"),
    ],
)
@pytest.mark.parametrize("reversible", [True, False])
def test_an_update_that_the_live_endpoint_blocks_is_refused(
    desired: dict[str, Any], rollout: dict[str, Any], endpoint: ObservedEndpoint, message: str, reversible: bool
) -> None:
    problems = update_constraints.problems(desired, rollout, endpoint, reversible=reversible)
    assert message in " ".join(problems)
    with pytest.raises(IncompatibleRollout) as refused:
        update_constraints.require_possible_update(
            desired, rollout, endpoint, reversible=reversible, subject="The endpoint e"
        )
    assert all(problem in str(refused.value) for problem in problems)
    assert "was not changed" in str(refused.value)


@pytest.mark.parametrize(
    ("desired", "endpoint", "message"),
    [
        (INSTANCES, IS_SERVERLESS, "does not change an endpoint with instances back to serverless"),
        (ASYNC, IS_SERVERLESS, "does not change an endpoint with instances back to serverless"),
        (ASYNC, ON_INSTANCES, "does not change an asynchronous endpoint back"),
    ],
)
def test_an_update_that_could_not_be_rolled_back_is_refused_but_for_a_rollback(
    desired: dict[str, Any], endpoint: ObservedEndpoint, message: str
) -> None:
    (problem, *more) = update_constraints.problems(desired, NO_ROLLOUT, endpoint, reversible=True)
    with pytest.raises(IncompatibleRollout, match=message) as refused:
        update_constraints.require_possible_update(desired, NO_ROLLOUT, endpoint, reversible=True, subject="e")
    assert str(refused.value) == f"e cannot be updated and was not changed. {' '.join([problem, *more])}"
    assert message in problem
    assert "Give the stage another endpoint, or delete this one" in problem
    assert update_constraints.problems(desired, NO_ROLLOUT, endpoint, reversible=False) == []


@pytest.mark.parametrize(
    ("desired", "rollout", "endpoint"),
    [
        (INSTANCES, CANARY, ON_INSTANCES),
        (INSTANCES, ROLLING, ON_INSTANCES),
        (INSTANCES, NO_ROLLOUT, live("Blue", "Green")),
        (SERVERLESS, NO_ROLLOUT, IS_SERVERLESS),
        (ASYNC, NO_ROLLOUT, IS_ASYNC),
        (ASYNC, CANARY, IS_ASYNC),
        (INSTANCES, CANARY, live()),
    ],
    ids=["canary", "rolling", "other-names-all-at-once", "serverless", "async", "async-canary", "never-in-service"],
)
def test_an_update_that_the_live_endpoint_allows_is_not_refused(
    desired: dict[str, Any], rollout: dict[str, Any], endpoint: ObservedEndpoint
) -> None:
    assert update_constraints.problems(desired, rollout, endpoint, reversible=True) == []
