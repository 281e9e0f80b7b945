"""What the roles of a target need to try models on temporary endpoints; nothing where no stage has a trial."""

from __future__ import annotations

from aws_cdk import aws_iam as iam

from lambdas.promotion.contract import resource_names
from stacks.environment.base import Environment


def let_try(environment: Environment, role: iam.Role) -> None:
    """Let the deployer make trial endpoints and remove them, and delete no other configuration than theirs.

    To make their configurations is among its rights: their names begin as all of the stage's.
    """
    endpoints = _endpoints(environment)
    if not endpoints:
        return
    place = f"arn:aws:sagemaker:{environment.stack.region}:{environment.stack.account}"
    configs = [
        f"{place}:endpoint-config/{resource_names.trial_config(application, stage, resource_names.ANY_DIGEST)}"
        for application, stage in environment.stages_here()
        if environment.configuration.applications[application].stages[stage].trial
    ]
    environment.allow(
        role,
        "TryModels",
        ["sagemaker:CreateEndpoint", "sagemaker:DescribeEndpoint", "sagemaker:DeleteEndpoint", "sagemaker:AddTags"],
        endpoints,
    )
    environment.allow(role, "ForgetTrials", ["sagemaker:DeleteEndpointConfig"], configs)


def let_ask(environment: Environment, role: iam.Role) -> None:
    """Let the invoker ask trial endpoints."""
    endpoints = _endpoints(environment, at_once=True)
    if endpoints:
        environment.allow(role, "AskTrials", ["sagemaker:InvokeEndpoint"], endpoints)


def _endpoints(environment: Environment, *, at_once: bool = False) -> list[str]:
    """The trial endpoints' ARNs; `at_once`: without those that answer asynchronously (async_permissions.py)."""
    return [
        arn
        for stage in environment.configured_stages()
        if stage.trial and not (at_once and stage.async_inference)
        for arn in resource_names.endpoint_arns(
            environment.stack.account,
            environment.stack.region,
            resource_names.trial_endpoint(stage.endpoint, resource_names.ANY_DIGEST),
        )
    ]
