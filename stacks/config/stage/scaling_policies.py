"""Scaling policies in the words of Application Auto Scaling's API: what AWS would refuse of one, and its metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel

from lambdas.promotion.contract import settings
from stacks.config.fields import api_limits

# By what they scale, the usual one first (AWS: SageMaker, "Define a scaling policy"; API: MetricType; which metric
# goes with which dimension: recordings/application-autoscaling).
METRICS_BY_DIMENSION = {
    settings.INSTANCES: (
        "SageMakerVariantInvocationsPerInstance",
        "SageMakerVariantConcurrentRequestsPerModelHighResolution",
    ),
    settings.CONCURRENCY: ("SageMakerVariantProvisionedConcurrencyUtilization",),
}
METRICS = tuple(metric for metrics in METRICS_BY_DIMENSION.values() for metric in metrics)
# What each type of policy has; predictive scaling is not for variants (AWS: Application Auto Scaling guide).
_CONFIGURATIONS = {
    "TargetTrackingScaling": "TargetTrackingScalingPolicyConfiguration",
    "StepScaling": "StepScalingPolicyConfiguration",
}
_NAMED = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/any/variant/any",
    "ScalableDimension": settings.INSTANCES,
}


def violations(path: str, name: str, policy: Mapping[str, Any]) -> Iterator[str]:
    """Yield what PutScalingPolicy would refuse of a policy in its own words."""
    named = [field for field in ("PolicyName", *_NAMED) if field in policy]
    if named:
        yield f"{path}: {', '.join(named)} follows from the policy's name and its variant; leave it out"
        return
    problems = list(api_violations(path, "PutScalingPolicy", {"PolicyName": name, **policy}))
    yield from problems or _whole_policy_violations(path, policy)


def _whole_policy_violations(path: str, policy: Mapping[str, Any]) -> Iterator[str]:
    """Yield what AWS requires beyond botocore's model (API: PutScalingPolicy, StepScalingPolicyConfiguration)."""
    kind = policy.get("PolicyType")
    if kind not in _CONFIGURATIONS:
        yield f"{path}: PolicyType must be one of {', '.join(_CONFIGURATIONS)}, not {kind!r}"
        return
    configuration = policy.get(_CONFIGURATIONS[kind])
    if configuration is None or len(policy) > len(("PolicyType", "its configuration")):
        yield f"{path}: a policy of the type {kind} has {_CONFIGURATIONS[kind]}, and no other configuration"
    elif kind == "StepScaling":
        if missing := [field for field in ("AdjustmentType", "StepAdjustments") if not configuration.get(field)]:
            yield f"{path}: {', '.join(missing)} is missing"
    elif len([field for field in configuration if field.endswith("MetricSpecification")]) != 1:
        yield f"{path}: must have one of PredefinedMetricSpecification and CustomizedMetricSpecification"


def api_violations(path: str, operation: str, request: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the API does not allow: fields that are unknown, missing, too long or of another type."""
    shape = _api().shape_for(f"{operation}Request")
    for violation in api_limits.violations({**_NAMED, **request}, shape):
        yield f"{path}: {violation}"


@cache
def _api() -> ServiceModel:
    return botocore.session.get_session().get_service_model("application-autoscaling")
