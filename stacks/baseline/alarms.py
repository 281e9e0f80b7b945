"""Alarms: each says what it means, what is to be done and where to read more, and acts on a topic."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from lambdas.promotion.contract import resource_names

FIVE_MINUTES = Duration.minutes(5)


@dataclass(frozen=True)
class Alarms:
    """The alarms of one account: on whose topic they act, and where docs/operations.md is read."""

    scope: Construct
    topic: sns.ITopic
    runbook: str

    def add(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        meaning: str,
        *,
        section: str,
        above: float = 0,
        periods: int = 1,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> cloudwatch.Alarm:
        """Add an alarm that goes off when the metric is above a number in so many periods on end.

        Most of what is counted is not there at all while all is well, so what is missing is no reason for an alarm
        unless `missing` says otherwise. Nothing is said when an alarm ends: what to do does not end with it.
        """
        alarm = cloudwatch.Alarm(
            self.scope,
            f"Alarm {name}",
            alarm_name=f"{resource_names.PRODUCT}-{name}",
            alarm_description=f"{meaning} {self.runbook}#{section}",
            metric=metric,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            threshold=above,
            evaluation_periods=periods,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        return alarm

    def on_dead_letters(self, queue: sqs.IQueue, *, prefix: str = "") -> cloudwatch.Alarm:
        """Say that an event lies in the queue. `prefix`: an environment's name with a hyphen, or nothing in the hub."""
        return self.add(
            f"{prefix}undelivered-events",
            depth_of(queue),
            "An event could not be delivered and lies in the dead-letter queue: an approval has started nothing, or a "
            "promotion that was stopped has not been tidied up after. Read the message's attributes, mend the cause, "
            "do by hand what the event was for.",
            section="approvals-that-started-nothing",
        )

    def on_rule(self, rule: str, *, bus: str | None = None) -> cloudwatch.Alarm:
        """Say that a rule's target could not be invoked, also where the dead-letter queue did not take the event."""
        return self.add(
            f"{rule.removeprefix(f'{resource_names.PRODUCT}-')}-failed",
            failures_of_rule(rule, bus=bus),
            f"The rule {rule} could not hand on an event, after all its tries. It lies in the dead-letter queue; if "
            "there is no alarm for that too, the queue did not take it, and it is lost.",
            section="approvals-that-started-nothing",
        )


def depth_of(queue: sqs.IQueue) -> cloudwatch.Metric:
    return queue.metric_approximate_number_of_messages_visible(statistic="Maximum", period=FIVE_MINUTES)


def failures_of_rule(rule: str, *, bus: str | None = None) -> cloudwatch.Metric:
    """Return the metric of a rule on a bus of our own, or on the default one (AWS: Monitoring EventBridge)."""
    return cloudwatch.Metric(
        namespace="AWS/Events",
        metric_name="FailedInvocations",
        dimensions_map={"RuleName": rule, **({"EventBusName": bus} if bus else {})},
        statistic="Sum",
        period=FIVE_MINUTES,
    )
