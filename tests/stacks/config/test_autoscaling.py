"""autoscaling in promotion.yaml: checked at synthesis, and in the API's words for the Lambdas."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.promotion.contract.settings import CONCURRENCY, INSTANCES
from recordings import store
from stacks.config.load import parse
from stacks.config.schema import ConfigurationError
from stacks.config.stage import scaling_policies
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


TRACKING: dict[str, Any] = {
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 5,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
    },
}
STEPS: dict[str, Any] = {
    "PolicyType": "StepScaling",
    "StepScalingPolicyConfiguration": {
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
    },
}


def file(**stage: Any) -> dict[str, Any]:
    qa = {"from": "dev", "endpoint": "reviews", "variants": [VARIANT], **stage}
    return {**FILE, "applications": {"reviews": {"model_package_group": "reviews", "stages": {"qa": qa}}}}


def mistakes(autoscaling: Any, **stage: Any) -> str:
    with pytest.raises(ConfigurationError) as message:
        parse(file(autoscaling=autoscaling, **stage), file="promotion.yaml")
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
        ({"target_value": float("inf")}, "All.target_value: it should be a finite number"),
        ({"scheduled_actions": {"n": {"schedule": "nightly", "min": 1, "max": 1}}}, "n.schedule: must be at(…), rate("),
        ({"scheduled_actions": {"a/b": {"schedule": "rate(1 day)", "min": 1, "max": 1}}}, "ScheduledActionName must"),
        (
            {"policies": {"p": {"PolicyType": "Steps"}}},
            "p: PolicyType must be one of StepScaling, TargetTrack",
        ),
        ({"policies": {"p": {"PolicyType": "PredictiveScaling"}}}, "must be one of TargetTrackingScaling, StepScaling"),
        ({"policies": {"p": {}}}, "policies.p: PolicyType must be one of TargetTrackingScaling, StepScaling, not None"),
        ({"policies": {"p": {"PolicyType": "StepScaling"}}}, "p: a policy of the type StepScaling has StepScalingPol"),
        (
            {"policies": {"p": {**STEPS, **TRACKING}}},
            "a policy of the type TargetTrackingScaling has TargetTracking",
        ),
        ({"policies": {"p": {**STEPS, "ResourceId": "r"}}}, "p: ResourceId follows from the policy's name"),
        (
            {"policies": {"p": {"PolicyType": "StepScaling", "StepScalingPolicyConfiguration": {}}}},
            "policies.p: AdjustmentType, StepAdjustments is missing",
        ),
        (
            {"policies": {"p": {**TRACKING, "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 1}}}},
            "policies.p: must have one of PredefinedMetricSpecification and CustomizedMetricSpecification",
        ),
        (
            {
                "policies": {
                    "p": {**TRACKING, "TargetTrackingScalingPolicyConfiguration": {"TargetValue": float("nan")}}
                }
            },
            "policies.p: TargetTrackingScalingPolicyConfiguration.TargetValue must be a finite number, not nan",
        ),
        ({"policies": {"p": TRACKING, "q": TRACKING}}, "is tracked by 2 policies, and a variant has one for a metric"),
    ],
)
def test_what_cannot_be_is_refused_with_its_path(changes: dict[str, Any], message: str) -> None:
    assert message in mistakes({"All": {"min": 1, "max": 4, **changes}})


def test_a_variant_that_the_stage_does_not_have_cannot_be_scaled() -> None:
    message = "stages.qa.autoscaling.Other: the stage has no variant 'Other' (it has: All)"
    assert message in mistakes({"Other": {"min": 1, "max": 4}})


# What AWS does not register

LIMITS = {"min": 1, "max": 4}
WARM = {"memory_size_in_mb": 2048, "max_concurrency": 5, "provisioned_concurrency": 2}
ASYNC = {"s3_output_path": "s3://answers"}
NIGHT = {"schedule": "cron(0 22 * * ? *)"}


def refused_registration(key: str) -> dict[str, Any]:
    (registration,) = store.recording(key).requests
    request: dict[str, Any] = registration["request"]
    return request


@pytest.mark.parametrize(
    ("variant", "scaling", "message"),
    [
        ({"instance_type": "ml.t3.large"}, LIMITS, "All: ml.t3.large is burstable, which SageMaker does not scale"),
        (
            {
                "instance_type": None,
                "instance_pools": [
                    {"instance_type": "ml.m5.large", "priority": 1},
                    {"instance_type": "ml.t2.large", "priority": 2},
                ],
            },
            LIMITS,
            "All: ml.t2.large is burstable",
        ),
        ({}, {**LIMITS, "min": 0}, "All.min: only an asynchronous endpoint can have no instances"),
        ({}, {"min": 0, "max": 0}, "All.min: only an asynchronous endpoint can have no instances"),
        (
            {},
            {**LIMITS, "scheduled_actions": {"night": {**NIGHT, "min": 0, "max": 0}}},
            "All.scheduled_actions.night.min: only an asynchronous endpoint can have no instances",
        ),
        ({"initial_instance_count": 5}, LIMITS, "All: min is 1 and max 4, and a new variant begins with initial_ins"),
        ({}, {"min": 2, "max": 4}, "begins with initial_instance_count 1; let it begin between them"),
        (
            {},
            {**LIMITS, "target_value": 1, "metric": "SageMakerVariantProvisionedConcurrencyUtilization"},
            "All.metric: SageMakerVariantProvisionedConcurrencyUtilization does not scale instances",
        ),
        ({"serverless": {**WARM, "provisioned_concurrency": None}}, LIMITS, "serverless without provisioned_concurr"),
        ({"serverless": WARM}, {"min": 1, "max": 6}, "All.max: 6 is more than the variant's max_concurrency, 5"),
        (
            {"serverless": WARM},
            {**LIMITS, "scheduled_actions": {"day": {**NIGHT, "min": 1, "max": 9}}},
            "All.scheduled_actions.day.max: 9 is more than the variant's max_concurrency, 5",
        ),
        ({"serverless": WARM}, {"min": 3, "max": 5}, "begins with provisioned_concurrency 2; let it begin between"),
        (
            {"serverless": WARM},
            {**LIMITS, "target_value": 1, "metric": "SageMakerVariantInvocationsPerInstance"},
            "All.metric: SageMakerVariantInvocationsPerInstance does not scale provisioned concurrency",
        ),
        (
            {"serverless": WARM},
            {**LIMITS, "policies": {"p": TRACKING}},
            "All.policies.p: SageMakerVariantInvocationsPerInstance does not scale provisioned concurrency",
        ),
    ],
)
def test_scaling_that_aws_does_not_register_is_refused(
    variant: dict[str, Any], scaling: dict[str, Any], message: str
) -> None:
    changed = {"name": "All", **variant} if "serverless" in variant else {**VARIANT, **variant}
    assert message in mistakes({"All": scaling}, variants=[changed])


@pytest.mark.parametrize(
    "key",
    [
        "application-autoscaling/RegisterScalableTarget/burstable-instances",
        "application-autoscaling/RegisterScalableTarget/no-instances-of-a-real-time-endpoint",
    ],
)
def test_instances_that_aws_does_not_scale_are_refused(key: str) -> None:
    request = refused_registration(key)
    scaling = {"min": request["MinCapacity"], "max": request["MaxCapacity"]}
    assert "stages.qa.autoscaling.All" in mistakes(
        {"All": scaling}, variants=[{**VARIANT, "instance_type": request["InstanceType"]}]
    )


def test_on_demand_serverless_is_not_scaled() -> None:
    request = refused_registration(
        "application-autoscaling/RegisterScalableTarget/serverless-without-provisioned-concurrency"
    )
    serverless = {
        "memory_size_in_mb": request["ServerlessConfig"]["MemorySizeInMB"],
        "max_concurrency": request["ServerlessConfig"]["MaxConcurrency"],
    }
    scaling = {"min": request["MinCapacity"], "max": request["MaxCapacity"]}
    assert "stages.qa.autoscaling.All" in mistakes(
        {"All": scaling}, variants=[{"name": "All", "serverless": serverless}]
    )


def test_the_metrics_of_provisioned_concurrency_are_those_that_aws_names() -> None:
    answer = str(
        store.recording("application-autoscaling/PutScalingPolicy/metric-of-another-dimension").error["message"]
    )
    assert CONCURRENCY in answer
    assert answer.endswith(f": {', '.join(scaling_policies.METRICS_BY_DIMENSION[CONCURRENCY])}")


def test_a_shadow_variant_is_not_scaled() -> None:
    shadow = {**VARIANT, "name": "Shadow"}
    assert "autoscaling.Shadow: a shadow variant is not scaled" in mistakes(
        {"Shadow": LIMITS}, shadow_variants=[shadow]
    )


@pytest.mark.parametrize(
    "stage",
    [
        {"autoscaling": {"All": {**LIMITS, "min": 0}}, "async_inference": ASYNC},
        {"autoscaling": {"All": {"min": 0, "max": 5}}, "variants": [{"name": "All", "serverless": WARM}]},
        {"autoscaling": {"All": {**LIMITS, "policies": {"p": TRACKING, "q": STEPS}}}},
    ],
    ids=["asynchronous", "serverless", "policies"],
)
def test_scaling_that_aws_registers_is_accepted(stage: dict[str, Any]) -> None:
    assert parse(file(**stage), file="promotion.yaml")


def test_every_metric_is_one_of_the_apis() -> None:
    metrics = scaling_policies._api().shape_for("MetricType").metadata["enum"]
    assert set(scaling_policies.METRICS) <= set(metrics)
