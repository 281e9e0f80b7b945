"""The metric of the oldest lock's age: reported on a schedule, because an abandoned lock causes no event."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.resource_names import Metric
from lambdas.promotion.contract.steps import Job
from stacks.baseline.alarms import FIVE_MINUTES
from stacks.hub.scheduled_job import scheduled_job
from stacks.workflow.tables import Tables


def report_lock_age(scope: Construct, tables: Tables, *, code: lambda_.Code, key: kms.IKey) -> cloudwatch.Metric:
    """Report the age every five minutes, and return the metric: a promotion takes minutes to hours."""
    function = scheduled_job(scope, Job.REPORT_LOCK_AGE, "Reports the age of the oldest lock", code=code, key=key)
    tables.allow_read(function.role, tables.endpoints, "ReadLocks", ["dynamodb:Scan"])
    return cloudwatch.Metric(
        namespace=resource_names.NAMESPACE,
        metric_name=Metric.OLDEST_LOCK_SECONDS,
        statistic="Maximum",
        period=FIVE_MINUTES,
    )
