"""A stage's `autoscaling` in promotion.yaml, checked, and in the words of Application Auto Scaling's API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from lambdas.promotion.contract import settings
from stacks.config.fields.field_types import StrictModel, text
from stacks.config.fields.option import SCALING, option
from stacks.config.stage import scaling_policies
from stacks.config.stage.scaling_policies import METRICS, METRICS_BY_DIMENSION

# The policy that `target_value` stands for: a changed metric or value replaces it.
POLICY = "promote-target-tracking"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "0": 0}


def _metric(value: object) -> object:
    if not isinstance(value, dict) and value not in METRICS:
        raise ValueError(f"must be one of {', '.join(METRICS)}, or a CustomizedMetricSpecification, not {value!r}")
    return value


Cooldown = Annotated[str, text(r"^([1-9][0-9]*[smh]|0)$", 'a duration such as 90s, 5m or 1h, or "0"')]
Schedule = Annotated[str, text(r"^(at|rate|cron)\(.+\)$", "at(…), rate(…) or cron(…)")]
Count = Annotated[int, Field(ge=0, strict=True)]


class _Capacity(StrictModel):
    """The limits of the capacity."""

    min: Annotated[
        Count,
        option(
            "MinCapacity: instances, or the provisioned concurrency of a serverless variant. Only an asynchronous "
            "endpoint can have 0 instances. A new variant's initial count must lie between `min` and `max`.",
            example=1,
            effect=SCALING,
        ),
    ]
    max: Annotated[
        Count,
        option(
            "MaxCapacity, not less than `min`; of a serverless variant, not more than its `max_concurrency`.",
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
        Schedule,
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
    Burstable instance types are not scaled, nor a serverless variant without `provisioned_concurrency`. If AWS refuses
    something else, the endpoint serves the new model and the promotion ends with `ScalingIncomplete`.
    """

    target_value: Annotated[
        Annotated[float, Field(gt=0, allow_inf_nan=False)] | None,
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
        WithJsonSchema({"anyOf": [{"enum": list(METRICS)}, {"type": "object"}]}),
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

    @property
    def limits(self) -> dict[str, _Capacity]:
        """The limits that hold at some time, by their paths in this part."""
        return {"": self, **{f".scheduled_actions.{name}": action for name, action in self.scheduled_actions.items()}}

    @property
    def predefined_metrics(self) -> list[tuple[str, str]]:
        """The path and the name of each predefined metric that the file names."""
        metrics = [("metric", self.metric)] if isinstance(self.metric, str) else []
        for name, policy in self.policies.items():
            tracking = policy.get("TargetTrackingScalingPolicyConfiguration", {})
            if "PredefinedMetricSpecification" in tracking:
                metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
                metrics.append((f"policies.{name}", metric))
        return metrics

    def _tracking(self, dimension: str) -> dict[str, Any]:
        metric = self.metric or METRICS_BY_DIMENSION[dimension][0]
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
            yield from scaling_policies.api_violations("metric", "PutScalingPolicy", self._tracking(settings.INSTANCES))
        if POLICY in self.policies:
            yield f"policies.{POLICY}: that is the name of the policy that target_value makes; call it something else"
        yield from self._policy_problems()
        for name, action in self.scheduled_actions.items():
            yield from scaling_policies.api_violations(
                f"scheduled_actions.{name}", "PutScheduledAction", action.put(name)
            )

    def _policy_problems(self) -> Iterator[str]:
        problems = [
            problem
            for name, policy in self.policies.items()
            for problem in scaling_policies.violations(f"policies.{name}", name, policy)
        ]
        yield from problems
        metrics = [] if problems else [metric for _, metric in self.predefined_metrics]
        for metric in dict.fromkeys(metrics):
            if metrics.count(metric) > 1:
                yield f"{metric} is tracked by {metrics.count(metric)} policies, and a variant has one for a metric"


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


def _seconds(text: str) -> int:
    return int(text.rstrip("smh")) * _SECONDS[text[-1]] if text != "0" else 0
