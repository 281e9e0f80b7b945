"""An endpoint that is scaled, as a platform engineer has set it up, and how it is scaled afterwards."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any
from uuid import uuid4

from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.steps import Step
from tests.integration.scenarios import AccountPair, Subject, new_model, promoted_before, stopped_before
from tests.integration.world import ENDPOINTS, ExecutionResult, World, input_of, run

VARIANT = "AllTraffic"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
TRACKING: dict[str, Any] = {
    "PolicyName": "calls-per-instance",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 70.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        "ScaleInCooldown": 300,
    },
}
STEPS: dict[str, Any] = {
    "PolicyName": "steps",
    "PolicyType": "StepScaling",
    "StepScalingPolicyConfiguration": {
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
        "Cooldown": 60,
    },
}
NIGHT: dict[str, Any] = {
    "ScheduledActionName": "night",
    "Schedule": "cron(0 22 * * ? *)",
    "Timezone": "Europe/Berlin",
    "ScalableTargetAction": {"MinCapacity": 1, "MaxCapacity": 1},
}
BUSY: dict[str, Any] = {
    "AlarmName": "busy",
    "MetricName": "Invocations",
    "Namespace": "AWS/SageMaker",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 100.0,
    "ComparisonOperator": "GreaterThanThreshold",
}
ON_CALL = "arn:aws:sns:us-east-1:333333333333:on-call"
# What a registration or its renewal makes anew.
_MADE = {"CreationTime", "PolicyARN", "ScalableTargetARN", "ScheduledActionARN", "Alarms"}


def of(environment: str, variant: str = VARIANT) -> dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{ENDPOINTS[environment]}/variant/{variant}",
        "ScalableDimension": DIMENSION,
    }


def scale(world: World, environment: str) -> dict[str, Any]:
    """Scale the endpoint's variant, which has three instances now; return how it is scaled."""
    register(world, environment)
    world.client("sagemaker", environment).update_endpoint_weights_and_capacities(
        EndpointName=ENDPOINTS[environment],
        DesiredWeightsAndCapacities=[{"VariantName": VARIANT, "DesiredInstanceCount": 3}],
    )
    world.wait_for_endpoint(environment)
    return scaling_of(world, environment)


def register(world: World, environment: str) -> None:
    """Register the endpoint's variant with two policies, an alarm for the one and a scheduled action."""
    client = world.client("application-autoscaling", environment)
    client.register_scalable_target(
        **of(environment),
        MinCapacity=2,
        MaxCapacity=6,
        SuspendedState={"ScheduledScalingSuspended": True},
        **({} if scaling_of(world, environment) else {"Tags": {"team": "nlp"}}),
    )
    client.put_scaling_policy(**of(environment), **TRACKING)
    steps = client.put_scaling_policy(**of(environment), **STEPS)["PolicyARN"]
    client.put_scheduled_action(**of(environment), **NIGHT)
    world.client("cloudwatch", environment).put_metric_alarm(**BUSY, AlarmActions=[ON_CALL, steps])


def move_to(world: World, environment: str, instance_type: str, variant: str = VARIANT) -> str:
    """Let the endpoint serve the same model on instances of another type; return the configuration's name."""
    sagemaker = world.client("sagemaker", environment)
    serving = world.endpoint(environment)["EndpointConfigName"]
    (served,) = sagemaker.describe_endpoint_config(EndpointConfigName=serving)["ProductionVariants"]
    name = f"by-hand-{uuid4().hex[:8]}"
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[{**served, "InstanceType": instance_type, "VariantName": variant}],
    )
    sagemaker.update_endpoint(EndpointName=ENDPOINTS[environment], EndpointConfigName=name)
    world.wait_for_endpoint(environment)
    return name


def scaling_of(world: World, environment: str) -> dict[str, Any]:
    """How the endpoint's variant is scaled, and by how many instances; nothing if it is not registered."""
    client = world.client("application-autoscaling", environment)
    named = of(environment)
    answer = client.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[named["ResourceId"]])
    if not answer["ScalableTargets"]:
        return {}
    (target,) = answer["ScalableTargets"]
    policies = client.describe_scaling_policies(**named)["ScalingPolicies"]
    return {
        "target": _plain(target),
        "tags": client.list_tags_for_resource(ResourceARN=target["ScalableTargetARN"])["Tags"],
        "policies": [_plain(policy) for policy in policies],
        # Those that call a policy which is there, beside the people whom they call.
        "alarms": [
            alarm["AlarmName"] for policy in policies for alarm in policy["Alarms"] if alarm["AlarmName"] == "busy"
        ],
        "called": world.client("cloudwatch", environment).describe_alarms(AlarmNames=["busy"])["MetricAlarms"][0][
            "AlarmActions"
        ][:1],
        "actions": [_plain(action) for action in client.describe_scheduled_actions(**named)["ScheduledActions"]],
        "instances": [variant["DesiredInstanceCount"] for variant in world.endpoint(environment)["ProductionVariants"]],
    }


def _plain(description: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in description.items() if name not in _MADE}


# For the permissions: the two steps alone, for a promotion that was one.


def scaled(world: World, pair: AccountPair) -> Subject:
    """A promotion whose endpoint is scaled, and which has written a list before; it was stopped when it served."""
    subject = stopped_before(world, pair)
    register(world, pair.target)
    _write_list(world, pair, subject)
    return subject


@cache
def _write_list(world: World, pair: AccountPair, subject: Subject) -> None:
    assert rescale(world, pair, subject).status == "SUCCEEDED"


def scaled_with_another_type(world: World, pair: AccountPair) -> Subject:
    """A new model for an endpoint whose instance type the promotion changes, and which is scaled."""
    promoted_before(world, pair)
    if scaling_of(world, pair.target):
        world.client("application-autoscaling", pair.target).deregister_scalable_target(**of(pair.target))
    move_to(world, pair.target, "ml.c5.large")
    register(world, pair.target)
    return new_model(world, pair)


def rescale(world: World, pair: AccountPair, subject: Subject) -> ExecutionResult:
    """Put aside how the endpoint is scaled, and register it again."""
    return _run(world, subject, input_of(world, subject.execution, "Deploy the endpoint"), *_BOTH)


def rescale_anew(world: World, pair: AccountPair, subject: Subject) -> ExecutionResult:
    """The same, by a promotion that has no list yet."""
    return _run(world, subject, _another(input_of(world, subject.execution, "Deploy the endpoint")), *_BOTH)


def resume_nothing(world: World, pair: AccountPair, subject: Subject) -> ExecutionResult:
    """Register again what a promotion has put aside that put nothing aside."""
    promotion = _another(input_of(world, subject.execution, "Deploy the endpoint"))
    return _run(world, subject, promotion, Step.RESUME_SCALING)


_BOTH = (Step.SUSPEND_SCALING, Step.RESUME_SCALING)


def _run(world: World, subject: Subject, promotion: Promotion, *steps: Step) -> ExecutionResult:
    for step in steps:
        if error := run(world, step, promotion):
            return ExecutionResult(subject.execution, "FAILED", error["errorType"], error["errorMessage"], {})
    return ExecutionResult(subject.execution, "SUCCEEDED", None, "", {})


def _another(promotion: Promotion) -> Promotion:
    arn = f"{promotion.execution.arn}-{uuid4().hex[:8]}"
    return replace(promotion, execution=replace(promotion.execution, arn=arn))
