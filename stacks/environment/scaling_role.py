"""The scaler: the role that suspends an endpoint's automatic scaling for an update, and resumes it."""

from __future__ import annotations

from aws_cdk import aws_iam as iam

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import CONCURRENCY, INSTANCES
from stacks.environment.base import AccountScope

# AWS: Service Authorization Reference, Application Auto Scaling.
_OF_VARIANTS: dict[str, dict[str, object]] = {
    "StringEquals": {
        "application-autoscaling:service-namespace": "sagemaker",
        "application-autoscaling:scalable-dimension": [INSTANCES, CONCURRENCY],
    }
}
# Application Auto Scaling does it in the scaler's name (AWS: managed policy AmazonSageMakerCanvasFullAccess).
_BY_SCALING: dict[str, object] = {"aws:CalledViaLast": "application-autoscaling.amazonaws.com"}
_TOPICS = "arn:aws:sns:*"


def build(target: AccountScope) -> None:
    """Add the role, with the permissions that scaling of variants requires (SageMaker, auto scaling prerequisites)."""
    account, region = target.stack.account, target.stack.region
    endpoints = [
        target.configuration.applications[application].stages[stage].endpoint
        for application, stage in target.stage_keys()
    ]
    arns = [arn for endpoint in endpoints for arn in resource_names.endpoint_arns(account, region, endpoint)]
    targets = f"arn:aws:application-autoscaling:{region}:{account}:scalable-target/*"
    configurations = f"arn:aws:sagemaker:{region}:{account}:endpoint-config/*"
    tracking = [resource_names.scaling_alarm_arns(account, region, endpoint) for endpoint in endpoints]
    alarms = f"arn:aws:cloudwatch:{region}:{account}:alarm:*"
    role = target.role(Role.SCALER, "Suspends the automatic scaling of endpoints for an update and resumes it")
    target.allow(
        role,
        "DescribeScaling",
        [
            "application-autoscaling:DescribeScalableTargets",
            "application-autoscaling:DescribeScalingPolicies",
            "application-autoscaling:DescribeScheduledActions",
            "cloudwatch:DescribeAlarms",
        ],
        ["*"],
    )
    target.allow(
        role,
        "Scale",
        [
            "application-autoscaling:DeregisterScalableTarget",
            "application-autoscaling:PutScalingPolicy",
            "application-autoscaling:PutScheduledAction",
            "application-autoscaling:RegisterScalableTarget",
        ],
        [targets],
        _OF_VARIANTS,
    )
    target.allow(
        role,
        "KeepTags",
        ["application-autoscaling:ListTagsForResource", "application-autoscaling:TagResource"],
        [targets],
    )
    target.allow(
        role,
        "ScaleVariants",
        ["sagemaker:DescribeEndpoint", "sagemaker:UpdateEndpointWeightsAndCapacities"],
        arns,
    )
    target.allow(role, "DescribeInstanceTypes", ["sagemaker:DescribeEndpointConfig"], [configurations])
    target.allow(
        role,
        "TrackByAlarms",
        ["cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"],
        tracking,
        {"StringEquals": _BY_SCALING},
    )
    policies = [resource_names.scaling_policy_arns(account, region, endpoint) for endpoint in endpoints]
    every_policy = resource_names.scaling_policy_arns(account, region, "*")
    target.allow(
        role,
        "PutAlarms",
        ["cloudwatch:PutMetricAlarm"],
        [alarms],
        {
            "Null": {"aws:CalledViaLast": "true"},
            # One action at least scales a stage's endpoint, and the others at most notify somebody.
            "ForAnyValue:StringLike": {"cloudwatch:AlarmActions": policies},
            "ForAllValues:StringLike": {"cloudwatch:AlarmActions": [every_policy, _TOPICS]},
        },
    )
    role.add_to_policy(
        iam.PolicyStatement(
            sid="LeaveTrackingAlarms",
            effect=iam.Effect.DENY,
            actions=["cloudwatch:PutMetricAlarm"],
            resources=[f"{alarms[:-1]}TargetTracking-*"],
            conditions={"StringNotEquals": _BY_SCALING},
        )
    )
    target.allow(
        role,
        "CreateScalingServiceRole",
        ["iam:CreateServiceLinkedRole"],
        [resource_names.scaling_service_role_arn(account)],
        {"StringEquals": {"iam:AWSServiceName": resource_names.SCALING_SERVICE}},
    )
    target.accept_wildcards(
        role,
        ["Resource::*"],
        "Application Auto Scaling's Describe actions do not support resource-level permissions; an alarm has any name.",
    )
    target.accept_wildcards(
        role,
        [f"Resource::{targets}"],
        "AWS generates the id in a scalable target's ARN at its registration, and no condition key has the endpoint. A "
        "registration requires the permissions on the variant too; a session can deregister only what it suspends.",
    )
    target.accept_wildcards(
        role,
        [f"Resource::{configurations}"],
        "Another principal may have created the endpoint's current configuration.",
    )
    target.accept_wildcards(
        role,
        [f"Resource::{arn}" for arn in tracking],
        "AWS generates the names of target tracking's alarms with an id.",
    )
    target.accept_wildcards(
        role,
        [f"Resource::{alarms}"],
        "Step scaling's alarms have any name, so their actions are limited instead. A session is narrowed to the "
        "alarms of the suspended targets.",
    )
