"""The invoker: who asks a target's endpoints what the smoke tests ask."""

from __future__ import annotations

from aws_cdk import aws_kms as kms

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.resource_names import Duty
from stacks.baseline.iam_conditions import through
from stacks.environment import async_permissions, preview_permissions
from stacks.environment.base import Environment


def add_invoker(environment: Environment, key: kms.IKey) -> None:
    """Make the role, if a stage here has a smoke test. `key` encrypts the target's own bucket."""
    deployed = environment.configuration.deployed()
    stages = [deployed.applications[application].stages[stage] for application, stage in environment.stages_here()]
    tested = [stage for stage in stages if stage.smoke_tests]
    if not tested:
        return
    account, region = environment.stack.account, environment.stack.region
    role = environment.role(Duty.INVOKER, "Asks the endpoints that have a smoke test")
    own = resource_names.environment_role_arn(account, environment.name, Duty.INVOKER)
    environment.allow(role, "AskForItsRights", ["iam:SimulatePrincipalPolicy"], [own])
    at_once = [stage for stage in tested if not stage.answers_to]
    endpoints = [arn for stage in at_once for arn in resource_names.endpoint_arns(account, region, stage.endpoint)]
    if endpoints:
        environment.allow(role, "AskEndpoints", ["sagemaker:InvokeEndpoint"], endpoints)
    async_permissions.let_ask_asynchronously(environment, role)
    preview_permissions.let_ask(environment, role)
    payloads = [test.payload for stage in tested for test in stage.smoke_tests]
    objects = {f"arn:aws:s3:::{one.bucket}/{one.key}" for one in payloads if one.bucket and not one.in_source}
    if objects:
        keys = [key.key_arn, *environment.configuration.environments[environment.name].kms_keys]
        environment.allow(role, "ReadPayloads", ["s3:GetObject"], sorted(objects))
        environment.allow(role, "DecryptPayloads", ["kms:Decrypt"], keys, through("s3", region))
