"""The dashboard: the outcomes of promotions, their duration, and the health of the steps, the queue and the locks."""

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
    """Return the dashboard of the hub. `errors`: the error metric of each function, by its title in the legend."""
    board = cloudwatch.Dashboard(
        scope, "Dashboard", dashboard_name=resource_names.PRODUCT, default_interval=Duration.days(7)
    )
    board.add_widgets(
        cloudwatch.TextWidget(
            markdown=f"# Promotions\nThe meaning of each name and what to do: {runbook}/README.md. A promotion is "
            f"shown in the state machine `{resource_names.STATE_MACHINE}`.",
            width=_WIDE,
            height=2,
        )
    )
    board.add_widgets(
        cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms)[:_MAX_ALARMS], width=_WIDE, height=3)
    )
    board.add_widgets(
        _graph("Promotions by outcome", [_outcome_count(outcome) for outcome in _COLORS], stacked=True),
        _graph("Failures by name", [_search("error", Metric.PROMOTION_OUTCOME, "Sum", ["error"])], stacked=True),
    )
    board.add_widgets(
        _graph("Duration of promotions in seconds", [_duration("p50"), _duration("p90"), _duration("Maximum")]),
        _graph(
            "Promotions by stage",
            [_search("stage", Metric.PROMOTION_OUTCOME, "Sum", ["outcome", "application", "stage"])],
            stacked=True,
        ),
    )
    board.add_widgets(
        _graph("Bytes copied", [_search("copied", Metric.BYTES_COPIED, "Sum", ["application", "stage"])], stacked=True),
        _graph(
            "Age of the oldest lock in seconds",
            [oldest_lock],
            limit=cloudwatch.HorizontalAnnotation(
                value=longest_lock.to_seconds(), label="longer than any promotion", color=cloudwatch.Color.RED
            ),
        ),
    )
    board.add_widgets(
        _graph(
            "Errors of the steps, including retried errors",
            [metric.with_(label=title) for title, metric in errors.items()],
        ),
        _graph(
            "Timed-out and throttled executions, undelivered events",
            [
                state_machine.metric_timed_out(statistic="Sum", period=HOUR, label="executions timed out"),
                state_machine.metric_throttled(statistic="Sum", period=HOUR, label="state transitions throttled"),
                dead_letters.with_(label="events in the dead-letter queue"),
            ],
        ),
    )
    return board


def outcome_count(outcome: str) -> cloudwatch.Metric:
    """Return the number of promotions with this outcome."""
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
    """Every metric with exactly these dimensions: a new application requires no change of the dashboard."""
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
