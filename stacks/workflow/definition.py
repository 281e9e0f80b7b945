"""The state machine of a promotion: seven phases, each in a file of its own, here in their order.

The names of task states are imperatives, of choices questions, of terminal states participles. Every error of every
state leads to the explanation of the failure, to the record and to `Promotion failed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from aws_cdk import Duration
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.promotion.contract.steps import Step
from stacks.workflow.conclude import Conclusion, conclude
from stacks.workflow.copy import copy
from stacks.workflow.create import create
from stacks.workflow.deploy import Deployment, deploy
from stacks.workflow.lambda_task import StepRun
from stacks.workflow.lock import lock
from stacks.workflow.preflight import preflight
from stacks.workflow.resolve import resolve
from stacks.workflow.resources import WorkflowResources
from stacks.workflow.tables import Tables


def definition(
    scope: Construct,
    steps: Mapping[Step, StepRun],
    *,
    work_lists: s3.IBucket,
    tables: Tables,
    outcomes: sns.ITopic,
    lease: Duration,
) -> sfn.IChainable:
    """Return the first state of the state machine."""
    resources = WorkflowResources(
        scope=scope, steps=steps, work_lists=work_lists, tables=tables, outcomes=outcomes, lease=lease
    )
    return Phases(resources).resolve


class Phases:
    """The phases in their order. Each is built once, with the beginnings of those that can follow it."""

    def __init__(self, resources: WorkflowResources) -> None:
        self._resources = resources

    @cached_property
    def resolve(self) -> sfn.IChainable:
        """What is promoted from where to where; a dry run changes nothing and takes no lock."""
        return resolve(self._resources, then=self.lock, dry_run=self.preflight, explain=self.conclude.explain)

    @cached_property
    def lock(self) -> sfn.IChainable:
        """One promotion at a time changes an endpoint."""
        return lock(self._resources, then=self.preflight, explain=self.conclude.explain)

    @cached_property
    def preflight(self) -> sfn.IChainable:
        """Whether there is anything to do, and whether all of it can be done. A dry run ends here."""
        return preflight(
            self._resources,
            then=self.copy,
            rollback=self.create,
            nothing_to_do=self.deploy.end,
            planned=self.conclude,
        )

    @cached_property
    def copy(self) -> sfn.IChainable:
        """Images and artifacts get into the target account, and are verified there."""
        return copy(self._resources, then=self.create, explain=self.conclude.explain)

    @cached_property
    def create(self) -> sfn.IChainable:
        """The model and the endpoint configuration, and their preview on a temporary endpoint."""
        return create(self._resources, then=self.deploy.begin, explain=self.conclude.explain)

    @cached_property
    def deploy(self) -> Deployment:
        """The endpoint gets the configuration: wait, inspect, smoke test, scaling; or roll back."""
        return deploy(self._resources, then=self.conclude)

    @cached_property
    def conclude(self) -> Conclusion:
        """Explain a failure, record the promotion, unlock the endpoint, announce the outcome."""
        return conclude(self._resources)
