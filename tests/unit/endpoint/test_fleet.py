"""The instances of an endpoint by their type, and the most that run during an update."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from lambdas.promotion.endpoint import fleet

M5, INF1 = "ml.m5.large", "ml.inf1.xlarge"
ROLLING = {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 2}}}


def variant(name: str, instance_type: str = M5, **count: int) -> dict[str, Any]:
    return {"VariantName": name, "InstanceType": instance_type, **count}


def config(*variants: dict[str, Any], **shadows: Any) -> dict[str, Any]:
    return {"ProductionVariants": list(variants), **shadows}


POOLS = {"VariantName": "All", "InstancePools": [{"InstanceType": M5}, {"InstanceType": INF1}, {"InstanceType": M5}]}
SERVERLESS = {"VariantName": "All", "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}


@pytest.mark.parametrize(
    ("of", "counts", "instances"),
    [
        ({}, {}, {}),
        (config(SERVERLESS), {}, {}),
        (config(variant("a")), {}, {M5: 1}),
        (config(variant("a", InitialInstanceCount=3)), {}, {M5: 3}),
        (config(variant("a", InitialInstanceCount=3)), {"a": 5, "b": 7}, {M5: 5}),
        (config(variant("a", InitialInstanceCount=3), variant("b", INF1)), {"b": 2}, {M5: 3, INF1: 2}),
        (config(variant("a"), ShadowProductionVariants=[variant("s", InitialInstanceCount=4)]), {}, {M5: 5}),
        (config({**POOLS, "InitialInstanceCount": 2}), {}, {M5: 2, INF1: 2}),
    ],
)
def test_an_endpoint_has_the_live_instances_of_its_variants_or_else_the_initial_ones(
    of: dict[str, Any], counts: dict[str, int], instances: dict[str, int]
) -> None:
    assert fleet.of_config(of, counts) == instances


@pytest.mark.parametrize(
    ("new", "old", "rollout", "most"),
    [
        # Blue/green: both fleets run.
        (variant("a", InitialInstanceCount=4), {M5: 3}, {}, {M5: 7}),
        # Rolling: a batch beside the old instances, and at the end the whole new fleet.
        (variant("a", InitialInstanceCount=4), {M5: 3}, ROLLING, {M5: 5}),
        (variant("a", InitialInstanceCount=9), {M5: 3}, ROLLING, {M5: 9}),
        # Of Inf1, new or old, it is done as blue/green.
        (variant("a", INF1, InitialInstanceCount=4), {INF1: 3}, ROLLING, {INF1: 7}),
        (variant("a", InitialInstanceCount=4), {INF1: 3, M5: 3}, ROLLING, {M5: 7}),
    ],
)
def test_the_most_instances_during_an_update(
    new: dict[str, Any], old: dict[str, int], rollout: dict[str, Any], most: dict[str, int]
) -> None:
    assert fleet.during_update(config(new), {}, old=Counter(old), config=rollout) == most


def test_live_counts_are_those_of_the_new_fleet_too() -> None:
    new = config(variant("a"), variant("b"))
    assert fleet.during_update(new, {"a": 5, "b": 1}, old=Counter({M5: 6}), config=ROLLING) == {M5: 9}
