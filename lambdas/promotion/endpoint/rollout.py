"""A stage's rollout, in the shape of UpdateEndpoint (API: DeploymentConfig). Pure: no AWS calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambdas.promotion.contract.settings import Stage

DeploymentConfig = Mapping[str, Any]


def of_stage(stage: Stage) -> DeploymentConfig:
    """Return the stage's DeploymentConfig; empty if it has none: all at once and without alarms."""
    return stage.deployment_config or {}


def alarms_of(config: DeploymentConfig) -> list[str]:
    """Return the names of the alarms that roll an update back (API: AutoRollbackConfig)."""
    return [alarm["AlarmName"] for alarm in config.get("AutoRollbackConfiguration", {}).get("Alarms", [])]


def is_rolling(config: DeploymentConfig) -> bool:
    return bool(config.get("RollingUpdatePolicy"))


def batch_of(instances: int, config: DeploymentConfig) -> int:
    """Return how many of a variant's new instances a rolling update provisions at once, at least.

    AWS does not say how it rounds a percentage: this rounds down.
    """
    size = config["RollingUpdatePolicy"]["MaximumBatchSize"]
    value: int = size["Value"]
    batch = max(1, instances * value // 100) if size["Type"] == "CAPACITY_PERCENT" else value
    return min(batch, instances)


def as_text(config: DeploymentConfig) -> str:
    """Describe as text how an update reaches the instances."""
    if is_rolling(config):
        batch = config["RollingUpdatePolicy"]["MaximumBatchSize"]
        text = f"rolling, {_size(batch)} at a time"
    else:
        routing = config.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
        kind = routing.get("Type", "ALL_AT_ONCE")
        first = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}.get(kind)
        text = "blue/green, all at once"
        if first and first in routing:
            text = f"blue/green, {kind.lower()} of {_size(routing[first])}"
    alarms = alarms_of(config)
    return f"{text}, rolled back by the alarms {', '.join(alarms)}" if alarms else text


def _size(capacity: Mapping[str, Any]) -> str:
    return f"{capacity['Value']}{' %' if capacity.get('Type') == 'CAPACITY_PERCENT' else ' instances'}"
