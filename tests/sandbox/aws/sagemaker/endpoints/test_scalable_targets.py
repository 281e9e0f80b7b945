"""Application Auto Scaling beside SageMaker: what is registered for a variant, and what that forbids."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.aws.sagemaker.builders import SageMakerBuilder, refused, unique
from tests.sandbox.aws.sagemaker.server import ACCOUNT, OTHER_ACCOUNT, REGION, Server

INSTANCES = "sagemaker:variant:DesiredInstanceCount"
TRACKING = {
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 70.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        "ScaleInCooldown": 300,
    },
}
STEPS = {
    "PolicyType": "StepScaling",
    "StepScalingPolicyConfiguration": {
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
    },
}
NIGHT = {"Schedule": "cron(0 22 * * ? *)", "ScalableTargetAction": {"MinCapacity": 1, "MaxCapacity": 1}}


@pytest.fixture
def scaling(server: Server) -> Any:
    return server.client("application-autoscaling")


@pytest.fixture
def endpoint(builder: SageMakerBuilder) -> str:
    return builder.endpoint(builder.config(InstanceType="ml.m5.large"))


def of(endpoint: str, variant: str = "AllTraffic") -> dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/{variant}",
        "ScalableDimension": INSTANCES,
    }


def register(scaling: Any, endpoint: str, **more: Any) -> str:
    """Register the endpoint's variant with a policy and a scheduled action; return the target's ARN."""
    arn: str = scaling.register_scalable_target(**of(endpoint), MinCapacity=1, MaxCapacity=4, **more)[
        "ScalableTargetARN"
    ]
    scaling.put_scaling_policy(**of(endpoint), PolicyName="steps", **STEPS)
    scaling.put_scheduled_action(**of(endpoint), ScheduledActionName="night", **NIGHT)
    return arn


def targets_of(scaling: Any, endpoint: str) -> list[dict[str, Any]]:
    resource = of(endpoint)["ResourceId"]
    targets: list[dict[str, Any]] = scaling.describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[resource]
    )["ScalableTargets"]
    return targets


def test_what_a_registration_leaves_out_stays(scaling: Any, endpoint: str) -> None:
    register(scaling, endpoint, SuspendedState={"DynamicScalingInSuspended": True})
    scaling.register_scalable_target(**of(endpoint), MaxCapacity=8)

    (target,) = targets_of(scaling, endpoint)
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 8)
    assert target["SuspendedState"] == {
        "DynamicScalingInSuspended": True,
        "DynamicScalingOutSuspended": False,
        "ScheduledScalingSuspended": False,
    }
    assert target["RoleARN"].endswith("AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint")


def test_policies_and_scheduled_actions_are_answered_as_they_were_put(scaling: Any, endpoint: str) -> None:
    register(scaling, endpoint)
    answer = scaling.put_scaling_policy(**of(endpoint), PolicyName="tracking", **TRACKING)
    assert {"PolicyARN", "Alarms"} <= answer.keys()
    only = {"ServiceNamespace": "sagemaker", "ResourceId": of(endpoint)["ResourceId"]}

    steps, tracking = scaling.describe_scaling_policies(**only)["ScalingPolicies"]
    assert {**of(endpoint), **STEPS}.items() <= steps.items()
    assert {**of(endpoint), **TRACKING}.items() <= tracking.items()
    assert (answer["PolicyARN"], answer["Alarms"]) == (tracking["PolicyARN"], tracking["Alarms"])
    assert [alarm["AlarmName"].partition("-Alarm")[0] for alarm in tracking["Alarms"]] == [
        f"TargetTracking-{of(endpoint)['ResourceId']}"
    ] * 2
    (action,) = scaling.describe_scheduled_actions(**only)["ScheduledActions"]
    assert {**of(endpoint), **NIGHT}.items() <= action.items()


def test_the_alarms_of_a_step_policy_are_shown_with_it_and_stay_without_it(
    server: Server, scaling: Any, endpoint: str
) -> None:
    register(scaling, endpoint)
    arn = scaling.put_scaling_policy(**of(endpoint), PolicyName="steps", **STEPS)["PolicyARN"]
    cloudwatch, name = server.client("cloudwatch"), f"busy-{endpoint}"
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        AlarmActions=[arn, "arn:aws:sns:us-east-1:222222222222:on-call"],
        MetricName="Invocations",
        Namespace="AWS/SageMaker",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=100.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    (steps,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=of(endpoint)["ResourceId"])[
        "ScalingPolicies"
    ]
    assert [alarm["AlarmName"] for alarm in steps["Alarms"]] == [name]
    scaling.deregister_scalable_target(**of(endpoint))

    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert alarm["AlarmActions"] == ["arn:aws:sns:us-east-1:222222222222:on-call"]


def test_a_deregistration_takes_policies_and_scheduled_actions_along(scaling: Any, endpoint: str) -> None:
    before = register(scaling, endpoint)
    (steps,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker", ResourceId=of(endpoint)["ResourceId"])[
        "ScalingPolicies"
    ]
    scaling.deregister_scalable_target(**of(endpoint))
    only = {"ServiceNamespace": "sagemaker", "ResourceId": of(endpoint)["ResourceId"]}

    assert targets_of(scaling, endpoint) == []
    assert scaling.describe_scaling_policies(**only)["ScalingPolicies"] == []
    assert scaling.describe_scheduled_actions(**only)["ScheduledActions"] == []
    assert register(scaling, endpoint) != before
    (again,) = scaling.describe_scaling_policies(**only)["ScalingPolicies"]
    assert again["PolicyARN"] != steps["PolicyARN"]


@pytest.mark.parametrize(
    "call",
    [
        lambda scaling, name: scaling.deregister_scalable_target(**of(name)),
        lambda scaling, name: scaling.put_scaling_policy(**of(name), PolicyName="steps", **STEPS),
        lambda scaling, name: scaling.put_scheduled_action(**of(name), ScheduledActionName="night", **NIGHT),
        lambda scaling, name: scaling.delete_scaling_policy(**of(name), PolicyName="steps"),
        lambda scaling, name: scaling.delete_scheduled_action(**of(name), ScheduledActionName="night"),
    ],
)
def test_what_is_not_registered_is_not_found(scaling: Any, call: Callable[[Any, str], Any]) -> None:
    with refused("ObjectNotFoundException", "for service namespace: sagemaker, resource ID: endpoint/none/variant/"):
        call(scaling, "none")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ResourceId": "endpoint/none/variant/AllTraffic"}, "No endpoint was found"),
        ({"MinCapacity": 5}, "Maximum capacity cannot be less"),
        ({"MaxCapacity": None}, "Both MinCapacity and MaxCapacity are required"),
        ({"ScalableDimension": "sagemaker:variant:DesiredProvisionedConcurrency"}, "no provisioned concurrency"),
    ],
)
def test_a_registration_that_makes_no_sense_is_refused(
    scaling: Any, endpoint: str, changes: dict[str, Any], expected: str
) -> None:
    request = {**of(endpoint), "MinCapacity": 1, "MaxCapacity": 4, **changes}
    with refused("ValidationException", expected):
        scaling.register_scalable_target(**{name: value for name, value in request.items() if value is not None})


def test_requests_are_held_against_the_services_model(scaling: Any, endpoint: str) -> None:
    register(scaling, endpoint)
    with refused("ValidationException", "scheduledActionName"):
        scaling.put_scheduled_action(**of(endpoint), ScheduledActionName="a/b", **NIGHT)


def test_lists_are_paged(scaling: Any, endpoint: str) -> None:
    register(scaling, endpoint)
    scaling.put_scaling_policy(**of(endpoint), PolicyName="tracking", **TRACKING)
    pages = scaling.get_paginator("describe_scaling_policies").paginate(
        ServiceNamespace="sagemaker", ResourceId=of(endpoint)["ResourceId"], PaginationConfig={"PageSize": 1}
    )

    assert [[policy["PolicyName"] for policy in page["ScalingPolicies"]] for page in pages] == [["steps"], ["tracking"]]


def test_tags_are_given_once_and_changed_on_their_own(scaling: Any, endpoint: str) -> None:
    arn = register(scaling, endpoint, Tags={"team": "nlp"})
    scaling.tag_resource(ResourceARN=arn, Tags={"cost": "7"})

    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"team": "nlp", "cost": "7"}
    with refused("ValidationException", "use TagResource"):
        scaling.register_scalable_target(**of(endpoint), Tags={"team": "nlp"})


def test_an_update_that_changes_the_instance_type_of_a_scaled_variant_is_refused(
    builder: SageMakerBuilder, scaling: Any, endpoint: str
) -> None:
    register(scaling, endpoint)
    other = builder.config(InstanceType="ml.c5.large")
    with refused("ValidationException", 'The variant(s) "[AllTraffic]" must be deregistered as scalable targets'):
        builder.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=other)
    scaling.deregister_scalable_target(**of(endpoint))

    assert builder.update(endpoint, other)["EndpointConfigName"] == other


def test_an_update_that_removes_a_scaled_variant_is_refused(
    builder: SageMakerBuilder, scaling: Any, endpoint: str
) -> None:
    register(scaling, endpoint)
    renamed = builder.config(InstanceType="ml.m5.large", VariantName="Other")
    with refused("ValidationException", "before they can be removed"):
        builder.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=renamed)


def test_an_update_of_a_scaled_variants_model_is_let_through(
    builder: SageMakerBuilder, scaling: Any, endpoint: str
) -> None:
    register(scaling, endpoint)
    fresh = builder.config(InstanceType="ml.m5.large")

    assert builder.update(endpoint, fresh)["EndpointConfigName"] == fresh
    assert len(targets_of(scaling, endpoint)) == 1


def test_a_deleted_endpoint_takes_its_registrations_along(
    builder: SageMakerBuilder, scaling: Any, endpoint: str
) -> None:
    register(scaling, endpoint)
    builder.sagemaker.delete_endpoint(EndpointName=endpoint)

    assert targets_of(scaling, endpoint) == []


def test_a_caller_without_deregister_permission_may_not_delete_a_scaled_endpoint(
    builder: SageMakerBuilder, scaling: Any, endpoint: str
) -> None:
    register(scaling, endpoint)
    deleter = allow("sagemaker:DeleteEndpoint")
    with refused("AccessDeniedException", "An Application AutoScaling scalable target exists for a variant"):
        builder.caller(deleter).delete_endpoint(EndpointName=endpoint)
    builder.caller(deleter, allow("application-autoscaling:Deregister*")).delete_endpoint(EndpointName=endpoint)


def allow(action: str, resource: str = "*", **conditions: str) -> dict[str, Any]:
    named = {f"application-autoscaling:{name.replace('_', '-')}": value for name, value in conditions.items()}
    return {"Effect": "Allow", "Action": action, "Resource": resource, "Condition": {"StringEquals": named}}


ANY_TARGET = f"arn:aws:application-autoscaling:{REGION}:{ACCOUNT}:scalable-target/*"
OF_THE_VARIANT = [allow("sagemaker:*"), allow("iam:CreateServiceLinkedRole")]


def test_permissions_apply_to_scalable_targets_of_a_namespace_and_a_dimension(
    server: Server, builder: SageMakerBuilder, endpoint: str
) -> None:
    def registers(*statements: dict[str, Any]) -> Any:
        name = builder.role({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}, *statements)
        client = server.client("application-autoscaling", credentials=server.role_credentials(name))
        return client.register_scalable_target(**of(endpoint), MinCapacity=1, MaxCapacity=2)

    action = "application-autoscaling:RegisterScalableTarget"
    registers(allow(action, ANY_TARGET, service_namespace="sagemaker", scalable_dimension=INSTANCES), *OF_THE_VARIANT)
    with refused("AccessDeniedException", action):
        registers(allow(action, ANY_TARGET, service_namespace="ecs"), *OF_THE_VARIANT)
    with refused("AccessDeniedException", "sagemaker:UpdateEndpointWeightsAndCapacities"):
        registers(allow(action, ANY_TARGET), allow("sagemaker:DescribeEndpoint"))


def test_the_first_registration_in_an_account_requires_permission_to_create_the_service_linked_role(
    server: Server,
) -> None:
    iam, role = server.client("iam", OTHER_ACCOUNT), unique("role")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": OTHER_ACCOUNT}}
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    permissions = [allow("application-autoscaling:*"), allow("sagemaker:*")]
    iam.put_role_policy(RoleName=role, PolicyName="permissions", PolicyDocument=json.dumps({"Statement": permissions}))
    credentials = server.client("sts", OTHER_ACCOUNT).assume_role(
        RoleArn=f"arn:aws:iam::{OTHER_ACCOUNT}:role/{role}", RoleSessionName="test"
    )["Credentials"]
    caller = server.client(
        "application-autoscaling",
        credentials={
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        },
    )
    with refused("AccessDeniedException", "iam:CreateServiceLinkedRole"):
        caller.register_scalable_target(**of("any"), MinCapacity=1, MaxCapacity=2)


def test_target_tracking_requires_permissions_on_its_alarms(
    server: Server, builder: SageMakerBuilder, scaling: Any, endpoint: str
) -> None:
    register(scaling, endpoint)
    name = builder.role(
        {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}},
        allow("application-autoscaling:PutScalingPolicy", ANY_TARGET),
        allow("cloudwatch:DescribeAlarms"),
    )
    caller = server.client("application-autoscaling", credentials=server.role_credentials(name))
    caller.put_scaling_policy(**of(endpoint), PolicyName="steps", **STEPS)
    with refused("AccessDeniedException", "cloudwatch:PutMetricAlarm"):
        caller.put_scaling_policy(**of(endpoint), PolicyName="tracking", **TRACKING)
