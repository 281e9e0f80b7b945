"""What SageMaker excludes in how a well-formed stage is updated. Each violation has its path and a sentence.

Sources: the API's shapes, and the developer guide's page on deployment guardrails (exclusions).
"""

from __future__ import annotations

from collections.abc import Iterator

from stacks.config.fields.field_types import seconds
from stacks.config.schema import Stage
from stacks.config.stage.rollout import Rollout, Size

# Of the variant's instances (API: TrafficRoutingConfig, RollingUpdatePolicy).
_MAX_PERCENT = 50
_MIN_PERCENT = {"canary": 1, "linear": 10, "rolling": 5}


def update_violations(path: str, stage: Stage) -> Iterator[str]:
    """Yield what of an update cannot be; the stage's `variants` are well-formed."""
    if stage.rollout:
        yield from _rollout_violations(f"{path}.rollout", stage.rollout, stage)
    yield from _retained_violations(path, stage)


def _rollout_violations(path: str, rollout: Rollout, stage: Stage) -> Iterator[str]:
    if len(rollout.strategies) > 1:
        yield f"{path}: must have at most one of canary, linear and rolling, not {' and '.join(rollout.strategies)}"
        return
    for field, least in _MIN_PERCENT.items():
        yield from _size_violations(f"{path}.{field}", getattr(rollout, field), least, stage)
    if rollout.rolling and len(stage.every_variant) > 1:
        yield f"{path}.rolling: a rolling deployment takes one variant (AWS: deployment guardrails, exclusions)"
    if rollout.rolling and rollout.termination_wait:
        yield f"{path}.termination_wait: a rolling deployment keeps no old fleet (API: RollingUpdatePolicy)"
    if rollout.rollback_batch and not rollout.rolling:
        yield f"{path}.rollback_batch: is for a rolling deployment only (API: RollingUpdatePolicy)"
    if len(set(rollout.alarms)) < len(rollout.alarms):
        yield f"{path}.alarms: an alarm is listed twice"
    types = [instance_type for variant in stage.every_variant for instance_type in variant.instance_types]
    if any(instance_type.startswith("ml.inf1.") for instance_type in types):
        yield f"{path}: SageMaker ignores it for ml.inf1 types (AWS: deployment guardrails, exclusions); leave it out"
    yield from _wait_violations(path, rollout, stage)


def _size_violations(path: str, size: Size | None, least: int, stage: Stage) -> Iterator[str]:
    """Yield a size that is no such part of the fleet: of a fleet that may grow, of the largest that the file has."""
    if size is None:
        return
    instances, most = _instances_after_update(stage), _most_instances(stage)
    if size.percent:
        if not least <= size.value <= _MAX_PERCENT:
            yield f"{path}: must be from {least}% to {_MAX_PERCENT}%, not {size}"
    elif instances:
        share = 100 * size.value / instances
        if not least <= share <= _MAX_PERCENT:
            limit = f"less than {least}%" if share < least else f"more than {_MAX_PERCENT}%"
            yield f"{path}: {size} is {limit} of the {instances} instances that each update sets"
    elif most and 100 * size.value / most > _MAX_PERCENT:
        yield (
            f"{path}: {size} is more than {_MAX_PERCENT}% of the {most} instances that the variant has at the most, "
            "by its initial_instance_count and autoscaling; SageMaker refuses that (API: CapacitySize). Write a share "
            "such as 10%, or the fleet's real count"
        )


def _instances_after_update(stage: Stage) -> int | None:
    """Return how many instances the variant has after any update; None if the live endpoint decides."""
    retained = stage.retain_all_variant_properties and (
        "DesiredInstanceCount" not in stage.exclude_retained_variant_properties
    )
    return None if retained or len(stage.variants) > 1 else stage.variants[0].initial_instance_count


def _most_instances(stage: Stage) -> int | None:
    """Return how many instances the file gives the smallest variant at the most; None of a serverless stage."""
    counts = []
    for variant in stage.variants:
        scaling = stage.autoscaling.get(variant.name)
        limits = [limit.max for limit in scaling.limits.values()] if scaling else []
        counts.append(max([variant.initial_instance_count or 0, *limits]))
    return min(counts, default=0) or None


def _wait_violations(path: str, rollout: Rollout, stage: Stage) -> Iterator[str]:
    waits = rollout.waits(max(variant.initial_instance_count or 1 for variant in stage.variants))
    longest = rollout.maximum_execution_time
    if longest and waits >= seconds(longest):
        yield f"{path}.maximum_execution_time: {longest} is not more than the {waits}s that the rollout itself waits"
    if waits >= stage.deadline_seconds:
        yield (
            f"{path}: it waits for at least {waits}s, and the stage's deadline is {stage.deadline} "
            f"({stage.deadline_seconds}s) after the start; the copy and the instances need time besides. Give the "
            "stage a longer deadline, or the rollout shorter waits"
        )


def _retained_violations(path: str, stage: Stage) -> Iterator[str]:
    if stage.exclude_retained_variant_properties and not stage.retain_all_variant_properties:
        yield f"{path}.exclude_retained_variant_properties: nothing is retained, so nothing can be excluded"
    retries = stage.capacity_retries
    if retries and retries.max_attempts * seconds(retries.wait) >= stage.deadline_seconds:
        yield (
            f"{path}.capacity_retries: {retries.max_attempts} times {retries.wait} is not less than the stage's "
            f"deadline {stage.deadline}"
        )
