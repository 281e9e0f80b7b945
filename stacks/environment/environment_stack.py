"""An environment: the resources that the hub works with in this account and Region."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from lambdas.promotion.contract import resource_names
from stacks.config.topology import Configuration
from stacks.environment import scaling_role
from stacks.environment.base import AccountScope
from stacks.environment.forwarding import Forwarding
from stacks.environment.invoker_role import add_invoker
from stacks.environment.source import Source
from stacks.environment.target.auditor import add_auditor
from stacks.environment.target.bucket import add_artifact_bucket, add_artifact_key
from stacks.environment.target.deployer import add_deployer
from stacks.environment.target.execution_role import add_execution_role
from stacks.environment.target.pusher import add_pusher
from stacks.environment.target.receiver import add_receiver


class EnvironmentStack(cdk.Stack):
    """Everything in one environment's account and Region: a source, a target, or both."""

    def __init__(self, scope: Construct, name: str, configuration: Configuration) -> None:
        environment = configuration.environments[name]
        super().__init__(
            scope,
            resource_names.environment_stack(name),
            env=cdk.Environment(account=environment.account, region=environment.region),
            termination_protection=environment.termination_protection,
            description=f"Promote: the environment {name}",
        )
        sources = sorted(configuration.sources().get(name, set()))
        targets_fed = sorted(target for target, fed_by in configuration.sources().items() if name in fed_by)
        key = _add_target(AccountScope(self, name, configuration), sources) if sources else None
        if targets_fed:
            Source(self, name, configuration).build(targets_fed, key)
        Forwarding(self, name, configuration).build()


def _add_target(environment: AccountScope, sources: Sequence[str]) -> kms.Key:
    """Add what a target consists of, and return its key: a later promotion from here reads what it encrypts."""
    key = add_artifact_key(environment, sources)
    bucket = add_artifact_bucket(environment, key, sources)
    add_receiver(environment, bucket, key, sources)
    add_deployer(environment, bucket, key)
    add_auditor(environment, bucket)
    add_execution_role(environment, bucket, key)
    add_invoker(environment, key)
    scaling_role.build(environment)
    if any(target == environment.name for _, target in environment.configuration.image_copies()):
        add_pusher(environment)
    return key
