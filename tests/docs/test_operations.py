"""docs/operations.md: every error has its place in the page, in its family, with something to do."""

from __future__ import annotations

import ast
import re

import pytest

from lambdas.promotion.contract.document import Failure
from lambdas.promotion.contract.errors import Errored, PromotionError, Refused, RolledBack, Transient, every_error
from lambdas.promotion.contract.resource_names import NAMESPACE, Job, Metric, Step, function
from lambdas.promotion.outcome.announcement import announcement
from stacks.workflow.lambda_task import _KILLED, _LAMBDA_SERVICE
from tests import PROJECT
from tests.docs import pages
from tests.docs.conftest import Template
from tests.unit import builders

PAGE = pages.text_of("operations.md")
FAMILIES: tuple[type[PromotionError], ...] = (Refused, RolledBack, Errored, Transient)
ERRORS = sorted(error.__name__ for error in every_error())


def explained_under(family: type[PromotionError]) -> list[str]:
    return [title for level, title in pages.headings(pages.section(PAGE, family.__name__)) if level == 3]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_every_error_of_a_family_has_a_heading_and_every_heading_is_such_an_error(
    family: type[PromotionError],
) -> None:
    transient = set() if family is Transient else {error.__name__ for error in every_error(Transient)}
    assert set(explained_under(family)) == {error.__name__ for error in every_error(family)} - transient


def test_every_error_has_one_heading() -> None:
    assert sorted(title for family in FAMILIES for title in explained_under(family)) == ERRORS


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_is_explained_in_words(error: str) -> None:
    assert len(pages.section(PAGE, error).split()) >= 15


@pytest.mark.parametrize("error", sorted(error.__name__ for error in every_error(Errored)))
def test_what_serves_now_is_documented_for_every_error_that_can_follow_a_change(error: str) -> None:
    transient = {one.__name__ for one in every_error(Transient)}
    is_quoted = " ".join(pages.section(PAGE, Transient.__name__ if error in transient else error).lower().split())
    assert "serves now" in is_quoted or "may serve" in is_quoted


def test_every_name_of_lambda_and_step_functions_that_is_retried_is_explained() -> None:
    named = set(pages.in_code_marks(pages.section(PAGE, "Names of Step Functions and Lambda")))
    assert {*_KILLED, *_LAMBDA_SERVICE} <= named


def test_every_step_in_a_log_groups_name_exists() -> None:
    groups = {name.rpartition("/")[2] for name in pages.in_code_marks(PAGE) if name.startswith("/aws/lambda/promote-")}
    assert groups - {"promote-<step>", "promote-*"} <= {function(one) for one in (*Step, *Job)}


def test_every_alarm_of_the_templates_is_in_the_page_and_no_other(templates: dict[str, Template]) -> None:
    deployed = {
        resource["Properties"]["AlarmName"]
        for template in templates.values()
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }
    named = [name for row in pages.rows(pages.section(PAGE, "Alarms"), "alarm") for name in pages.in_code_marks(row[0])]
    places = {"<environment>": "dev", "<application>": "text-classifier"}
    for place, name in places.items():
        named = [one.replace(place, name) for one in named]
    assert sorted(named) == sorted(deployed)


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


@pytest.mark.parametrize("error", ["ArtifactMismatch", "UnsupportedModel"])
def test_quoted_causes_are_those_of_the_code(error: str) -> None:
    rows = [row[0] for row in pages.rows(pages.section(PAGE, error), "the cause")]
    quoted = [quote for row in rows for quote in re.findall(r"\*([^*]+)\*", row)]
    assert len(quoted) >= len(rows) - 1
    assert [quote for quote in quoted if not any(is_quoted(quote, text) for text in texts_of_the_code())] == []


def is_quoted(quote: str, text: str) -> bool:
    """Whether a text has the words of a quote, in their order; an ellipsis stands for anything."""
    return bool(re.search(".*".join(map(re.escape, map(str.strip, quote.strip("… ").split("…")))), text, re.DOTALL))


def texts_of_the_code() -> list[str]:
    """Every text in lambdas/, with an ellipsis for each value in it."""
    texts = []
    for file in (PROJECT / "lambdas").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.JoinedStr):
                texts.append(
                    "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return texts
