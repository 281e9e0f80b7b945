"""The invoker: the role that invokes a target's endpoints for the smoke tests."""

from __future__ import annotations

from aws_cdk import aws_kms as kms

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.roles import Role
from stacks.baseline.iam_conditions import via_service
from stacks.environment import async_permissions, preview_permissions
from stacks.environment.base import AccountScope


def add_invoker(environment: AccountScope, key: kms.IKey) -> None:
    """Add the role, if a stage here has a smoke test. `key` encrypts the target's own bucket."""
    deployed = environment.configuration.deployed()
    stages = [deployed.applications[application].stages[stage] for application, stage in environment.stage_keys()]
    tested = [stage for stage in stages if stage.smoke_tests]
    if not tested:
        return
    account, region = environment.stack.account, environment.stack.region
    role = environment.role(Role.INVOKER, "Invokes the endpoints that have a smoke test")
    own = resource_names.environment_role_arn(account, environment.name, Role.INVOKER)
    environment.allow(role, "SimulateOwnPermissions", ["iam:SimulatePrincipalPolicy"], [own])
    real_time = [stage for stage in tested if not stage.response_uris]
    endpoints = [arn for stage in real_time for arn in resource_names.endpoint_arns(account, region, stage.endpoint)]
    if endpoints:
        environment.allow(role, "InvokeEndpoints", ["sagemaker:InvokeEndpoint"], endpoints)
    async_permissions.allow_async_invocation(environment, role)
    preview_permissions.allow_preview_invocation(environment, role)
    payloads = [test.payload for stage in tested for test in stage.smoke_tests]
    objects = {
        f"arn:aws:s3:::{payload.bucket}/{payload.key}"
        for payload in payloads
        if payload.bucket and not payload.in_source
    }
    if objects:
        keys = [key.key_arn, *environment.configuration.environments[environment.name].kms_keys]
        environment.allow(role, "ReadPayloads", ["s3:GetObject"], sorted(objects))
        environment.allow(role, "DecryptPayloads", ["kms:Decrypt"], keys, via_service("s3", region))
