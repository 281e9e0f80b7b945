"""How approvals reach the hub: a bus that the model registries' accounts may write to, and a rule per application."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn

from lambdas.promotion.contract import resource_names
from stacks.baseline import approvals
from stacks.config.topology import Configuration


def start_on_approval(
    stack: Stack, configuration: Configuration, *, state_machine: sfn.IStateMachine, dead_letters: sqs.IQueue
) -> None:
    """Start the first stage of an application when a version of its model package group is approved."""
    bus = _bus(stack, configuration)
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


def _bus(stack: Stack, configuration: Configuration) -> events.EventBus:
    """The bus on which the accounts of the model registries may put SageMaker's events, and no other events."""
    bus = events.EventBus(stack, "Bus", event_bus_name=resource_names.BUS)
    for name in approvals.model_registries(configuration):
        events.CfnEventBusPolicy(
            stack,
            f"From-{name}",
            event_bus_name=bus.event_bus_name,
            statement_id=f"approvals-from-{name}",
            statement={
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{configuration.environments[name].account}:root"},
                "Action": "events:PutEvents",
                "Resource": bus.event_bus_arn,
                # Every event of a request must match (AWS: EventBridge, using IAM policy conditions).
                "Condition": {"ForAllValues:StringEquals": {"events:source": approvals.SOURCE}},
            },
        )
    return bus
