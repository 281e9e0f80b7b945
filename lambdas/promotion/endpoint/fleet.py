"""How many instances of each type an endpoint has: now, on another configuration, and while it changes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lambdas.promotion.endpoint import rollout
from lambdas.promotion.endpoint.rollout import DeploymentConfig

Fleet = Counter[str]  # instances by type
Variant = Mapping[str, Any]  # API: ProductionVariant


def of_config(config: Mapping[str, Any], counts: Mapping[str, int]) -> Fleet:
    """Return the instances of a configuration. Without a live count, a variant has its initial one."""
    fleet = Fleet()
    for variant in _variants(config):
        for instance_type in _types(variant):
            fleet[instance_type] += _count(variant, counts)
    return fleet


def during_update(
    new: Mapping[str, Any], counts: Mapping[str, int], *, old: Fleet, config: DeploymentConfig
) -> dict[str, int]:
    """Return the most instances of each type of the `new` configuration that run at once, the `old` ones included.

    Blue/green runs both fleets. Rolling provisions a batch, then terminates as many old instances (API:
    RollingUpdatePolicy, MaximumBatchSize); of Inf1 it is done as blue/green (AWS: deployment guardrails, exclusions).
    """
    desired = of_config(new, counts)
    if not rollout.is_rolling(config) or any(name.startswith("ml.inf1.") for name in [*desired, *old]):
        return {instance_type: old[instance_type] + count for instance_type, count in desired.items()}
    batch = Fleet()
    for variant in _variants(new):
        for instance_type in _types(variant):
            batch[instance_type] += rollout.batch_of(_count(variant, counts), config)
    return {
        instance_type: max(old[instance_type] + batch[instance_type], count) for instance_type, count in desired.items()
    }


def _variants(config: Mapping[str, Any]) -> Iterator[Variant]:
    yield from config.get("ProductionVariants", [])
    yield from config.get("ShadowProductionVariants", [])


def _types(variant: Variant) -> Iterable[str]:
    """An endpoint holds the quota of each type of a list (recordings: CreateEndpoint, quota-held-by-instance-pools)."""
    if "InstanceType" in variant:
        return [variant["InstanceType"]]
    return dict.fromkeys(pool["InstanceType"] for pool in variant.get("InstancePools", []))


def _count(variant: Variant, counts: Mapping[str, int]) -> int:
    initial: int = variant.get("InitialInstanceCount", 1)
    return counts.get(variant["VariantName"], initial)
