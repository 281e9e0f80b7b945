"""An environment: what the hub works with in this account and Region."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from lambdas.promotion.contract import resource_names
from stacks.config.schema import Configuration
from stacks.environment.source import Source
from stacks.environment.target import Target


class EnvironmentStack(cdk.Stack):
    """Everything in one environment's account and Region: a source, a target, or both."""

    def __init__(self, scope: Construct, name: str, configuration: Configuration) -> None:
        environment = configuration.environments[name]
        super().__init__(
            scope,
            resource_names.environment_stack(name),
            env=cdk.Environment(account=environment.account, region=environment.region),
            description=f"Promote: the environment {name}",
        )
        sources = sorted(configuration.sources().get(name, set()))
        targets_fed = sorted(target for target, fed_by in configuration.sources().items() if name in fed_by)
        key = Target(self, name, configuration).build(sources) if sources else None
        if targets_fed:
            Source(self, name, configuration).build(targets_fed, key)
