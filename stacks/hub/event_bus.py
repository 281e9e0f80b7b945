"""What other accounts report to the hub: a bus that they may write to, and the rules of what it starts or ends."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.steps import Job
from stacks.baseline import approvals, endpoint_states
from stacks.config.topology import Configuration
from stacks.hub.scheduled_job import job_function
from stacks.workflow.announce import allow_publishing
from stacks.workflow.tables import Tables


def start_on_approval(
    stack: Stack,
    configuration: Configuration,
    bus: events.IEventBus,
    *,
    state_machine: sfn.IStateMachine,
    dead_letters: sqs.IQueue,
) -> None:
    """Start the first stage of an application when a version of its model package group is approved."""
    for name, application in configuration.applications.items():
        first_stage = next(iter(application.stages))
        events.Rule(
            stack,
            f"Approved-{name}",
            rule_name=resource_names.approval_rule(name),
            description=f"Promotes an approved version of {application.model_package_group} to {first_stage}",
            event_bus=bus,
            event_pattern=approvals.pattern_for(application, configuration),
            targets=[
                targets.SfnStateMachine(
                    state_machine,
                    input=events.RuleTargetInput.from_object(
                        {
                            "application": name,
                            "stage": first_stage,
                            "model_package_arn": events.EventField.from_path("$.detail.ModelPackageArn"),
                        }
                    ),
                    dead_letter_queue=dead_letters,
                    retry_attempts=10,
                    max_event_age=Duration.hours(2),
                )
            ],
        )


def end_waits(
    stack: Stack,
    configuration: Configuration,
    bus: events.IEventBus,
    *,
    state_machine: sfn.IStateMachine,
    tables: Tables,
    code: lambda_.Code,
    key: kms.IKey,
) -> None:
    """End the wait for an endpoint when it reaches a state that lasts. An event that is lost costs a longer wait."""
    function = job_function(stack, Job.END_WAIT, code=code, key=key)
    tables.allow_read(function.role, tables.endpoints, "ReadWaits", ["dynamodb:GetItem"])
    function.role.add_to_policy(
        # IAM decides on the ARN of the state machine (observed on AWS: aws-cdk #8486, NOAA-OWP/hydrovis #837).
        iam.PolicyStatement(
            sid="EndWaits", actions=["states:SendTaskSuccess"], resources=[state_machine.state_machine_arn]
        )
    )
    events.Rule(
        stack,
        "EndpointStates",
        rule_name=resource_names.function(Job.END_WAIT),
        description="Ends the wait of a promotion whose endpoint has reached a state that lasts",
        event_bus=bus,
        event_pattern=endpoint_states.hub_pattern(configuration),
        # Later, the wait has ended by its timeout.
        targets=[targets.LambdaFunction(function.function, retry_attempts=3, max_event_age=Duration.minutes(1))],
    )


def report_rejections(
    stack: Stack, bus: events.IEventBus, *, topic: sns.ITopic, tables: Tables, code: lambda_.Code, key: kms.IKey
) -> None:
    """Announce that a version was rejected that some stage serves."""
    function = job_function(stack, Job.REPORT_REJECTION, code=code, key=key)
    tables.allow_read(function.role, tables.endpoints, "ReadLastKnownGood", ["dynamodb:GetItem"])
    tables.allow_read(function.role, tables.records, "ReadRecords", ["dynamodb:GetItem"])
    allow_publishing(function.role, topic, key)
    events.Rule(
        stack,
        "Rejections",
        rule_name=resource_names.function(Job.REPORT_REJECTION),
        description="Announces that a version was rejected that some stage serves",
        event_bus=bus,
        event_pattern=approvals.rejections(),
        targets=[targets.LambdaFunction(function.function, retry_attempts=10, max_event_age=Duration.hours(2))],
    )


def event_bus(stack: Stack, configuration: Configuration) -> events.EventBus:
    """Return the bus on which the accounts of model registries and targets may put these events, and no others."""
    bus = events.EventBus(stack, "Bus", event_bus_name=resource_names.BUS)
    for name in approvals.model_registries(configuration):
        account = configuration.environments[name].account
        _allow(bus, f"From-{name}", f"approvals-from-{name}", [account], approvals.DETAIL_TYPE)
    _allow(
        bus,
        "FromTargets",
        "endpoint-states-from-targets",
        endpoint_states.target_accounts(configuration),
        endpoint_states.DETAIL_TYPE,
    )
    return bus


def _allow(bus: events.EventBus, title: str, sid: str, accounts: Sequence[str], detail_type: str) -> None:
    if not accounts:
        return
    principals = [f"arn:aws:iam::{account}:root" for account in accounts]
    events.CfnEventBusPolicy(
        Stack.of(bus),
        title,
        event_bus_name=bus.event_bus_name,
        statement_id=sid,
        statement={
            "Effect": "Allow",
            "Principal": {"AWS": principals if len(principals) > 1 else principals[0]},
            "Action": "events:PutEvents",
            "Resource": bus.event_bus_arn,
            # Every event of a request must match (AWS: EventBridge, using IAM policy conditions).
            "Condition": {
                "ForAllValues:StringEquals": {"events:source": approvals.SOURCE, "events:detail-type": detail_type}
            },
        },
    )
