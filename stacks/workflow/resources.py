"""What the phases are built with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.promotion.contract.steps import Step
from stacks.workflow.lambda_task import StepRun
from stacks.workflow.tables import Tables


@dataclass(frozen=True, kw_only=True)
class WorkflowResources:
    """The hub's resources that the states use.

    `work_lists`: the bucket in which the work units are listed. `outcomes`: the topic on which outcomes are announced.
    `lease`: how long a lock is valid; no execution lasts longer.
    """

    scope: Construct
    steps: Mapping[Step, StepRun]
    work_lists: s3.IBucket
    tables: Tables
    outcomes: sns.ITopic
    lease: Duration
