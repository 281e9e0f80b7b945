"""What Application Auto Scaling does not register of a stage's variants. Each violation has its path and a sentence.

A scaling that AWS refuses is noticed only after the new model is live (`ScalingIncomplete`), or never. Sources:
recordings/application-autoscaling, and the developer guide's pages on automatic scaling.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lambdas.promotion.contract import settings
from stacks.config.schema import Stage
from stacks.config.stage.autoscaling import VariantScaling
from stacks.config.stage.scaling_policies import METRICS_BY_DIMENSION
from stacks.config.stage.variant import Variant

# Every family of EC2 that begins with a t is burstable (AWS: EC2, Burstable performance instances).
_BURSTABLE = re.compile(r"ml\.t[0-9]")


def constraint_violations(path: str, stage: Stage) -> Iterator[str]:
    """Yield what of a stage's autoscaling cannot be; its `variants` are well-formed."""
    variants = {variant.name: variant for variant in stage.variants}
    for name, scaling in stage.autoscaling.items():
        scaling_path = f"{path}.autoscaling.{name}"
        if name in variants:
            yield from _violations(scaling_path, scaling, variants[name], stage)
        elif name in {variant.name for variant in stage.shadow_variants}:
            yield f"{scaling_path}: a shadow variant is not scaled; scale the production variant"
        else:
            yield f"{scaling_path}: the stage has no variant {name!r} (it has: {', '.join(variants)})"


def _violations(path: str, scaling: VariantScaling, variant: Variant, stage: Stage) -> Iterator[str]:
    if variant.serverless:
        yield from _serverless_violations(path, scaling, variant)
    else:
        yield from _instance_violations(path, scaling, variant, asynchronous=stage.async_inference is not None)
    yield from _metric_violations(path, scaling, settings.CONCURRENCY if variant.serverless else settings.INSTANCES)


def _serverless_violations(path: str, scaling: VariantScaling, variant: Variant) -> Iterator[str]:
    assert variant.serverless  # noqa: S101 - asked before
    provisioned, most = variant.serverless.provisioned_concurrency, variant.serverless.max_concurrency
    if provisioned is None:
        yield (
            f"{path}: the variant is serverless without provisioned_concurrency, which is all that is scaled of such a "
            "variant; give it one, or leave the scaling out"
        )
        return
    yield from _initial_violations(path, scaling, "provisioned_concurrency", provisioned)
    for limits_path, limits in scaling.limits.items():
        if limits.max > most:
            yield f"{path}{limits_path}.max: {limits.max} is more than the variant's max_concurrency, {most}"


def _instance_violations(path: str, scaling: VariantScaling, variant: Variant, *, asynchronous: bool) -> Iterator[str]:
    burstable = [instance_type for instance_type in variant.instance_types if _BURSTABLE.match(instance_type)]
    if burstable:
        yield f"{path}: {', '.join(burstable)} is burstable, which SageMaker does not scale; take another type"
    if variant.initial_instance_count is not None:
        yield from _initial_violations(path, scaling, "initial_instance_count", variant.initial_instance_count)
    for limits_path, limits in scaling.limits.items():
        if limits.min == 0 and not asynchronous:
            yield f"{path}{limits_path}.min: only an asynchronous endpoint can have no instances; it must be 1 or more"


def _initial_violations(path: str, scaling: VariantScaling, field: str, count: int) -> Iterator[str]:
    if not scaling.min <= count <= scaling.max:
        yield (
            f"{path}: min is {scaling.min} and max {scaling.max}, and a new variant begins with {field} {count}; "
            "let it begin between them"
        )


def _metric_violations(path: str, scaling: VariantScaling, dimension: str) -> Iterator[str]:
    metrics = METRICS_BY_DIMENSION[dimension]
    for metric_path, metric in scaling.predefined_metrics:
        if metric not in metrics:
            scaled = "provisioned concurrency" if dimension == settings.CONCURRENCY else "instances"
            yield f"{path}.{metric_path}: {metric} does not scale {scaled}; take {' or '.join(metrics)}"
