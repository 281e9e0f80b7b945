"""What SageMaker excludes in a stage that is well-formed. Each violation has its path and a sentence.

Sources: the API's shapes, and the developer guide's pages on serverless endpoints, deployment guardrails (exclusions),
shadow variants and key management.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from stacks.config import rollout_constraints
from stacks.config.schema import Environment, Stage
from stacks.config.stage.preview import ON_INSTANCES
from stacks.config.stage.variant import Routing, Variant

# Families with local NVMe storage, besides those that say so by a d behind the generation, such as m5d and g4dn.
_LOCAL_STORAGE = {"dl1", "g5", "g6", "g6e", "g7", "g7e", "p5", "p5e", "p5en", "trn1", "trn1n", "trn2"}
_D_FAMILY = re.compile(r"[a-z]+[0-9]+[a-z]*d[a-z]*")
# Families whose models want an accelerator, which serverless has not (AWS: Serverless Inference, exclusions).
_ACCELERATED = re.compile(r"ml\.(dl|g|inf|p|trn)[0-9]")
# Fields of a variant that are about instances, of which serverless has none.
_INSTANCE_FIELDS = (
    "initial_instance_count",
    "instance_provision_timeout",
    "routing",
    "volume_size_in_gb",
    "inference_ami_version",
    "capacity_reservation",
    "core_dump",
    "enable_ssm_access",
)


def constraint_violations(path: str, stage: Stage, target: Environment | None) -> Iterator[str]:
    """Yield what cannot be deployed; of the endpoint only where the stage's `variants` are well-formed."""
    if stage.variants:
        yield from _variant_list_violations(path, stage)
        yield from _serverless_violations(path, stage)
        yield from _explainer_and_async_violations(path, stage)
        yield from _cross_region_violations(path, stage)
        yield from rollout_constraints.update_violations(path, stage)
        if target and target.region:
            yield from _region_violations(path, stage, target.region)
    if stage.preview:
        yield from _preview_violations(f"{path}.preview", stage)


def has_local_storage(instance_type: str) -> bool:
    family = instance_type.split(".")[1]
    return family in _LOCAL_STORAGE or family.startswith("p6") or bool(_D_FAMILY.fullmatch(family))


def _variant_list_violations(path: str, stage: Stage) -> Iterator[str]:
    names: set[str] = set()
    for field in ("variants", "shadow_variants"):
        for number, variant in enumerate(getattr(stage, field)):
            variant_path = f"{path}.{field}.{number}"
            if variant.name in names:
                yield f"{variant_path}.name: another variant is called {variant.name!r} too"
            names.add(variant.name)
            yield from _variant_violations(variant_path, variant)
            yield from _volume_violations(variant_path, variant, stage)
    if stage.shadow_variants:
        yield from _shadow_violations(f"{path}.shadow_variants", stage)


def _shadow_violations(path: str, stage: Stage) -> Iterator[str]:
    """Yield what excludes a shadow variant (AWS: Shadow tests, exclusions); what of the model does, preflight finds."""
    if len(stage.variants) != 1:
        yield (
            f"{path}: a shadow variant mirrors exactly one production variant, and there are {len(stage.variants)} "
            "(API: ShadowProductionVariants)"
        )
    if stage.async_inference:
        yield f"{path}: a shadow variant cannot mirror an asynchronous endpoint (AWS: Shadow tests, exclusions)"
    for verb, variants in (("mirror", stage.variants), ("run on", stage.shadow_variants)):
        types = [instance_type for variant in variants for instance_type in variant.instance_types]
        inferentia = [instance_type for instance_type in types if instance_type.startswith("ml.inf1.")]
        if inferentia:
            yield (
                f"{path}: a shadow variant cannot {verb} {', '.join(inferentia)} (AWS: Shadow tests, exclusions); "
                "leave it out, or take another type"
            )


def _variant_violations(path: str, variant: Variant) -> Iterator[str]:
    strategies = [kind for kind in ("instance_type", "instance_pools", "serverless") if getattr(variant, kind)]
    if len(strategies) != 1:
        strategy = f"has {' and '.join(strategies)}" if strategies else "has none of them"
        yield f"{path}: must have one of instance_type, instance_pools and serverless; it {strategy}"
    if variant.serverless:
        excluded = [field for field in _INSTANCE_FIELDS if getattr(variant, field) is not None]
        if excluded:
            yield f"{path}: serverless has no instances, so it cannot have {', '.join(excluded)}"
        memory, most = variant.serverless.memory_size_in_mb, variant.serverless.max_concurrency
        if memory % 1024:
            yield f"{path}.serverless.memory_size_in_mb: must be a multiple of 1024, not {memory}"
        provisioned = variant.serverless.provisioned_concurrency
        if provisioned and provisioned > most:
            yield f"{path}.serverless.provisioned_concurrency: {provisioned} is more than max_concurrency {most}"
    elif strategies and variant.initial_instance_count is None:
        yield f"{path}.initial_instance_count: is missing"
    pools = [pool.instance_type for pool in variant.instance_pools]
    if len(set(pools)) < len(pools):
        yield f"{path}.instance_pools: an instance type is listed twice"
    if variant.routing:
        yield from _routing_violations(f"{path}.routing", variant.routing)


