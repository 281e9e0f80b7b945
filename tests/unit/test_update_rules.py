"""What a live endpoint excludes of the update that a stage wants is refused before anything is created."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion import endpoint_rules
from lambdas.promotion.document import Progress, Promotion
from lambdas.promotion.errors import IncompatibleRollout
from tests.unit.given import STAGE, VARIANT, promotion, seen

CANARY = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "CANARY", "WaitIntervalInSeconds": 1}}}
ROLLING = {"RollingUpdatePolicy": {"WaitIntervalInSeconds": 1}}
SERVERLESS = {"VariantName": "All", "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}


def wanting(rollout: dict[str, Any] | None, variant: dict[str, Any] = VARIANT) -> Promotion:
    stage = replace(STAGE, deployment_config=rollout, endpoint_config={"ProductionVariants": [variant]})
    return promotion(stage=stage)


@pytest.mark.parametrize(
    ("rollout", "variant", "live", "serverless", "said"),
    [
        (CANARY, VARIANT, ("Blue",), False, "its variants are Blue and the stage's All"),
        (CANARY, VARIANT, ("All", "Blue"), False, "needs the same names"),
        (CANARY, VARIANT, ("All",), True, "it is serverless, which knows no rollout"),
        (ROLLING, VARIANT, ("All", "Blue"), False, "it has 2 variants, and a rolling deployment takes one"),
        (None, SERVERLESS, ("All",), False, "does not change such an endpoint to serverless"),
    ],
)
def test_what_the_live_endpoint_excludes_is_refused(
    rollout: dict[str, Any] | None, variant: dict[str, Any], live: tuple[str, ...], serverless: bool, said: str
) -> None:
    with pytest.raises(IncompatibleRollout) as refused:
        endpoint_rules.before_change(wanting(rollout, variant), seen("InService", variants=live, serverless=serverless))
    assert said in str(refused.value)
    assert "Nothing was created" in str(refused.value)


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
    ids=["canary", "rolling", "other-names-at-once", "from-serverless", "serverless", "nothing-serves"],
)
def test_what_the_live_endpoint_allows_is_not(
    rollout: dict[str, Any] | None, variant: dict[str, Any], live: tuple[str, ...], serverless: bool
) -> None:
    look = seen("InService", variants=live, serverless=serverless)
    change = endpoint_rules.before_change(wanting(rollout, variant), look)
    assert change.progress is Progress.CHANGE_WANTED


def test_a_first_endpoint_is_created_whatever_the_rollout() -> None:
    assert endpoint_rules.before_change(wanting(CANARY), None).progress is Progress.CHANGE_WANTED


def test_an_endpoint_that_somebody_else_is_changing_is_looked_at_when_that_has_ended() -> None:
    look = seen("Updating", variants=("Blue",))
    assert endpoint_rules.before_change(wanting(CANARY), look).progress is Progress.BUSY
