"""The state machine of the hub: its definition, its log group, its role, and how long an execution may take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from aws_cdk import CfnResource, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn

from lambdas.promotion.contract import resource_names, time_limits
from lambdas.promotion.contract.steps import Step
from stacks.baseline.iam_conditions import via_service
from stacks.baseline.nag import accept_finding
from stacks.baseline.retention import RETAIN
from stacks.config.topology import Configuration
from stacks.workflow import copy as copy_phase
from stacks.workflow import definition
from stacks.workflow.announce import allow_announcement
from stacks.workflow.lambda_task import StepRun, functions_of
from stacks.workflow.tables import Tables


def longest_execution(configuration: Configuration) -> Duration:
    """Return the timeout of every execution: the longest deadline of a stage, and the rollback after it."""
    stages = [stage for application in configuration.applications.values() for stage in application.stages.values()]
    longest_deadline = max((stage.deadline_seconds for stage in stages), default=3600)
    return Duration.seconds(longest_deadline + time_limits.EXECUTION_RESERVE.total_seconds())


def state_machine(
    stack: Stack,
    steps: Mapping[Step, StepRun],
    *,
    work_lists: s3.Bucket,
    tables: Tables,
    outcomes: sns.ITopic,
    timeout: Duration,
    key: kms.IKey,
) -> sfn.StateMachine:
    machine = sfn.StateMachine(
        stack,
        "StateMachine",
        state_machine_name=resource_names.STATE_MACHINE,
        state_machine_type=sfn.StateMachineType.STANDARD,
        query_language=sfn.QueryLanguage.JSONATA,
        definition_body=sfn.DefinitionBody.from_chainable(
            definition.definition(stack, steps, work_lists=work_lists, tables=tables, outcomes=outcomes, lease=timeout)
        ),
        timeout=timeout,
        tracing_enabled=True,
        logs=sfn.LogOptions(
            destination=logs.LogGroup(
                stack,
                "StateMachineLogs",
                log_group_name=f"/aws/vendedlogs/states/{resource_names.STATE_MACHINE}",
                retention=logs.RetentionDays.ONE_YEAR,
                encryption_key=key,
                removal_policy=RETAIN,
            ),
            level=sfn.LogLevel.ALL,
            # The document contains the model's environment variables: it is in the history, and not in the log.
            include_execution_data=False,
        ),
    )
    machine.role.add_to_principal_policy(
        iam.PolicyStatement(
            sid="DecryptMapItems",
            actions=["kms:Decrypt"],
            resources=[key.key_arn],
            conditions=via_service("s3", stack.region),
        )
    )
    _allow_every_version(machine.role, steps)
    tables.allow_state_machine_write(machine.role, "Lock")
    allow_announcement(machine.role, key)
    return machine


def _allow_every_version(role: iam.IRole, steps: Mapping[Step, StepRun]) -> None:
    """Allow what running executions call: CDK allows the versions that the present definition names."""
    functions = dict.fromkeys(run.runs_in for step, run in steps.items() if step is not Step.CLEAN_UP_ABORTED)
    role.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["lambda:InvokeFunction"],
            resources=[f"{function.function.function_arn}:*" for function in functions],
        )
    )


def by_name(stack: Stack) -> sfn.IStateMachine:
    """Return the state machine for what has to be deployed before it, so without a reference to it."""
    return sfn.StateMachine.from_state_machine_name(stack, "StateMachineByName", resource_names.STATE_MACHINE)


def update_last(machine: sfn.StateMachine) -> None:
    """Let CloudFormation update the state machine after all others, but for its own versions and aliases.

    An update that fails deletes the functions' versions that it published: no execution should have begun with them.
    """
    resource = cast(CfnResource, machine.node.default_child)
    maps_policy = machine.node.find_child("DistributedMapPolicy").node
    after = {resource.node.path, *(construct.node.path for construct in maps_policy.find_all())}
    for construct in Stack.of(machine).node.find_all():
        is_own = isinstance(construct, sfn.CfnStateMachineVersion | sfn.CfnStateMachineAlias)
        if isinstance(construct, CfnResource) and not is_own and construct.node.path not in after:
            resource.add_resource_dependency(construct)


def accept_findings(machine: sfn.StateMachine, steps: Mapping[Step, StepRun], work_lists: s3.Bucket) -> None:
    stack = Stack.of(machine)
    accept_finding(
        machine.role,
        "AwsSolutions-IAM5[Resource::*]",
        "CloudWatch Logs' delivery actions and X-Ray's do not support resource-level permissions (AWS: Step Functions, "
        "CloudWatch Logs).",
    )
    accept_finding(
        machine.role,
        f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::<{stack.get_logical_id(work_lists.node.default_child)}>/*]",  # type: ignore[arg-type]
        "CDK grants the Map's item reader the bucket; each promotion has its own list in it.",
    )
    name = f'{{"Fn::Select":[6,{{"Fn::Split":[":",{{"Ref":"{stack.get_logical_id(machine.node.default_child)}"}}]}}]}}'  # type: ignore[arg-type]
    labels = (copy_phase.COPY_LABEL, copy_phase.VERIFY_LABEL)
    for executions in (f"{name}:*", *(f"{name}/{label}:*" for label in labels)):
        accept_finding(
            machine.node.find_child("DistributedMapPolicy"),
            f"AwsSolutions-IAM5[Resource::arn:aws:states:{stack.region}:{stack.account}:execution:{executions}]",
            "Step Functions generates the names of the Map's child executions (AWS: Distributed Map, IAM).",
        )
    for step in functions_of(steps):
        accept_finding(
            machine.role,
            f"AwsSolutions-IAM5[Resource::<{stack.get_logical_id(step.function.node.default_child)}.Arn>:*]",  # type: ignore[arg-type]
            "Executions that began before a deployment go on with the versions of their time (docs/decisions/0035).",
        )
