"""The metric of the oldest lock's age: reported on a schedule, because an abandoned lock causes no event."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.resource_names import Metric
from lambdas.promotion.contract.steps import Job
from stacks.baseline.alarms import FIVE_MINUTES
from stacks.baseline.nag import accept_finding
from stacks.hub import bundle
from stacks.workflow.lambda_task import StepFunction
from stacks.workflow.tables import Tables


def report_lock_age(scope: Construct, tables: Tables, *, code: lambda_.Code, key: kms.IKey) -> cloudwatch.Metric:
    """Report the age every five minutes, and return the metric: a promotion takes minutes to hours.

    A report that fails is not retried, because the next one follows soon.
    """
    function = StepFunction(scope, Job.REPORT_LOCK_AGE, code=code, runtime=bundle.runtime(), key=key)
    tables.allow_read(function.role, tables.endpoints, "ReadLocks", ["dynamodb:Scan"])
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
    events.Rule(
        scope,
        "ReportLockAge",
        rule_name=resource_names.function(Job.REPORT_LOCK_AGE),
        description="Reports the age of the oldest lock",
        schedule=events.Schedule.rate(FIVE_MINUTES),
        targets=[targets.LambdaFunction(function.function, retry_attempts=0)],
    )
    return cloudwatch.Metric(
        namespace=resource_names.NAMESPACE,
        metric_name=Metric.OLDEST_LOCK_SECONDS,
        statistic="Maximum",
        period=FIVE_MINUTES,
    )
