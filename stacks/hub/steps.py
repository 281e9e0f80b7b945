"""The steps' Lambda functions, each with exactly the permissions that its step requires in the hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_

from lambdas.promotion.contract import resource_names, time_limits
from lambdas.promotion.contract.steps import (
    LONG_RUNNING_STEPS,
    STEPS_BY_ROLE,
    Function,
    Job,
    Step,
    function_of,
    steps_of,
)
from stacks.baseline.nag import accept_finding
from stacks.baseline.role_placement import environments_with_role
from stacks.config.topology import Configuration
from stacks.hub import bundle
from stacks.workflow.lambda_task import StepFunction, StepRun, functions_of
from stacks.workflow.tables import Tables

# With this memory Lambda provides one full CPU (AWS: Lambda, "Configure function memory").
_ONE_CPU = 1769  # MB
_LONGEST = Duration.seconds(time_limits.LONGEST_INVOCATION.seconds)
_SHORT = Duration.seconds(time_limits.SHORT_INVOCATION.seconds)


def step_functions(
    stack: Stack, configuration: Configuration, *, code: lambda_.Code, key: kms.IKey
) -> dict[Step, StepRun]:
    """Return how every step runs. Its function may assume the roles that its steps work with."""
    functions = {
        function: _function(stack, function, configuration, code=code, key=key)
        for function in dict.fromkeys(map(function_of, Step))
    }
    return {
        step: StepRun(step, functions[function_of(step)], timeout=_LONGEST if step in LONG_RUNNING_STEPS else _SHORT)
        for step in Step
    }


def _function(
    stack: Stack, function: Function | Step | Job, configuration: Configuration, *, code: lambda_.Code, key: kms.IKey
) -> StepFunction:
    steps = steps_of(function)
    is_long = any(step in LONG_RUNNING_STEPS for step in steps)
    return StepFunction(
        stack,
        function,
        code=code,
        runtime=bundle.runtime(),
        key=key,
        assumes=_roles_assumed_by(steps, configuration),
        timeout=_LONGEST if is_long else _SHORT,
        **({"memory": _ONE_CPU} if is_long else {}),
    )


def allow_tables(steps: Mapping[Step, StepRun], tables: Tables) -> None:
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
    read(steps[Step.RESOLVE_ROLLBACK].role, tables.records, "FindFailedPromotions", ["dynamodb:Query"])
    write(steps[Step.RECORD_PROMOTION].role, tables.records, "AddRecords", ["dynamodb:PutItem"])
    write(steps[Step.CLEAN_UP_ABORTED].role, tables.records, "AddRecords", ["dynamodb:PutItem"])
    write(steps[Step.CLEAN_UP_ABORTED].role, tables.endpoints, "ReleaseLocks", ["dynamodb:UpdateItem"])


def allow_execution_reads(stack: Stack, steps: Mapping[Step, StepRun], *, reconciler: StepFunction) -> None:
    """Allow to read how an execution was started, whether a lock's owner is running, and how a stopped one ended."""
    executions = f"arn:aws:states:{stack.region}:{stack.account}:execution:{resource_names.STATE_MACHINE}:*"
    permissions = {
        steps[Step.RESOLVE_MODEL].runs_in: ["states:DescribeExecution"],
        steps[Step.RESOLVE_ROLLBACK].runs_in: ["states:DescribeExecution"],
        steps[Step.WAIT_FOR_LOCK].runs_in: ["states:DescribeExecution"],
        steps[Step.CLEAN_UP_ABORTED].runs_in: ["states:DescribeExecution", "states:GetExecutionHistory"],
        reconciler: ["states:DescribeExecution"],
    }
    for function, actions in permissions.items():
        function.role.add_to_policy(iam.PolicyStatement(sid="ReadExecutions", actions=actions, resources=[executions]))
        accept_finding(function.role, f"AwsSolutions-IAM5[Resource::{executions}]", "It may be any promotion.")


def accept_findings(steps: Mapping[Step, StepRun]) -> None:
    tracing = (
        "X-Ray's PutTraceSegments and PutTelemetryRecords do not support resource-level permissions (AWS: X-Ray "
        "actions)."
    )
    for step in functions_of(steps):
        accept_finding(step.role, "AwsSolutions-IAM5[Resource::*]", tracing)
        accept_finding(
            step.function,
            "AwsSolutions-L1",
            "The Python version that deploys, ran the tests and compiled the bundle (docs/decisions/0006).",
        )


def _roles_assumed_by(steps: Iterable[Step], configuration: Configuration) -> list[str]:
    """Return the exact ARNs of the roles that steps assume, one for each environment in which they work with one."""
    assumed = {
        resource_names.environment_role_arn(configuration.environments[environment].account, environment, role): None
        for role, steps_with_role in STEPS_BY_ROLE.items()
        for step in steps
        if step in steps_with_role
        for environment in sorted(environments_with_role(configuration, role, step))
    }
    return list(assumed)
