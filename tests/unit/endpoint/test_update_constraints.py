"""Why a live endpoint blocks the update that a stage configures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.errors import IncompatibleRollout
from lambdas.promotion.endpoint import update_constraints
from tests.unit.builders import STAGE, VARIANT, promotion

CANARY = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "CANARY", "WaitIntervalInSeconds": 1}}}
ROLLING = {"RollingUpdatePolicy": {"WaitIntervalInSeconds": 1}}
SERVERLESS = {"VariantName": "All", "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}


def promotion_with(rollout: dict[str, Any] | None, variant: dict[str, Any] = VARIANT) -> Promotion:
    stage = replace(STAGE, deployment_config=rollout, endpoint_config={"ProductionVariants": [variant]})
    return promotion(stage=stage)


@pytest.mark.parametrize(
    ("rollout", "variant", "live", "serverless", "message"),
    [
        (CANARY, VARIANT, ("Blue",), False, "Its variants are Blue and the stage's All"),
        (CANARY, VARIANT, ("All", "Blue"), False, "requires the same names"),
        (CANARY, VARIANT, ("All",), True, "It is serverless, which does not support a rollout"),
        (ROLLING, VARIANT, ("All", "Blue"), False, "It has 2 variants, and a rolling deployment supports one"),
        (None, SERVERLESS, ("All",), False, "does not change such an endpoint to serverless"),
    ],
)
def test_an_update_that_the_live_endpoint_blocks_is_refused(
    rollout: dict[str, Any] | None, variant: dict[str, Any], live: tuple[str, ...], serverless: bool, message: str
) -> None:
    stage = promotion_with(rollout, variant).stage
    problems = update_constraints.problems(stage, live, serverless=serverless)
    assert message in " ".join(problems)
    with pytest.raises(IncompatibleRollout) as refused:
        update_constraints.require_possible_update(stage, live, serverless=serverless, subject="The endpoint e")
    assert all(problem in str(refused.value) for problem in problems)
    assert "was not changed" in str(refused.value)


@pytest.mark.parametrize(
    ("rollout", "variant", "live", "serverless"),
    [
        (CANARY, VARIANT, ("All",), False),
        (ROLLING, VARIANT, ("All",), False),
        (None, VARIANT, ("Blue", "Green"), False),
        (None, VARIANT, ("All",), True),
        (None, SERVERLESS, ("All",), True),
        (CANARY, VARIANT, (), False),
    ],
    ids=["canary", "rolling", "other-names-all-at-once", "from-serverless", "serverless", "never-in-service"],
)
def test_an_update_that_the_live_endpoint_allows_is_not_refused(
    rollout: dict[str, Any] | None, variant: dict[str, Any], live: tuple[str, ...], serverless: bool
) -> None:
    assert update_constraints.problems(promotion_with(rollout, variant).stage, live, serverless=serverless) == []
