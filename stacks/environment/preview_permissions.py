"""The permissions of a target's roles for preview endpoints; none where no stage has a preview."""

from __future__ import annotations

from aws_cdk import aws_iam as iam

from lambdas.promotion.contract import resource_names
from stacks.environment.base import AccountScope


def allow_preview(environment: AccountScope, role: iam.Role) -> None:
    """Allow the deployer to create and delete preview endpoints, and to delete their configurations, but no others.

    It is already permitted to create their configurations: their names have the stage's prefix.
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
    """Allow the invoker to invoke preview endpoints."""
    endpoints = _endpoints(environment, synchronous_only=True)
    if endpoints:
        environment.allow(role, "InvokePreviews", ["sagemaker:InvokeEndpoint"], endpoints)


def _endpoints(environment: AccountScope, *, synchronous_only: bool = False) -> list[str]:
    """The ARNs of the preview endpoints; `synchronous_only`: without asynchronous ones (async_permissions.py)."""
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
