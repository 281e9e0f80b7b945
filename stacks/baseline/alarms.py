"""Alarms: each states its meaning, what to do and where to read more, and notifies a topic."""

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
    """The alarms of one account: the topic that they notify, and where docs/runbooks is published."""

    scope: Construct
    topic: sns.ITopic
    runbook: str

    def add(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        meaning: str,
        *,
        page: str,
        above: float = 0,
        periods: int = 1,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> cloudwatch.Alarm:
        """Add an alarm that is raised when the metric exceeds `above` in so many consecutive periods.

        Most metrics have no data in normal operation, so missing data is treated as notBreaching unless `missing` is
        set. The return to OK notifies no one: the required action remains. `page`: the page of the runbooks, with an
        anchor if it has several.
        """
        alarm = cloudwatch.Alarm(
            self.scope,
            f"Alarm {name}",
            alarm_name=f"{resource_names.PRODUCT}-{name}",
            alarm_description=f"{meaning} {self.runbook}/{page}",
            metric=metric,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            threshold=above,
            evaluation_periods=periods,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        return alarm

    def on_dead_letters(self, queue: sqs.IQueue, *, prefix: str = "") -> cloudwatch.Alarm:
        """Report an event in the queue. `prefix`: an environment's name with a hyphen, or empty in the hub."""
        return self.add(
            f"{prefix}undelivered-events",
            depth_of(queue),
            "An event could not be delivered and is in the dead-letter queue: an approval has started no promotion, or "
            "an aborted promotion has not been cleaned up. Read the message's attributes, fix the cause, then do "
            "manually what the event was for.",
            page="undelivered-events.md",
        )

    def on_rule(self, rule: str, *, bus: str | None = None) -> cloudwatch.Alarm:
        """Report that a rule's target could not be invoked, even if the dead-letter queue did not receive the event."""
        return self.add(
            f"{rule.removeprefix(f'{resource_names.PRODUCT}-')}-failed",
            failures_of_rule(rule, bus=bus),
            f"The rule {rule} could not deliver an event after all its retries. The event is in the dead-letter queue; "
            "if that queue raises no alarm, it did not receive the event, and the event is lost.",
            page="undelivered-events.md",
        )


def depth_of(queue: sqs.IQueue) -> cloudwatch.Metric:
    return queue.metric_approximate_number_of_messages_visible(statistic="Maximum", period=FIVE_MINUTES)


def failures_of_rule(rule: str, *, bus: str | None = None) -> cloudwatch.Metric:
    """Return the metric of a rule on a custom bus, or on the default one (AWS: Monitoring EventBridge)."""
    return cloudwatch.Metric(
        namespace="AWS/Events",
        metric_name="FailedInvocations",
        dimensions_map={"RuleName": rule, **({"EventBusName": bus} if bus else {})},
        statistic="Sum",
        period=FIVE_MINUTES,
    )
