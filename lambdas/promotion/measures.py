"""What is counted: a metric for each ending, in CloudWatch's embedded format."""

from __future__ import annotations

from aws_lambda_powertools.metrics import MetricUnit, single_metric

from lambdas.promotion.document import Copied

NAMESPACE = "Promote"


def count_ending(outcome: str, *, error: str | None = None, seconds: float | None = None) -> None:
    """Count an ending by its outcome (a bad one by family and error); its seconds, if they are known."""
    dimensions = {"outcome": outcome, **({"error": error} if error else {})}
    with single_metric("PromotionEnded", MetricUnit.Count, 1, namespace=NAMESPACE, default_dimensions=dimensions):
        pass
    if seconds is not None:
        with single_metric(
            "PromotionSeconds", MetricUnit.Seconds, seconds, namespace=NAMESPACE, default_dimensions=dimensions
        ):
            pass


def count_copied(copied: Copied, *, application: str, stage: str) -> None:
    """Count what a unit of a copy has copied, when it ends."""
    dimensions = {"application": application, "stage": stage}
    for name, unit, value in (
        ("ObjectsCopied", MetricUnit.Count, copied.objects),
        ("BytesCopied", MetricUnit.Bytes, copied.bytes),
    ):
        with single_metric(name, unit, value, namespace=NAMESPACE, default_dimensions=dimensions):
            pass
