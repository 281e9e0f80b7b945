"""The steps' Lambda functions, each with exactly the permissions that its step requires in the hub."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_

from lambdas.promotion.contract import resource_names, time_limits
from lambdas.promotion.contract.steps import STEPS_BY_ROLE, Step
from stacks.baseline.nag import accept_finding
from stacks.baseline.role_placement import environments_with_role
from stacks.config.topology import Configuration
from stacks.hub import bundle
from stacks.workflow.lambda_task import StepFunction
from stacks.workflow.tables import Tables

# The steps that read every object of a model, or copy them: thousands of calls, many at once. Lambda's own limit is
# 15 minutes, and with this memory it provides one full CPU (AWS: Lambda, "Configure function memory"). The layers of an
# image are streamed through the step, several concurrently.
_LONG_RUNNING_STEPS = frozenset(
    {
        Step.RESOLVE_MODEL,
        Step.COMPARE_ENDPOINT,
        Step.PREFLIGHT,
        Step.PLAN_COPY,
        Step.COPY_UNIT,
        Step.COPY_IMAGE,
        Step.COMPLETE_COPY,
        Step.VERIFY_ARTIFACTS,
        Step.ABORT_UPLOADS,
        Step.SMOKE_TEST,
        Step.RECORD_PROMOTION,
        Step.CLEAN_UP_ABORTED,
    }
)
_LONGEST_TIMEOUT = Duration.seconds(time_limits.LONGEST_INVOCATION.seconds)
_ONE_CPU = 1769  # MB


def step_functions(
    stack: Stack, configuration: Configuration, *, code: lambda_.Code, key: kms.IKey
) -> dict[Step, StepFunction]:
    """Return the function of every step, which may assume the roles that its step works with."""
    return {
        step: StepFunction(
            stack,
            step,
            code=code,
            runtime=bundle.runtime(),
            key=key,
            assumes=_roles_assumed_by(step, configuration),
            timeout=_LONGEST_TIMEOUT if step in _LONG_RUNNING_STEPS else None,
            **({"memory": _ONE_CPU} if step in _LONG_RUNNING_STEPS else {}),
        )
        for step in Step
    }


def allow_tables(steps: Mapping[Step, StepFunction], tables: Tables) -> None:
    """Allow each step its own reads and writes of the tables; records can be added, and no step can change one."""
    read, write = tables.allow_read, tables.allow_write
    write(
        steps[Step.WAIT_FOR_LOCK].role,
        tables.endpoints,
        "ReadAndReleaseLocks",
        ["dynamodb:GetItem", "dynamodb:UpdateItem"],
    )
    for step in (Step.RESOLVE_MODEL, Step.RESOLVE_ROLLBACK):
        read(steps[step].role, tables.endpoints, "ReadLastKnownGood", ["dynamodb:GetItem"])
        read(steps[step].role, tables.records, "ReadRecords", ["dynamodb:GetItem"])
    write(steps[Step.RECORD_PROMOTION].role, tables.records, "AddRecords", ["dynamodb:PutItem"])
    write(steps[Step.CLEAN_UP_ABORTED].role, tables.records, "AddRecords", ["dynamodb:PutItem"])
    write(steps[Step.CLEAN_UP_ABORTED].role, tables.endpoints, "ReleaseLocks", ["dynamodb:UpdateItem"])


def allow_execution_reads(stack: Stack, steps: Mapping[Step, StepFunction], *, reconciler: StepFunction) -> None:
    """Allow to read how an execution was started, whether a lock's owner is running, and how a stopped one ended."""
    executions = f"arn:aws:states:{stack.region}:{stack.account}:execution:{resource_names.STATE_MACHINE}:*"
    permissions = {
        steps[Step.RESOLVE_MODEL]: ["states:DescribeExecution"],
        steps[Step.RESOLVE_ROLLBACK]: ["states:DescribeExecution"],
        steps[Step.WAIT_FOR_LOCK]: ["states:DescribeExecution"],
        steps[Step.CLEAN_UP_ABORTED]: ["states:DescribeExecution", "states:GetExecutionHistory"],
        reconciler: ["states:DescribeExecution"],
    }
    for function, actions in permissions.items():
        function.role.add_to_policy(iam.PolicyStatement(sid="ReadExecutions", actions=actions, resources=[executions]))
        accept_finding(function.role, f"AwsSolutions-IAM5[Resource::{executions}]", "It may be any promotion.")


def accept_findings(steps: Mapping[Step, StepFunction]) -> None:
    tracing = (
        "X-Ray's PutTraceSegments and PutTelemetryRecords do not support resource-level permissions (AWS: X-Ray "
        "actions)."
    )
    for step in steps.values():
        accept_finding(step.role, "AwsSolutions-IAM5[Resource::*]", tracing)
        accept_finding(
            step.function,
            "AwsSolutions-L1",
            "The Python version that deploys, ran the tests and compiled the bundle (docs/decisions/0006).",
        )


def _roles_assumed_by(step: Step, configuration: Configuration) -> list[str]:
    """Return the exact ARNs of the roles that a step assumes, one for each environment in which it works with one."""
    return [
        resource_names.environment_role_arn(configuration.environments[environment].account, environment, role)
        for role, steps in STEPS_BY_ROLE.items()
        if step in steps
        for environment in sorted(environments_with_role(configuration, role, step))
    ]
