"""The dashboard: what becomes of promotions, how long they take, and whether what moves them is well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import Outcome
from lambdas.promotion.contract.errors import Errored, Refused, RolledBack
from lambdas.promotion.contract.resource_names import Metric

HOUR = Duration.hours(1)
ABORTED = "Aborted"
_COLORS = {
    Outcome.PROMOTED: cloudwatch.Color.GREEN,
    Outcome.UNCHANGED: cloudwatch.Color.GREY,
    Refused.__name__: cloudwatch.Color.BLUE,
    RolledBack.__name__: cloudwatch.Color.ORANGE,
    Errored.__name__: cloudwatch.Color.RED,
    ABORTED: cloudwatch.Color.PURPLE,
}
_WIDE, _HALF, _HIGH = 24, 12, 6
_MAX_ALARMS = 100  # in a widget (AWS: CloudWatch, Dashboard body structure)


def dashboard(
    scope: Construct,
    *,
    alarms: Sequence[cloudwatch.IAlarm],
    state_machine: sfn.IStateMachine,
    errors: Mapping[str, cloudwatch.Metric],
    dead_letters: cloudwatch.Metric,
    oldest_lock: cloudwatch.Metric,
    longest_lock: Duration,
    runbook: str,
) -> cloudwatch.Dashboard:
    """Return the dashboard of the hub. `errors`: of the functions, by what each is called there."""
    made = cloudwatch.Dashboard(
        scope, "Dashboard", dashboard_name=resource_names.PRODUCT, default_interval=Duration.days(7)
    )
    made.add_widgets(
        cloudwatch.TextWidget(
            markdown=f"# Promotions\nWhat each name means and what to do: {runbook}. One promotion is looked up in the "
            f"state machine `{resource_names.STATE_MACHINE}`.",
            width=_WIDE,
            height=2,
        )
    )
    made.add_widgets(
        cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms)[:_MAX_ALARMS], width=_WIDE, height=3)
    )
    made.add_widgets(
        _graph("Promotions by outcome", [_outcome_count(outcome) for outcome in _COLORS], stacked=True),
        _graph("Failures by name", [_search("error", Metric.PROMOTION_OUTCOME, "Sum", ["error"])], stacked=True),
    )
    made.add_widgets(
        _graph("Seconds that a promotion took", [_duration("p50"), _duration("p90"), _duration("Maximum")]),
        _graph(
            "Promotions by stage",
            [_search("stage", Metric.PROMOTION_OUTCOME, "Sum", ["outcome", "application", "stage"])],
            stacked=True,
        ),
    )
    made.add_widgets(
        _graph("Bytes copied", [_search("copied", Metric.BYTES_COPIED, "Sum", ["application", "stage"])], stacked=True),
        _graph(
            "Seconds that the oldest lock is held",
            [oldest_lock],
            limit=cloudwatch.HorizontalAnnotation(
                value=longest_lock.to_seconds(), label="longer than any promotion", color=cloudwatch.Color.RED
            ),
        ),
    )
    made.add_widgets(
        _graph("Errors of the steps, retried ones too", [one.with_(label=title) for title, one in errors.items()]),
        _graph(
            "Executions and events that got stuck",
            [
                state_machine.metric_timed_out(statistic="Sum", period=HOUR, label="executions timed out"),
                state_machine.metric_throttled(statistic="Sum", period=HOUR, label="state transitions throttled"),
                dead_letters.with_(label="events in the dead-letter queue"),
            ],
        ),
    )
    return made


def outcome_count(outcome: str) -> cloudwatch.Metric:
    """Return how many promotions have ended so."""
    return cloudwatch.Metric(
        namespace=resource_names.NAMESPACE,
        metric_name=Metric.PROMOTION_OUTCOME,
        dimensions_map={"outcome": outcome},
        statistic="Sum",
        period=Duration.minutes(5),
    )


def _outcome_count(outcome: str) -> cloudwatch.Metric:
    return outcome_count(outcome).with_(period=HOUR, label=outcome, color=_COLORS[outcome])


def _duration(statistic: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=resource_names.NAMESPACE,
        metric_name=Metric.PROMOTION_SECONDS,
        dimensions_map={"outcome": Outcome.PROMOTED},
        statistic=statistic,
        period=HOUR,
        label=statistic,
    )


def _search(ident: str, metric: Metric, statistic: str, dimensions: Sequence[str]) -> cloudwatch.MathExpression:
    """Every metric with exactly these dimensions: an application that is added needs no other dashboard."""
    schema = ",".join([resource_names.NAMESPACE, *dimensions])
    return cloudwatch.MathExpression(
        expression=f"SEARCH('{{{schema}}} MetricName=\"{metric}\"', '{statistic}', {HOUR.to_seconds():.0f})",
        using_metrics={},
        label="",
        period=HOUR,
    )


def _graph(
    title: str,
    metrics: Sequence[cloudwatch.IMetric],
    *,
    stacked: bool = False,
    limit: cloudwatch.HorizontalAnnotation | None = None,
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title,
        left=list(metrics),
        stacked=stacked,
        left_annotations=[limit] if limit else [],
        left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
        width=_HALF,
        height=_HIGH,
    )
