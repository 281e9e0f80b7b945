"""A stage's `autoscaling` in promotion.yaml, checked, and in the words of Application Auto Scaling's API."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Literal

import botocore.session
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from lambdas.promotion.contract import settings
from stacks.config.fields.field_types import StrictModel, text
from stacks.config.fields.option import SCALING, option

# The policy that `target_value` stands for: a changed metric or value replaces it.
POLICY = "promote-target-tracking"
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


def _metric(value: object) -> object:
    if not isinstance(value, dict) and value not in _METRICS:
        raise ValueError(f"must be one of {', '.join(_METRICS)}, or a CustomizedMetricSpecification, not {value!r}")
    return value


Cooldown = Annotated[str, text(r"^([1-9][0-9]*[smh]|0)$", 'a duration such as 90s, 5m or 1h, or "0"')]
Count = Annotated[int, Field(ge=0, strict=True)]


class _Capacity(StrictModel):
    """The limits of the capacity."""

    min: Annotated[
        Count,
        option(
            "MinCapacity: instances, or the provisioned concurrency of a serverless variant.",
            example=1,
            effect=SCALING,
        ),
    ]
    max: Annotated[
        Count,
        option(
            "MaxCapacity, not less than `min`.",
            example=4,
            effect=SCALING,
        ),
    ]

    @model_validator(mode="after")
    def _in_order(self) -> _Capacity:
        if self.min > self.max:
            raise ValueError(f"min is {self.min}, which is more than max, {self.max}")
        return self

    @property
    def to_api(self) -> dict[str, int]:
        return {"MinCapacity": self.min, "MaxCapacity": self.max}


class ScheduledAction(_Capacity, title="A scheduled action"):
    """Other limits from a time on (API: PutScheduledAction). `min` and `max` are its ScalableTargetAction."""

    schedule: Annotated[
        str,
        option(
            "Schedule: `at(…)`, `rate(…)` or `cron(…)`.",
            example="cron(0 22 * * ? *)",
            effect=SCALING,
        ),
    ]
    timezone: Annotated[
        str | None,
        option(
            "Timezone: a time zone's name. Without it, UTC.",
            example="Europe/Berlin",
            effect=SCALING,
        ),
    ] = None

    def put(self, name: str) -> dict[str, Any]:
        return {
            "ScheduledActionName": name,
            "Schedule": self.schedule,
            **({"Timezone": self.timezone} if self.timezone else {}),
            "ScalableTargetAction": self.to_api,
        }


class VariantScaling(_Capacity, title="A stage's autoscaling"):
    """How a variant is scaled: to a value of a metric, by policies in the API's own words, by schedule.

    What is registered with Application Auto Scaling for the endpoint's variants is kept: SageMaker refuses some updates
    of a variant that is scaled, and for those Promote suspends the scaling and registers it again. A variant that is
    listed here is registered so after each successful promotion, Unchanged ones included. What someone has suspended
    stays suspended, and nothing is deleted: a policy that is removed from the file stays until someone deletes it.
    Which instance types can be scaled is decided by SageMaker (burstable ones cannot); if it refuses, the endpoint
    serves the new model and the promotion ends with `ScalingIncomplete`.
    """

    target_value: Annotated[
        Annotated[float, Field(gt=0)] | None,
        option(
            "TargetValue of a target tracking policy, which is called `promote-target-tracking`. Application Auto "
            "Scaling creates its alarms.",
            example=70,
            effect=SCALING,
        ),
    ] = None
    metric: Annotated[
        Any,
        AfterValidator(_metric),
        WithJsonSchema({"anyOf": [{"enum": list(_METRICS)}, {"type": "object"}]}),
        option(
            "The metric of that policy: `SageMakerVariantInvocationsPerInstance` (the default), "
            "`SageMakerVariantProvisionedConcurrencyUtilization` (the default of a serverless variant), "
            "`SageMakerVariantConcurrentRequestsPerModelHighResolution`, or a CustomizedMetricSpecification in "
            "the API's words. A variant can have one policy for a metric.",
            example="SageMakerVariantInvocationsPerInstance",
            effect=SCALING,
        ),
    ] = None
    scale_in_cooldown: Annotated[
        Cooldown | None,
        option(
            "ScaleInCooldown. Without it, AWS's default.",
            example="5m",
            effect=SCALING,
        ),
    ] = None
    scale_out_cooldown: Annotated[
        Cooldown | None,
        option(
            "ScaleOutCooldown. Without it, AWS's default.",
            example="1m",
            effect=SCALING,
        ),
    ] = None
    policies: Annotated[
        dict[str, dict[str, Any]],
        option(
            "Other policies by their names, in the words of PutScalingPolicy. The alarms that step scaling needs "
            "are yours to create, with the policy's ARN as their action.",
            example={
                "on-backlog": {
                    "PolicyType": "StepScaling",
                    "StepScalingPolicyConfiguration": {
                        "AdjustmentType": "ChangeInCapacity",
                        "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
                    },
                }
            },
            effect=SCALING,
        ),
    ] = Field(default_factory=dict)
    scheduled_actions: Annotated[
        dict[str, ScheduledAction],
        option(
            "Other limits from a time on, by their names.",
            example={"night": {"schedule": "cron(0 22 * * ? *)", "min": 1, "max": 1}},
            effect=SCALING,
        ),
    ] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> VariantScaling:
        problems = list(self._problems())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def deployed(self, variant: str, specification: Mapping[str, Any]) -> settings.Scaling:
        """Return the settings; `specification` is the variant in CreateEndpointConfig's words."""
        dimension = settings.CONCURRENCY if "ServerlessConfig" in specification else settings.INSTANCES
        tracking = [self._tracking(dimension)] if self.target_value is not None else []
        return settings.Scaling(
            variant=variant,
            dimension=dimension,
            capacity=self.to_api,
            policies=(*tracking, *({"PolicyName": name, **policy} for name, policy in self.policies.items())),
            scheduled_actions=tuple(action.put(name) for name, action in self.scheduled_actions.items()),
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
                    yield f"{field} has no effect without target_value"
        else:
            yield from _api_violations("metric", "PutScalingPolicy", self._tracking(settings.INSTANCES))
        if POLICY in self.policies:
            yield f"policies.{POLICY}: that is the name of the policy that target_value makes; call it something else"
        for name, policy in self.policies.items():
            yield from _api_violations(f"policies.{name}", "PutScalingPolicy", {"PolicyName": name, **policy})
        for name, action in self.scheduled_actions.items():
            yield from _api_violations(f"scheduled_actions.{name}", "PutScheduledAction", action.put(name))


def _keep_as_empty(value: object) -> object:
    return {} if value == "keep" else value


Autoscaling = Annotated[
    dict[str, VariantScaling],
    BeforeValidator(_keep_as_empty, json_schema_input_type=Literal["keep"] | dict[str, VariantScaling]),
]


def deployed(
    autoscaling: Mapping[str, VariantScaling], variants: Mapping[str, Mapping[str, Any]]
) -> tuple[settings.Scaling, ...]:
    """Return the settings; `variants` are the stage's, by name, in CreateEndpointConfig's words."""
    return tuple(scaling.deployed(name, variants[name]) for name, scaling in autoscaling.items())


def constraint_violations(path: str, autoscaling: Collection[str], variants: Collection[str]) -> Iterator[str]:
    """Yield the variants that the stage does not have."""
    for name in autoscaling:
        if name not in variants:
            yield f"{path}.autoscaling.{name}: the stage has no variant {name!r} (it has: {', '.join(variants)})"


def _api_violations(path: str, operation: str, request: Mapping[str, Any]) -> Iterator[str]:
    """Yield what botocore would refuse: fields that are unknown, missing, or of another type."""
    shape = _api().shape_for(f"{operation}Request")
    report = ParamValidator().validate({**_NAMED, **request}, shape)
    if report.has_errors():
        yield f"{path}: {' '.join(report.generate_report().split())}"


@cache
def _api() -> ServiceModel:
    return botocore.session.get_session().get_service_model("application-autoscaling")


def _seconds(text: str) -> int:
    return int(text.rstrip("smh")) * _SECONDS[text[-1]] if text != "0" else 0
