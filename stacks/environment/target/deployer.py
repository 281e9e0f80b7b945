"""The deployer: the role that verifies artifacts and creates models, endpoint configurations and endpoints."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.roles import Role
from stacks.baseline.iam_conditions import via_service
from stacks.environment import endpoint_permissions, preview_permissions
from stacks.environment.base import AccountScope
from stacks.environment.target.bucket import PREFIXES, objects_of


def add_deployer(environment: AccountScope, bucket: s3.Bucket, key: kms.Key) -> None:
    execution_role_arn = resource_names.environment_role_arn(
        environment.stack.account, environment.name, Role.EXECUTION
    )
    role = environment.role(Role.DEPLOYER, "Verifies artifacts; creates models, configurations and endpoints")
    kinds = {
        kind: [environment.sagemaker_arn(kind, stage) for stage in environment.stage_keys()]
        for kind in ("model", "endpoint-config")
    }
    endpoints = [
        arn
        for application, stage in environment.stage_keys()
        for arn in resource_names.endpoint_arns(
            environment.stack.account,
            environment.stack.region,
            environment.configuration.applications[application].stages[stage].endpoint,
        )
    ]
    environment.allow(
        role,
        "ReadArtifactMetadata",
        ["s3:GetObject"],
        [bucket.arn_for_objects(f"{resource_names.ARTIFACT_PREFIX}/*")],
    )
    environment.allow(
        role,
        "ListArtifacts",
        ["s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"],
        [bucket.bucket_arn],
    )
    environment.allow(
        role,
        "AbortUploads",
        ["s3:AbortMultipartUpload"],
        [bucket.arn_for_objects(f"{prefix}/*") for prefix in PREFIXES],
    )
    environment.allow(
        role, "ReadChecksums", ["kms:Decrypt"], [key.key_arn], via_service("s3", environment.stack.region)
    )
    environment.allow_image_reads(role)
    _allow_preflight(environment, role, key, execution_role_arn)
    environment.allow(
        role,
        "CreateModels",
        ["sagemaker:CreateModel", "sagemaker:DescribeModel", "sagemaker:AddTags"],
        kinds["model"],
    )
    environment.allow(
        role,
        "CreateEndpointConfigurations",
        ["sagemaker:CreateEndpointConfig", "sagemaker:DescribeEndpointConfig", "sagemaker:AddTags"],
        kinds["endpoint-config"],
    )
    # Both require the permission on the configuration too; and the endpoint's configuration before the first
    # promotion, the target of a rollback, may have any name.
    any_config = f"arn:aws:sagemaker:{environment.stack.region}:{environment.stack.account}:endpoint-config/*"
    environment.allow(
        role, "CreateEndpoints", ["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"], [*endpoints, any_config]
    )
    environment.allow(role, "DescribeEndpoints", ["sagemaker:DescribeEndpoint", "sagemaker:AddTags"], endpoints)
    # A first deployment that failed is deleted, and so is a Failed endpoint during its rollback.
    environment.allow(role, "DeleteEndpoints", ["sagemaker:DeleteEndpoint"], endpoints)
    # An update that retains no counts, and a recreated endpoint, lose the capacity that a rollback gives back.
    environment.allow(role, "RestoreCapacity", ["sagemaker:UpdateEndpointWeightsAndCapacities"], endpoints)
    environment.accept_wildcards(
        role,
        [f"Resource::{any_config}"],
        "An endpoint's previous configuration may have any name; a session is narrowed to that configuration.",
    )
    environment.allow(
        role,
        "PassExecutionRole",
        ["iam:PassRole"],
        [execution_role_arn],
        {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    )
    endpoint_permissions.allow_deployment(environment, role)
    preview_permissions.allow_preview(environment, role)
    environment.accept_wildcards(
        role,
        [
            *objects_of(environment, bucket),
            *(f"Resource::{arn}" for arn in [*kinds["model"], *kinds["endpoint-config"]]),
        ],
        "Names contain a digest of what is promoted, so only their prefix is fixed; each promotion's session is "
        "narrowed to its own.",
    )


def _allow_preflight(environment: AccountScope, role: iam.Role, key: kms.Key, execution_role_arn: str) -> None:
    """Allow what only the preflight checks call; a denied call makes a check inconclusive (docs/decisions/0014)."""
    own = resource_names.environment_role_arn(environment.stack.account, environment.name, Role.DEPLOYER)
    environment.allow(role, "SimulateOwnPermissions", ["iam:SimulatePrincipalPolicy"], [own, execution_role_arn])
    environment.allow(role, "DescribeKey", ["kms:DescribeKey"], [key.key_arn])
    environment.allow(
        role,
        "ReadQuotas",
        ["servicequotas:GetServiceQuota", "servicequotas:ListServiceQuotas"],
        ["*"],
    )
    environment.accept_wildcards(
        role, ["Resource::*"], "Service Quotas does not support resource-level permissions; it only reads."
    )
