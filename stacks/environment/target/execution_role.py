"""The execution role: the role that the promoted models run as."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.roles import Role
from stacks.baseline.iam_conditions import via_service
from stacks.baseline.retention import RETAIN
from stacks.environment import endpoint_permissions
from stacks.environment.base import AccountScope


def add_execution_role(environment: AccountScope, bucket: s3.Bucket, key: kms.Key) -> None:
    role = iam.Role(
        environment.stack,
        "Execution",
        role_name=resource_names.environment_role(environment.name, Role.EXECUTION),
        description="The role that the promoted models run as",
        assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
    )
    logs_arn = (
        f"arn:aws:logs:{environment.stack.region}:{environment.stack.account}:log-group:/aws/sagemaker/Endpoints/*"
    )
    images = environment.image_repositories()
    environment.allow(
        role, "ReadModels", ["s3:GetObject"], [bucket.arn_for_objects(f"{resource_names.ARTIFACT_PREFIX}/*")]
    )
    environment.allow(
        role,
        "ListModels",  # below a prefix
        ["s3:ListBucket"],
        [bucket.bucket_arn],
        {"StringLike": {"s3:prefix": f"{resource_names.ARTIFACT_PREFIX}/*"}},
    )
    environment.allow(
        role, "DecryptModels", ["kms:Decrypt"], [key.key_arn], via_service("s3", environment.stack.region)
    )
    _allow_jumpstart(environment, role)
    _allow_vpcs(environment, role)
    endpoint_permissions.allow_hosting(environment, role)
    environment.allow(
        role,
        "PullImages",
        ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        [images],
    )
    environment.allow(role, "LogInToRegistries", ["ecr:GetAuthorizationToken"], ["*"])
    environment.allow(
        role,
        "WriteLogs",
        ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
        [logs_arn],
    )
    environment.allow(
        role,
        "PutMetrics",
        ["cloudwatch:PutMetricData"],
        ["*"],
        {"StringEquals": {"cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]}},
    )
    logical_id = environment.stack.get_logical_id(bucket.node.default_child)  # type: ignore[arg-type]
    environment.accept_wildcards(
        role,
        [f"Resource::<{logical_id}.Arn>/{resource_names.ARTIFACT_PREFIX}/*"],
        "Every model that was promoted to this environment may run here.",
    )
    environment.accept_wildcards(
        role,
        [f"Resource::{images}"],
        "AWS's own image accounts differ by framework and Region; a repository's policy decides.",
    )
    environment.accept_wildcards(
        role,
        ["Resource::*"],
        "GetAuthorizationToken, PutMetricData, EC2's Describe actions and SSM's channels do not support resource-level "
        "permissions (AWS: ECR, CloudWatch, EC2, Session Manager).",
    )
    environment.accept_wildcards(role, [f"Resource::{logs_arn}"], "SageMaker creates a log group for each endpoint.")
    # Live endpoints run as this role, even if their stage has been removed from the configuration.
    for part in role.node.find_all():
        if isinstance(part, cdk.CfnResource):
            part.apply_removal_policy(RETAIN)


def _allow_jumpstart(environment: AccountScope, role: iam.Role) -> None:
    """A JumpStart model's data is stored in AWS's own buckets, which are public except for gated models."""
    buckets = [f"arn:aws:s3:::{bucket}" for bucket in resource_names.jumpstart_buckets(environment.stack.region)]
    objects = [f"{bucket}/*" for bucket in buckets]
    environment.allow(role, "ReadJumpStart", ["s3:GetObject", "s3:ListBucket"], [*buckets, *objects])
    environment.accept_wildcards(role, [f"Resource::{arn}" for arn in objects], "AWS's public model data.")


def _allow_vpcs(environment: AccountScope, role: iam.Role) -> None:
    """Allow what SageMaker does with the role to run containers in a VPC (AWS: execution roles, CreateModel API)."""
    vpcs = [
        stage.vpc
        for application, name in environment.stage_keys()
        if (stage := environment.configuration.applications[application].stages[name]).vpc and stage.vpc.subnets
    ]
    if not vpcs:
        return
    region_and_account = f"arn:aws:ec2:{environment.stack.region}:{environment.stack.account}"
    interfaces = f"{region_and_account}:network-interface/*"
    parts = sorted(
        {f"{region_and_account}:subnet/{subnet}" for vpc in vpcs for subnet in vpc.subnets}
        | {f"{region_and_account}:security-group/{group}" for vpc in vpcs for group in vpc.security_group_ids}
    )
    environment.allow(role, "CreateInterfaces", ["ec2:CreateNetworkInterface"], [interfaces, *parts])
    environment.allow(
        role,
        "ManageInterfaces",
        [
            "ec2:CreateNetworkInterfacePermission",
            "ec2:DeleteNetworkInterface",
            "ec2:DeleteNetworkInterfacePermission",
        ],
        [interfaces],
    )
    environment.allow(
        role,
        "DescribeVpcs",
        [
            "ec2:DescribeDhcpOptions",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ],
        ["*"],
    )
    environment.accept_wildcards(role, [f"Resource::{interfaces}"], "SageMaker creates and deletes the interfaces.")
