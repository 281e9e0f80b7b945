"""What promotion.yaml says of a stage's automatic scaling, checked, and in the words of Application Auto Scaling's API.

docs/configuration.md explains every member.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Annotated, Any

import botocore.session
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from lambdas.promotion.contract import settings

# The policy that `target_value` stands for: a changed metric or value replaces it.
POLICY = "promote-target-tracking"
_DURATION = re.compile(r"[1-9][0-9]*[smh]|0")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "0": 0}
# AWS: SageMaker, "Define a scaling policy"; Application Auto Scaling API, MetricType.
_USUAL_METRIC = {
    settings.INSTANCES: "SageMakerVariantInvocationsPerInstance",
    settings.CONCURRENCY: "SageMakerVariantProvisionedConcurrencyUtilization",
}
_METRICS = (*_USUAL_METRIC.values(), "SageMakerVariantConcurrentRequestsPerModelHighResolution")
_NAMED = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/any/variant/any",
    "ScalableDimension": settings.INSTANCES,
}


def _duration(text: str) -> str:
    if not _DURATION.fullmatch(text):
        raise ValueError(f"must be a duration such as 90s, 5m or 1h, not {text!r}")
    return text


def _metric(value: object) -> object:
    if not isinstance(value, dict) and value not in _METRICS:
        raise ValueError(f"must be one of {', '.join(_METRICS)}, or a CustomizedMetricSpecification, not {value!r}")
    return value


Cooldown = Annotated[str, AfterValidator(_duration)]
Count = Annotated[int, Field(ge=0, strict=True)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Capacity(_Strict):
    """Between how few and how many."""

    min: Count
    max: Count

    @model_validator(mode="after")
    def _in_order(self) -> _Capacity:
        if self.min > self.max:
            raise ValueError(f"min is {self.min}, which is more than max, {self.max}")
        return self

    @property
    def to_api(self) -> dict[str, int]:
        return {"MinCapacity": self.min, "MaxCapacity": self.max}


class ScheduledAction(_Capacity):
    """Other limits from a time on (API: PutScheduledAction)."""

    schedule: str
    timezone: str | None = None

    def put(self, name: str) -> dict[str, Any]:
        return {
            "ScheduledActionName": name,
            "Schedule": self.schedule,
            **({"Timezone": self.timezone} if self.timezone else {}),
            "ScalableTargetAction": self.to_api,
        }


class VariantScaling(_Capacity):
    """How a variant is scaled: to a value of a metric, by policies in the API's own words, by the clock."""

    target_value: Annotated[float, Field(gt=0)] | None = None
    metric: Annotated[Any, AfterValidator(_metric)] = None
    scale_in_cooldown: Cooldown | None = None
    scale_out_cooldown: Cooldown | None = None
    policies: dict[str, dict[str, Any]] = {}
    scheduled_actions: dict[str, ScheduledAction] = {}

    @model_validator(mode="after")
    def _whole(self) -> VariantScaling:
        problems = list(self._problems())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def deployed(self, variant: str, specification: Mapping[str, Any]) -> settings.Scaling:
        """Return what the Lambdas get of it; `specification` is the variant in CreateEndpointConfig's words."""
        dimension = settings.CONCURRENCY if "ServerlessConfig" in specification else settings.INSTANCES
        tracking = [self._tracking(dimension)] if self.target_value is not None else []
        return settings.Scaling(
            variant=variant,
            dimension=dimension,
            capacity=self.to_api,
            policies=(*tracking, *({"PolicyName": name, **one} for name, one in self.policies.items())),
            scheduled_actions=tuple(one.put(name) for name, one in self.scheduled_actions.items()),
        )

    def _tracking(self, dimension: str) -> dict[str, Any]:
        metric = self.metric or _USUAL_METRIC[dimension]
        cooldowns = {"ScaleInCooldown": self.scale_in_cooldown, "ScaleOutCooldown": self.scale_out_cooldown}
        return {
            "PolicyName": POLICY,
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": self.target_value,
                **(
                    {"CustomizedMetricSpecification": metric}
                    if isinstance(metric, dict)
                    else {"PredefinedMetricSpecification": {"PredefinedMetricType": metric}}
                ),
                **{name: _seconds(text) for name, text in cooldowns.items() if text},
            },
        }

    def _problems(self) -> Iterator[str]:
        if self.target_value is None:
            for field in ("metric", "scale_in_cooldown", "scale_out_cooldown"):
                if getattr(self, field) is not None:
                    yield f"{field} means nothing without target_value"
        else:
            yield from _api_violations("metric", "PutScalingPolicy", self._tracking(settings.INSTANCES))
        if POLICY in self.policies:
            yield f"policies.{POLICY}: that is the name of the policy that target_value makes; call it something else"
        for name, one in self.policies.items():
            yield from _api_violations(f"policies.{name}", "PutScalingPolicy", {"PolicyName": name, **one})
        for name, action in self.scheduled_actions.items():
            yield from _api_violations(f"scheduled_actions.{name}", "PutScheduledAction", action.put(name))


def _keep_as_empty(value: object) -> object:
    return {} if value == "keep" else value


Autoscaling = Annotated[dict[str, VariantScaling], BeforeValidator(_keep_as_empty)]


def deployed(
    autoscaling: Mapping[str, VariantScaling], variants: Mapping[str, Mapping[str, Any]]
) -> tuple[settings.Scaling, ...]:
    """Return what the Lambdas get; `variants` are the stage's, by name, in CreateEndpointConfig's words."""
    return tuple(one.deployed(name, variants[name]) for name, one in autoscaling.items())


def constraint_violations(path: str, autoscaling: Collection[str], variants: Collection[str]) -> Iterator[str]:
    """Yield the variants that the stage does not have."""
    for name in autoscaling:
        if name not in variants:
            yield f"{path}.autoscaling.{name}: the stage has no variant {name!r} (it has: {', '.join(variants)})"


def _api_violations(path: str, operation: str, request: Mapping[str, Any]) -> Iterator[str]:
    """Yield what botocore would refuse: members that are unknown, missing, or of another type."""
    shape = _api().shape_for(f"{operation}Request")
    report = ParamValidator().validate({**_NAMED, **request}, shape)
    if report.has_errors():
        yield f"{path}: {' '.join(report.generate_report().split())}"


@cache
def _api() -> ServiceModel:
    return botocore.session.get_session().get_service_model("application-autoscaling")


def _seconds(text: str) -> int:
    return int(text.rstrip("smh")) * _SECONDS[text[-1]] if text != "0" else 0
