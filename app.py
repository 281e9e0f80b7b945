#!/usr/bin/env python3
"""The CDK app: one hub stack and a stack for each environment, from promotion.yaml (or `-c config=another.yaml`)."""

from __future__ import annotations

import sys
from pathlib import Path

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks

from stacks.config.load import load
from stacks.config.schema import ConfigurationError
from stacks.environment.environment_stack import EnvironmentStack
from stacks.hub.hub_stack import HubStack
from stacks.limits.check import LimitExceeded, require_within_limits


def build(app: cdk.App, path: Path) -> None:
    """Add the stacks in the order in which they must be deployed: a policy can only name roles that exist."""
    settings = load(path)
    before: cdk.Stack = HubStack(app, settings)
    for name in settings.deployment_order():
        stack = EnvironmentStack(app, name, settings)
        stack.add_stack_dependency(before, "its policies name roles of the stacks before it")
        before = stack


def synthesise(app: cdk.App) -> None:
    """Write the templates. Raises LimitExceeded if AWS would refuse them: `cdk synth` and `cdk deploy` fail then."""
    require_within_limits(Path(app.synth().directory))


if __name__ == "__main__":
    app = cdk.App()
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    try:
        build(app, Path(app.node.try_get_context("config") or "promotion.yaml"))
        synthesise(app)
    except (ConfigurationError, LimitExceeded) as error:
        sys.exit(str(error))
