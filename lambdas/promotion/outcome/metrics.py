"""What is measured, in CloudWatch's embedded format: a line of the log that CloudWatch makes metrics of.

Each set of dimensions is a metric of its own for each of its values, and each metric costs for the hours in which it is
written. So what is a dimension has few values, all of them known to the configuration or to the code: never a name out
of an execution's input, an ARN or an id. Those are in the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from lambdas.promotion.contract.document import Copied
from lambdas.promotion.contract.resource_names import NAMESPACE, Metric


def count_outcome(
    outcome: str,
    *,
    error: str | None = None,
    seconds: float | None = None,
    application: str | None = None,
    stage: str | None = None,
) -> None:
    """Count an outcome: by its outcome, by outcome, application and stage if these are known, by error if there is one.

    `seconds`: how long it took. `application` and `stage` are those of the configuration (a Promotion has them): what
    a caller typed may be anything.
    """
    sets: list[dict[str, str]] = [{"outcome": outcome}]
    if application and stage:
        sets.append({"outcome": outcome, "application": application, "stage": stage})
    if seconds is not None:
        _write(Metric.PROMOTION_SECONDS, MetricUnit.Seconds, seconds, sets)
    if error:
        sets.append({"error": error})
    _write(Metric.PROMOTION_OUTCOME, MetricUnit.Count, 1, sets)


def count_copied(copied: Copied, *, application: str, stage: str) -> None:
    """Count what a unit of a copy has copied, when it ends."""
    sets = [{"application": application, "stage": stage}]
    _write(Metric.OBJECTS_COPIED, MetricUnit.Count, copied.objects, sets)
    _write(Metric.BYTES_COPIED, MetricUnit.Bytes, copied.bytes, sets)


def report_oldest_lock(seconds: float) -> None:
    """Say for how long the endpoint has been locked that is locked the longest; 0 if none is."""
    _write(Metric.OLDEST_LOCK_SECONDS, MetricUnit.Seconds, seconds, [{}])


def report_changed_artifacts(objects: int) -> None:
    """Say how many objects are not as they were verified; 0 if all are."""
    _write(Metric.CHANGED_ARTIFACTS, MetricUnit.Count, objects, [{}])


def _write(metric: Metric, unit: MetricUnit, value: float, sets: Sequence[Mapping[str, str]]) -> None:
    line = EphemeralMetrics(namespace=NAMESPACE)
    line.add_metric(metric, unit, value)
    first, *more = sets
    for name, text in first.items():
        line.add_dimension(name, text)
    for dimensions in more:
        line.add_dimensions(**dimensions)
    line.flush_metrics()
