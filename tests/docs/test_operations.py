"""docs/operations.md: metrics and announcements are those of the code."""

from __future__ import annotations

from lambdas.promotion.contract.document import Failure
from lambdas.promotion.contract.resource_names import NAMESPACE, Metric
from lambdas.promotion.outcome.announcement import announcement
from tests.docs import pages
from tests.unit import builders

PAGE = pages.text_of("operations.md")


def test_every_metric_of_ours_is_in_the_page_with_its_dimensions() -> None:
    rows = {name: row[1] for row in pages.rows(PAGE, "metric") for name in pages.in_code_marks(row[0])}
    for metric in Metric:
        assert rows[metric].startswith(f"`{NAMESPACE}`: "), metric


def test_the_announcement_in_the_page_has_the_lines_of_a_real_one() -> None:
    (example,) = [block for block in pages.blocks(PAGE, "text") if block.startswith("Outcome:")]
    failure = Failure(error="AccessDenied", family="Errored", cause="The role")
    real = announcement("Errored", builders.EXECUTION, promotion=builders.promotion(), failure=failure).message
    titles = [[line.partition(":")[0] for line in text.splitlines()] for text in (example, real)]
    assert titles[0] == titles[1]
    for line in real.splitlines():
        if line.startswith(("Serves now:", "Next:", "Read:", "From:", "Began:")):
            assert line in example
