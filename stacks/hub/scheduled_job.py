"""The function of a job, and what runs it on a schedule."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.steps import Job
from stacks.baseline.alarms import FIVE_MINUTES
from stacks.baseline.nag import accept_finding
from stacks.hub import bundle
from stacks.workflow.lambda_task import StepFunction


def scheduled_job(
    scope: Construct,
    job: Job,
    description: str,
    *,
    code: lambda_.Code,
    key: kms.IKey,
    every: Duration = FIVE_MINUTES,
    assumes: Sequence[str] = (),
    timeout: Duration | None = None,
) -> StepFunction:
    """Return the job's function. A run that fails is not retried, because the next one follows soon."""
    function = job_function(scope, job, code=code, key=key, assumes=assumes, timeout=timeout)
    events.Rule(
        scope,
        job.value.title().replace("_", ""),
        rule_name=resource_names.function(job),
        description=description,
        schedule=events.Schedule.rate(every),
        targets=[targets.LambdaFunction(function.function, retry_attempts=0)],
    )
    return function


def job_function(
    scope: Construct,
    job: Job,
    *,
    code: lambda_.Code,
    key: kms.IKey,
    assumes: Sequence[str] = (),
    timeout: Duration | None = None,
) -> StepFunction:
    """Return the function of a job, whatever runs it."""
    function = StepFunction(scope, job, code=code, runtime=bundle.runtime(), key=key, assumes=assumes, timeout=timeout)
    accept_finding(
        function.role,
        "AwsSolutions-IAM5[Resource::*]",
        "X-Ray's PutTraceSegments and PutTelemetryRecords do not support resource-level permissions (AWS: X-Ray "
        "actions).",
    )
    accept_finding(
        function.function,
        "AwsSolutions-L1",
        "The Python version that deploys, ran the tests and compiled the bundle (docs/decisions/0006).",
    )
    return function
