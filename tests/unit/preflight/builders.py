"""Stages and current deployments with given variants."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lambdas.promotion.contract.document import DesiredResource, Promotion, VariantCapacity
from lambdas.promotion.endpoint.current_deployment import CurrentDeployment
from lambdas.promotion.resolve import identity
from tests.unit.builders import OLD_CONFIG, STAGE, observed, promotion

CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": 300,
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
        }
    },
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}, {"AlarmName": "latency"}]},
}
ROLLING = {
    "RollingUpdatePolicy": {
        "MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1},
        "WaitIntervalInSeconds": 60,
    }
}


def variant(name: str = "All", kind: str | None = "ml.t2.medium", count: int = 1) -> dict[str, Any]:
    if kind is None:
        return {"VariantName": name, "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}
    return {"VariantName": name, "InstanceType": kind, "InitialInstanceCount": count}


def config(*variants: dict[str, Any], shadows: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"ProductionVariants": [*variants], **({"ShadowProductionVariants": [*shadows]} if shadows else {})}


def desiring(*variants: dict[str, Any], shadows: tuple[dict[str, Any], ...] = ()) -> Promotion:
    request = identity.config_request(
        replace(STAGE, endpoint_config=config(*variants, shadows=shadows)), model_name="m"
    )
    return replace(
        promotion(), desired_config=DesiredResource(name="c", request={"EndpointConfigName": "c", **request})
    )


def current(*variants: dict[str, Any], shadows: tuple[dict[str, Any], ...] = (), **counts: int) -> CurrentDeployment:
    return CurrentDeployment(
        observed=observed(
            "InService", capacities=tuple(VariantCapacity(variant=name["VariantName"]) for name in variants)
        ),
        config=OLD_CONFIG,
        counts=counts,
        request=config(*variants, shadows=shadows),
    )
