"""What a stage says of its endpoint that is well-formed and that SageMaker excludes. Each with its path and a sentence.

Sources: the API's shapes, and the developer guide's pages on serverless endpoints, deployment guardrails (exclusions),
shadow variants and key management.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from stacks.config.endpoint import Variant
from stacks.config.field_types import seconds
from stacks.config.rollout import Rollout, Size

if TYPE_CHECKING:
    from stacks.config.schema import Environment, Stage

# Families with local NVMe storage, besides those that say so by a d behind the generation, such as m5d and g4dn.
_LOCAL_STORAGE = {"dl1", "g5", "g6", "g6e", "g7", "g7e", "p5", "p5e", "p5en", "trn1", "trn1n", "trn2"}
_D_FAMILY = re.compile(r"[a-z]+[0-9]+[a-z]*d[a-z]*")
_MAX_PERCENT = 50
# Members of a variant that are about instances, of which serverless has none.
_OF_INSTANCES = (
    "initial_instance_count",
    "instance_provision_timeout",
    "managed_instance_scaling",
    "routing",
    "volume_size_in_gb",
    "inference_ami_version",
    "capacity_reservation",
    "core_dump",
    "enable_ssm_access",
)


def constraint_violations(path: str, stage: Stage, target: Environment | None) -> Iterator[str]:
    """Yield what contradicts itself in a stage whose `variants` are well-formed."""
    if not stage.variants:
        return
    yield from _of_variants(path, stage)
    yield from _of_serverless(path, stage)
    yield from _of_parts(path, stage)
    if stage.rollout:
        yield from _of_rollout(f"{path}.rollout", stage.rollout, stage)
    yield from _of_update(path, stage)
    if target:
        yield from _region_violations(path, stage, target.region)


def has_local_storage(instance_type: str) -> bool:
    family = instance_type.split(".")[1]
    return family in _LOCAL_STORAGE or family.startswith("p6") or bool(_D_FAMILY.fullmatch(family))


def _of_variants(path: str, stage: Stage) -> Iterator[str]:
    names: set[str] = set()
    for field in ("variants", "shadow_variants"):
        for number, variant in enumerate(getattr(stage, field)):
            where = f"{path}.{field}.{number}"
            if variant.name in names:
                yield f"{where}.name: another variant is called {variant.name!r} too"
            names.add(variant.name)
            yield from _of_variant(where, variant)
            yield from _of_volume(where, variant, stage)
    if stage.shadow_variants and len(stage.variants) != 1:
        yield (
            f"{path}.shadow_variants: a shadow variant mirrors exactly one production variant, and there are "
            f"{len(stage.variants)} (API: ShadowProductionVariants)"
        )


def _of_variant(where: str, variant: Variant) -> Iterator[str]:
    strategies = [kind for kind in ("instance_type", "instance_pools", "serverless") if getattr(variant, kind)]
    if len(strategies) != 1:
        said = f"has {' and '.join(strategies)}" if strategies else "has none of them"
        yield f"{where}: must have one of instance_type, instance_pools and serverless; it {said}"
    if variant.serverless:
        excluded = [field for field in _OF_INSTANCES if getattr(variant, field) is not None]
        if excluded:
            yield f"{where}: serverless has no instances, so it cannot have {', '.join(excluded)}"
        memory, most = variant.serverless.memory_size_in_mb, variant.serverless.max_concurrency
        if memory % 1024:
            yield f"{where}.serverless.memory_size_in_mb: must be a multiple of 1024, not {memory}"
        provisioned = variant.serverless.provisioned_concurrency
        if provisioned and provisioned > most:
            yield f"{where}.serverless.provisioned_concurrency: {provisioned} is more than max_concurrency {most}"
    elif strategies and variant.initial_instance_count is None:
        yield f"{where}.initial_instance_count: is missing"
    pools = [pool.instance_type for pool in variant.instance_pools]
    if len(set(pools)) < len(pools):
        yield f"{where}.instance_pools: an instance type stands twice"
    scaling = variant.managed_instance_scaling
    if scaling and (scaling.min_instance_count or 0) > (scaling.max_instance_count or float("inf")):
        yield (
            f"{where}.managed_instance_scaling: min_instance_count {scaling.min_instance_count} is more than "
            f"max_instance_count {scaling.max_instance_count}"
        )
    routing = variant.routing
    if (
        routing
        and routing.routing_strategy != "PREFIX_AWARE"
        and (routing.prefix_length or routing.concurrency_threshold)
    ):
        yield f"{where}.routing: prefix_length and concurrency_threshold are for PREFIX_AWARE only"


def _of_volume(where: str, variant: Variant, stage: Stage) -> Iterator[str]:
    local = [one for one in variant.instance_types if has_local_storage(one)]
    if stage.volume_key and local:
        yield (
            f"{where}: {', '.join(local)} has local storage, which its hardware encrypts and volume_key does not; "
            "SageMaker takes no volume_key with such a type. Leave volume_key out, or take another type"
        )


def _of_serverless(path: str, stage: Stage) -> Iterator[str]:
    if not any(variant.serverless for variant in stage.every_variant):
        return
    excluded = {
        "variants": len(stage.variants) > 1,
        "shadow_variants": bool(stage.shadow_variants),
        "data_capture": bool(stage.data_capture),
        "async_inference": bool(stage.async_inference),
        "rollout": bool(stage.rollout),
        "volume_key": bool(stage.volume_key),
        "vpc": bool(stage.vpc and stage.vpc.subnets),
        "network_isolation": bool(stage.network_isolation),
    }
    for field in (field for field, there in excluded.items() if there):
        yield f"{path}.{field}: a serverless endpoint cannot have it (AWS: Serverless Inference, exclusions)"


def _of_parts(path: str, stage: Stage) -> Iterator[str]:
    if stage.explainer:
        shap = stage.explainer.shap
        if bool(shap.shap_baseline) == bool(shap.shap_baseline_uri):
            yield f"{path}.explainer.shap: must have one of shap_baseline and shap_baseline_uri"
        if bool(shap.language) != bool(shap.granularity):
            yield f"{path}.explainer.shap: language and granularity stand together (API: ClarifyTextConfig)"
    if stage.async_inference:
        violations = stage.async_inference.include_inference_response_in
        for topic in ("success", "error"):
            if f"{topic.upper()}_NOTIFICATION_TOPIC" in violations and not getattr(
                stage.async_inference, f"{topic}_topic"
            ):
                yield f"{path}.async_inference.include_inference_response_in: there is no {topic}_topic"


def _of_rollout(path: str, rollout: Rollout, stage: Stage) -> Iterator[str]:
    if len(rollout.strategies) > 1:
        yield f"{path}: must have at most one of canary, linear and rolling, not {' and '.join(rollout.strategies)}"
        return
    yield from _of_size(f"{path}.canary", rollout.canary, 1)
    yield from _of_size(f"{path}.linear", rollout.linear, 10)
    yield from _of_size(f"{path}.rolling", rollout.rolling, 5)
    if rollout.rolling and len(stage.every_variant) > 1:
        yield f"{path}.rolling: a rolling deployment takes one variant (AWS: deployment guardrails, exclusions)"
    if rollout.rolling and rollout.termination_wait:
        yield f"{path}.termination_wait: a rolling deployment keeps no old fleet (API: RollingUpdatePolicy)"
    if rollout.rollback_batch and not rollout.rolling:
        yield f"{path}.rollback_batch: is for a rolling deployment only (API: RollingUpdatePolicy)"
    if len(set(rollout.alarms)) < len(rollout.alarms):
        yield f"{path}.alarms: an alarm stands twice"
    if any(one.startswith("ml.inf1.") for variant in stage.every_variant for one in variant.instance_types):
        yield f"{path}: SageMaker ignores it for ml.inf1 types (AWS: deployment guardrails, exclusions); leave it out"
    yield from _of_waits(path, rollout, stage)


def _of_size(path: str, size: Size | None, least: int) -> Iterator[str]:
    if size and size.percent and not least <= size.value <= _MAX_PERCENT:
        yield f"{path}: must be from {least}% to {_MAX_PERCENT}%, not {size}"


def _of_waits(path: str, rollout: Rollout, stage: Stage) -> Iterator[str]:
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


def _of_update(path: str, stage: Stage) -> Iterator[str]:
    if stage.exclude_retained_variant_properties and not stage.retain_all_variant_properties:
        yield f"{path}.exclude_retained_variant_properties: nothing is retained, so nothing can be excluded"
    retries = stage.capacity_retries
    if retries and retries.max_attempts * seconds(retries.wait) >= stage.deadline_seconds:
        yield (
            f"{path}.capacity_retries: {retries.max_attempts} times {retries.wait} is not less than the stage's "
            f"deadline {stage.deadline}"
        )


def _region_violations(path: str, stage: Stage, region: str) -> Iterator[str]:
    """Yield what must lie in the endpoint's own Region and does not."""
    arns = {"volume_key": stage.volume_key}
    if stage.async_inference:
        arns |= {
            f"async_inference.{one}": getattr(stage.async_inference, one) for one in ("success_topic", "error_topic")
        }
    for field, arn in arns.items():
        if arn and arn.split(":")[3] != region:
            yield f"{path}.{field}: {arn} lies in {arn.split(':')[3]}, the stage in {region}"
