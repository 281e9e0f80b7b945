"""autoscaling in promotion.yaml: checked at synthesis, and in the API's words for the Lambdas."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.promotion.contract.settings import CONCURRENCY, INSTANCES
from stacks.config.load import parse
from stacks.config.schema import ConfigurationError
from stacks.config.stage import autoscaling as autoscaling_config
from stacks.config.stage.autoscaling import VariantScaling

FILE: dict[str, Any] = {
    "hub": {"account": "111111111111", "region": "us-east-1"},
    "environments": {
        "dev": {"account": "222222222222", "region": "us-east-1", "buckets": ["models"]},
        "qa": {"account": "333333333333", "region": "us-east-1"},
    },
}
VARIANT = {"name": "All", "instance_type": "ml.m5.large", "initial_instance_count": 1}
INSTANCE: dict[str, Any] = {"InstanceType": "ml.m5.large"}
SERVERLESS: dict[str, Any] = {"ServerlessConfig": {}}


def file(**stage: Any) -> dict[str, Any]:
    qa = {"from": "dev", "endpoint": "reviews", "variants": [VARIANT], **stage}
    return {**FILE, "applications": {"reviews": {"model_package_group": "reviews", "stages": {"qa": qa}}}}


def mistakes(autoscaling: Any) -> str:
    with pytest.raises(ConfigurationError) as message:
        parse(file(autoscaling=autoscaling), file="promotion.yaml")
    return str(message.value)


@pytest.mark.parametrize("stage", [{}, {"autoscaling": "keep"}], ids=["no field", "keep"])
def test_without_configuration_existing_scaling_is_kept(stage: dict[str, Any]) -> None:
    deployed = parse(file(**stage), file="promotion.yaml").deployed()
    assert deployed.applications["reviews"].stages["qa"].autoscaling == ()


def test_configured_scaling_is_deployed_in_the_apis_words() -> None:
    night = {"schedule": "cron(0 22 * * ? *)", "timezone": "Europe/Berlin", "min": 1, "max": 1}
    configured = {
        "min": 1,
        "max": 4,
        "target_value": 70,
        "scale_in_cooldown": "5m",
        "scheduled_actions": {"night": night},
    }
    deployed = parse(file(autoscaling={"All": configured}), file="promotion.yaml").deployed()
    (scaling,) = deployed.applications["reviews"].stages["qa"].autoscaling

    assert (scaling.variant, scaling.dimension, scaling.capacity) == (
        "All",
        INSTANCES,
        {"MinCapacity": 1, "MaxCapacity": 4},
    )
    assert scaling.policies == (
        {
            "PolicyName": "promote-target-tracking",
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": 70.0,
                "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
                "ScaleInCooldown": 300,
            },
        },
    )
    assert scaling.scheduled_actions == (
        {
            "ScheduledActionName": "night",
            "Schedule": "cron(0 22 * * ? *)",
            "Timezone": "Europe/Berlin",
            "ScalableTargetAction": {"MinCapacity": 1, "MaxCapacity": 1},
        },
    )


def test_a_serverless_variant_scales_its_provisioned_concurrency() -> None:
    scaling = VariantScaling(min=1, max=4, target_value=0.7).deployed("All", SERVERLESS)
    (policy,) = scaling.policies
    assert scaling.dimension == CONCURRENCY
    assert policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "SageMakerVariantProvisionedConcurrencyUtilization"
    }


def test_a_metric_can_be_in_the_apis_words() -> None:
    metric = {"MetricName": "Backlog", "Namespace": "AWS/SageMaker", "Statistic": "Average"}
    (policy,) = VariantScaling(min=0, max=4, target_value=5, metric=metric).deployed("All", INSTANCE).policies
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert (tracking["CustomizedMetricSpecification"], "PredefinedMetricSpecification" in tracking) == (metric, False)


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("90s", 90), ("5m", 300), ("1h", 3600)], ids=["none", "s", "m", "h"]
)
def test_a_cooldown_is_deployed_in_seconds(text: str, seconds: int) -> None:
    (policy,) = VariantScaling(min=1, max=2, target_value=1, scale_out_cooldown=text).deployed("All", INSTANCE).policies
    assert policy["TargetTrackingScalingPolicyConfiguration"]["ScaleOutCooldown"] == seconds


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"min": 5}, "All: min is 5, which is more than max, 4"),
        ({"min": -1}, "All.min: it should be greater than or equal to 0"),
        ({"max": None}, "All.max: must be a whole number"),
        ({"metric": "SageMakerVariantInvocationsPerInstance"}, "All: metric has no effect without target_value"),
        ({"target_value": 1, "metric": "Calls"}, "All.metric: must be one of SageMakerVariantInvocationsPerInstance"),
        ({"target_value": 1, "metric": {"MetricName": 3}}, "metric: Invalid type for parameter TargetTracking"),
        ({"target_value": 0}, "All.target_value: it should be greater than 0"),
        ({"target_value": 1, "scale_in_cooldown": "5 m"}, "All.scale_in_cooldown: must be a duration"),
        (
            {"policies": {"mine": {"PolicyTyp": "StepScaling"}}},
            'policies.mine: Unknown parameter in input: "PolicyTyp"',
        ),
        ({"policies": {"promote-target-tracking": {}}}, "the name of the policy that target_value makes"),
        ({"scheduled_actions": {"n": {"schedule": "rate(1 day)", "min": 2, "max": 1}}}, "n: min is 2, which is more"),
        ({"capacity": 3}, "All.capacity: there is no such field"),
    ],
)
def test_what_cannot_be_is_refused_with_its_path(changes: dict[str, Any], message: str) -> None:
    assert message in mistakes({"All": {"min": 1, "max": 4, **changes}})


def test_a_variant_that_the_stage_does_not_have_cannot_be_scaled() -> None:
    message = "stages.qa.autoscaling.Other: the stage has no variant 'Other' (it has: All)"
    assert message in mistakes({"Other": {"min": 1, "max": 4}})


def test_every_metric_is_one_of_the_apis() -> None:
    metrics = autoscaling_config._api().shape_for("MetricType").metadata["enum"]
    assert set(autoscaling_config._METRICS) <= set(metrics)
