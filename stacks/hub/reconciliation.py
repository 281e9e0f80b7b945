"""The job that starts the cleanup after executions whose event was lost: EventBridge delivers it best effort.

Source: AWS, EventBridge, "Events from AWS services" (delivery type of Step Functions' events).
"""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.promotion.contract.steps import Job
from stacks.hub.scheduled_job import scheduled_job
from stacks.workflow.lambda_task import StepFunction
from stacks.workflow.tables import Tables


def reconcile_executions(
    scope: Construct,
    clean_up_aborted: StepFunction,
    *,
    state_machine: sfn.IStateMachine,
    work_lists: s3.IBucket,
    tables: Tables,
    code: lambda_.Code,
    key: kms.IKey,
) -> StepFunction:
    """Return the job's function, which may find out what was not cleaned up, and start the cleanup."""
    function = scheduled_job(
        scope,
        Job.RECONCILE_EXECUTIONS,
        "Cleans up after executions whose event was lost or whose cleanup failed",
        code=code,
        key=key,
    )
    tables.allow_read(function.role, tables.endpoints, "ReadLocks", ["dynamodb:Scan"])
    for sid, action, resource in (
        ("ListExecutions", "states:ListExecutions", state_machine.state_machine_arn),
        ("ReadMarks", "s3:ListBucket", work_lists.bucket_arn),
        ("StartCleanup", "lambda:InvokeFunction", clean_up_aborted.function.function_arn),
    ):
        function.role.add_to_policy(iam.PolicyStatement(sid=sid, actions=[action], resources=[resource]))
    return function
