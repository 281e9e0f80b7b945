"""What the roles of a target need to try models on temporary endpoints; nothing where no stage has a trial."""

from __future__ import annotations

from aws_cdk import aws_iam as iam

from lambdas.promotion.contract import resource_names
from stacks.environment.base import AccountScope


def allow_preview(environment: AccountScope, role: iam.Role) -> None:
    """Let the deployer make trial endpoints and remove them, and delete no other configuration than theirs.

    To make their configurations is among its rights: their names begin as all of the stage's.
    """
    endpoints = _endpoints(environment)
    if not endpoints:
        return
    arn_prefix = f"arn:aws:sagemaker:{environment.stack.region}:{environment.stack.account}"
    configs = [
        f"{arn_prefix}:endpoint-config/{resource_names.preview_config(application, stage, resource_names.ANY_DIGEST)}"
        for application, stage in environment.stage_keys()
        if environment.configuration.applications[application].stages[stage].preview
    ]
    environment.allow(
        role,
        "ManagePreviews",
        ["sagemaker:CreateEndpoint", "sagemaker:DescribeEndpoint", "sagemaker:DeleteEndpoint", "sagemaker:AddTags"],
        endpoints,
    )
    environment.allow(role, "DeletePreviewConfigurations", ["sagemaker:DeleteEndpointConfig"], configs)


def allow_preview_invocation(environment: AccountScope, role: iam.Role) -> None:
    """Let the invoker ask trial endpoints."""
    endpoints = _endpoints(environment, synchronous_only=True)
    if endpoints:
        environment.allow(role, "InvokePreviews", ["sagemaker:InvokeEndpoint"], endpoints)


def _endpoints(environment: AccountScope, *, synchronous_only: bool = False) -> list[str]:
    """The trial endpoints' ARNs; `at_once`: without those that answer asynchronously (async_permissions.py)."""
    return [
        arn
        for stage in environment.configured_stages()
        if stage.preview and not (synchronous_only and stage.async_inference)
        for arn in resource_names.endpoint_arns(
            environment.stack.account,
            environment.stack.region,
            resource_names.preview_endpoint(stage.endpoint, resource_names.ANY_DIGEST),
        )
    ]