def _routing_violations(path: str, routing: Routing) -> Iterator[str]:
    """Yield what does not go with the strategy (API: PrefixAwareRoutingConfig)."""
    fields = ("prefix_length", "concurrency_threshold")
    missing = [field for field in fields if getattr(routing, field) is None]
    if routing.routing_strategy == "PREFIX_AWARE":
        if missing:
            yield f"{path}: PREFIX_AWARE requires {' and '.join(missing)}"
    elif len(missing) < len(fields):
        yield f"{path}: prefix_length and concurrency_threshold are for PREFIX_AWARE only"


def _volume_violations(path: str, variant: Variant, stage: Stage) -> Iterator[str]:
    local = [instance_type for instance_type in variant.instance_types if has_local_storage(instance_type)]
    if stage.volume_key and local:
        yield (
            f"{path}: {', '.join(local)} has local storage, which its hardware encrypts and volume_key does not; "
            "SageMaker takes no volume_key with such a type. Leave volume_key out, or take another type"
        )
    if variant.volume_size_in_gb and local:
        yield (
            f"{path}: {', '.join(local)} has local storage, and SageMaker attaches no volume to it; leave "
            "volume_size_in_gb out, or take another type"
        )


def _serverless_violations(path: str, stage: Stage) -> Iterator[str]:
    if not any(variant.serverless for variant in stage.every_variant):
        return
    excluded = {
        "variants": len(stage.variants) > 1,
        "shadow_variants": bool(stage.shadow_variants),
        "data_capture": bool(stage.data_capture),
        "async_inference": bool(stage.async_inference),
        "rollout": bool(stage.rollout),
        "vpc": bool(stage.vpc and stage.vpc.subnets),
        "network_isolation": bool(stage.network_isolation),
    }
    for field in (field for field, is_set in excluded.items() if is_set):
        yield f"{path}.{field}: a serverless endpoint cannot have it (AWS: Serverless Inference, exclusions)"


def _explainer_and_async_violations(path: str, stage: Stage) -> Iterator[str]:
    if stage.explainer:
        shap = stage.explainer.shap
        if bool(shap.shap_baseline) == bool(shap.shap_baseline_uri):
            yield f"{path}.explainer.shap: must have one of shap_baseline and shap_baseline_uri"
        if bool(shap.language) != bool(shap.granularity):
            yield f"{path}.explainer.shap: language and granularity belong together (API: ClarifyTextConfig)"
    if stage.async_inference:
        violations = stage.async_inference.include_inference_response_in
        for topic in ("success", "error"):
            if f"{topic.upper()}_NOTIFICATION_TOPIC" in violations and not getattr(
                stage.async_inference, f"{topic}_topic"
            ):
                yield f"{path}.async_inference.include_inference_response_in: there is no {topic}_topic"


def _cross_region_violations(path: str, stage: Stage) -> Iterator[str]:
    excluded = {
        "a serverless": any(variant.serverless for variant in stage.variants),
        "an asynchronous": bool(stage.async_inference),
    }
    if stage.cross_region_traffic:
        for kind in (kind for kind, is_so in excluded.items() if is_so):
            yield f"{path}.cross_region_traffic: {kind} endpoint cannot have it (API: CreateEndpointConfig)"


def _region_violations(path: str, stage: Stage, region: str) -> Iterator[str]:
    """Yield what must be in the endpoint's own Region and is not."""
    arns = {"volume_key": stage.volume_key}
    if stage.async_inference:
        arns |= {
            f"async_inference.{topic}": getattr(stage.async_inference, topic)
            for topic in ("success_topic", "error_topic")
        }
    for field, arn in arns.items():
        if arn and arn.split(":")[3] != region:
            yield f"{path}.{field}: {arn} is in {arn.split(':')[3]}, the stage in {region}"


def _preview_violations(path: str, stage: Stage) -> Iterator[str]:
    if not stage.smoke_test:
        yield f"{path}: a preview runs the stage's smoke_test on a temporary endpoint, and there is no smoke_test"
    if stage.preview and stage.preview.serverless:
        yield from _serverless_preview_violations(f"{path}.serverless", stage)


def _serverless_preview_violations(path: str, stage: Stage) -> Iterator[str]:
    if stage.preview and stage.preview.serverless.provisioned_concurrency:
        yield f"{path}.provisioned_concurrency: a preview is not kept warm; leave it out"
    if any(variant.serverless for variant in stage.variants):
        yield f"{path}: the stage is serverless, and so is its preview; write {ON_INSTANCES}"
        return
    types = [instance_type for variant in stage.variants for instance_type in variant.instance_types]
    excluded: dict[str, Any] = {
        "async_inference": stage.async_inference,
        "explainer": stage.explainer,
        "vpc": stage.vpc and stage.vpc.subnets,
        "network_isolation": stage.network_isolation,
        "several variants": len(stage.variants) > 1,
        **{instance_type: True for instance_type in types if _ACCELERATED.match(instance_type)},
    }
    fields = [field for field, is_set in excluded.items() if is_set]
    if fields:
        yield (
            f"{path}: the stage has {', '.join(fields)}, which serverless cannot have (AWS: Serverless Inference, "
            f"exclusions); write {ON_INSTANCES}"
        )
