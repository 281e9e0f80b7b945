"""The rules that forward SageMaker's events to the hub's bus: approvals, and the states of the stages' endpoints."""

from __future__ import annotations

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns

from lambdas.promotion.contract import resource_names
from stacks.baseline import approvals, endpoint_states
from stacks.baseline.alarms import Alarms
from stacks.baseline.dead_letters import dead_letter_queue
from stacks.baseline.topic import topic
from stacks.environment.base import AccountScope


class Forwarding(AccountScope):
    """The forwarder, and its rules."""

    def build(self) -> None:
        """Add what is to be forwarded from here; in an environment without any of it, nothing."""
        registry = self.name in approvals.model_registries(self.configuration)
        states = endpoint_states.patterns_in(self.name, self.configuration)
        if not registry and not states:
            return
        hub = self.configuration.hub
        bus = events.EventBus.from_event_bus_arn(self.stack, "HubBus", resource_names.bus_arn(hub.account, hub.region))
        role = iam.Role(
            self.stack,
            "Forwarder",
            role_name=f"{resource_names.PRODUCT}-{self.name}-forwarder",
            description="Forwards events to the hub's bus",
            assumed_by=iam.ServicePrincipal("events.amazonaws.com"),
        )
        if registry:
            self._forward_approvals(bus, role)
        for number, pattern in enumerate(states, start=1):
            self._forward_states(bus, role, pattern, "" if number == 1 else f"-{number}")

    def _forward_states(self, bus: events.IEventBus, role: iam.IRole, pattern: events.EventPattern, part: str) -> None:
        """Without a dead-letter queue and an alarm: what an undelivered event costs is a wait until its timeout."""
        events.Rule(
            self.stack,
            f"EndpointStates{part}",
            rule_name=f"{resource_names.endpoint_states_rule(self.name)}{part}",
            description="Forwards the states of the stages' endpoints to Promote's hub",
            event_pattern=pattern,
            targets=[targets.EventBus(bus, role=role)],
        )

    def _forward_approvals(self, bus: events.IEventBus, role: iam.IRole) -> None:
        rule_name = f"{resource_names.PRODUCT}-{self.name}-approvals"
        dead_letters = dead_letter_queue(self.stack, [rule_name])
        events.Rule(
            self.stack,
            "ApprovalForwarding",
            rule_name=rule_name,
            description="Forwards approved and rejected model package versions to Promote's hub",
            event_pattern=approvals.pattern_in(self.name, self.configuration),
            targets=[targets.EventBus(bus, role=role, dead_letter_queue=dead_letters)],
        )
        alarms = Alarms(self.stack, self._topic(), self.configuration.hub.deployed().runbook)
        alarms.on_dead_letters(dead_letters, prefix=f"{self.name}-")
        alarms.on_rule(rule_name)

    def _topic(self) -> sns.ITopic:
        """The hub's topic, or the environment's own in another Region: an alarm can notify its own Region only.

        The hub's bus cannot carry the notification: the alarms report that the way to it has failed.
        """
        hub = self.configuration.hub
        if self.stack.region == hub.region:
            return sns.Topic.from_topic_arn(self.stack, "Topic", resource_names.topic_arn(hub.account, hub.region))
        return topic(
            self.stack,
            resource_names.environment_topic(self.name),
            subscribers=hub.notify.subscribers,
            alarms_of=[self.stack.account],
        )
