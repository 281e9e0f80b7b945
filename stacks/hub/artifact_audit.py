"""The job that finds objects that changed where endpoints read their models: no event tells it reliably, nor by whom.

An hour is a compromise: each run lists all models that endpoints serve or can be rolled back to.
"""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from lambdas.promotion.contract import resource_names, time_limits
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.steps import Job
from stacks.config.topology import Configuration
from stacks.hub.scheduled_job import scheduled_job
from stacks.hub.work_list_bucket import allow_verified_reads
from stacks.workflow.lambda_task import StepFunction
from stacks.workflow.tables import Tables

EVERY = Duration.hours(1)


def audit_artifacts(
    scope: Construct,
    configuration: Configuration,
    *,
    tables: Tables,
    work_lists: s3.Bucket,
    code: lambda_.Code,
    key: kms.Key,
) -> StepFunction:
    """Return the job's function, which reads what was verified and lists what is there now."""
    accounts = {name: configuration.environments[name].account for name in sorted(configuration.sources())}
    function = scheduled_job(
        scope,
        Job.AUDIT_ARTIFACTS,
        "Compares what endpoints load with what was verified",
        code=code,
        key=key,
        every=EVERY,
        assumes=[
            resource_names.environment_role_arn(account, name, Role.AUDITOR) for name, account in accounts.items()
        ],
        timeout=Duration.seconds(time_limits.LONGEST_INVOCATION.seconds),
    )
    tables.allow_read(function.role, tables.endpoints, "ReadLastKnownGood", ["dynamodb:Scan"])
    allow_verified_reads(function, work_lists, key)
    return function
