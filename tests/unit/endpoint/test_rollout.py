"""A stage's rollout: its alarms, its batches, and what an operator reads of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion.endpoint import rollout
from tests.unit.builders import STAGE

ALARMS = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}, {"AlarmName": "latency"}]}}


def rolling(kind: str, value: int) -> dict[str, Any]:
    return {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": kind, "Value": value}, "WaitIntervalInSeconds": 60}}


def blue_green(**routing: Any) -> dict[str, Any]:
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"WaitIntervalInSeconds": 300, **routing}}}


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({}, "blue/green, all at once"),
        ({"BlueGreenUpdatePolicy": {}}, "blue/green, all at once"),
        (blue_green(), "blue/green, all at once"),
        (blue_green(Type="ALL_AT_ONCE"), "blue/green, all at once"),
        (blue_green(Type="CANARY"), "blue/green, all at once"),
        (blue_green(Type="CANARY", CanarySize={"Type": "CAPACITY_PERCENT", "Value": 10}), "blue/green, canary of 10 %"),
        (
            blue_green(Type="LINEAR", LinearStepSize={"Type": "INSTANCE_COUNT", "Value": 2}),
            "blue/green, linear of 2 instances",
        ),
        (rolling("INSTANCE_COUNT", 1), "rolling, 1 instances at a time"),
        (rolling("CAPACITY_PERCENT", 25), "rolling, 25 % at a time"),
        (ALARMS, "blue/green, all at once, rolled back by the alarms errors, latency"),
    ],
)
def test_a_rollout_is_described_in_words(config: dict[str, Any], text: str) -> None:
    assert rollout.as_text(config) == text


@pytest.mark.parametrize(("config", "alarms"), [({}, []), (ALARMS, ["errors", "latency"])])
def test_the_alarms_that_roll_back_are_named(config: dict[str, Any], alarms: list[str]) -> None:
    assert rollout.alarms_of(config) == alarms


@pytest.mark.parametrize(
    ("kind", "value", "batch"),
    [
        ("INSTANCE_COUNT", 3, 3),
        ("INSTANCE_COUNT", 11, 10),
        ("CAPACITY_PERCENT", 25, 2),
        ("CAPACITY_PERCENT", 5, 1),
        ("CAPACITY_PERCENT", 50, 5),
    ],
)
def test_a_batch_of_ten_instances_is_rounded_down_and_never_empty(kind: str, value: int, batch: int) -> None:
    assert rollout.batch_of(10, rolling(kind, value)) == batch


def test_a_stage_without_a_rollout_has_an_empty_one() -> None:
    assert rollout.of_stage(STAGE) == {}
    assert rollout.of_stage(replace(STAGE, deployment_config=ALARMS)) == ALARMS
