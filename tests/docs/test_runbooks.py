"""docs/runbooks: every outcome and error has a page on one screen, which says what to see, what serves, what to do."""

from __future__ import annotations

import ast
import functools
import re

import pytest

from docs.generate.example_templates import Template
from lambdas.promotion.contract.document import Outcome
from lambdas.promotion.contract.errors import Errored, PromotionError, Refused, RolledBack, Transient, every_error
from lambdas.promotion.contract.resource_names import function
from lambdas.promotion.contract.steps import Job, Step
from stacks.workflow.lambda_task import _KILLED, _LAMBDA_SERVICE
from tests import PROJECT
from tests.docs import pages

FOLDER = pages.DOCS / "runbooks"
INDEX = pages.text_of("runbooks/README.md")
FAMILIES: tuple[type[PromotionError], ...] = (Refused, RolledBack, Errored, Transient)
ERRORS = sorted(error.__name__ for error in every_error())
OUTCOMES = sorted({*(outcome.value for outcome in Outcome), "Refused", "RolledBack", "Errored"})
# Pages without the three headings.
LISTS = {"README", "alarms"}
HEADINGS = ["What you see", "What serves now", "What to do"]
ONE_SCREEN = 40


def linked_in(section: str) -> set[str]:
    return set(re.findall(r"\[(\w+)\]\(\1\.md\)", pages.section(INDEX, section)))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_the_index_has_every_error_of_a_family_and_no_other(family: type[PromotionError]) -> None:
    transient = set() if family is Transient else {error.__name__ for error in every_error(Transient)}
    assert linked_in(family.__name__) == {error.__name__ for error in every_error(family)} - transient


def test_the_index_has_every_outcome_and_no_other() -> None:
    assert sorted(linked_in("Outcomes")) == OUTCOMES


def test_every_page_is_linked_in_the_index_and_no_other() -> None:
    pages_linked = set(re.findall(r"\]\(([\w-]+)\.md\)", INDEX))
    assert pages_linked == {page.stem for page in FOLDER.glob("*.md")} - {"README"}
    assert {page.stem for page in FOLDER.glob("*.md") if page.stem[0].isupper()} - {"README"} == {
        *ERRORS,
        *OUTCOMES,
        "ServiceErrors",
    }


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_is_explained_in_words(error: str) -> None:
    assert len(pages.text_of(f"runbooks/{error}.md").split()) >= 25


@pytest.mark.parametrize("page", sorted(page.stem for page in FOLDER.glob("*.md") if page.stem not in LISTS))
def test_a_page_says_what_to_see_what_serves_and_what_to_do_in_this_order_on_one_screen(page: str) -> None:
    text = pages.text_of(f"runbooks/{page}.md")
    assert [title for level, title in pages.headings(text) if level == 2] == HEADINGS
    for title in HEADINGS:
        assert pages.section(text, title).strip(), title
    assert len(text.splitlines()) <= ONE_SCREEN


def test_one_look_is_one_command_for_each_account_and_begins_with_the_record() -> None:
    hub, target = pages.blocks(pages.section(INDEX, "One look"), "sh")
    assert hub.startswith("aws dynamodb query --table-name promote-records ")
    assert target.startswith("aws sagemaker describe-endpoint ")
    assert [command.count("aws ") for command in (hub, target)] == [1, 1]


def test_every_name_of_lambda_and_step_functions_that_is_retried_is_explained() -> None:
    assert {*_KILLED, *_LAMBDA_SERVICE} <= set(pages.in_code_marks(pages.text_of("runbooks/ServiceErrors.md")))


@pytest.mark.parametrize("page", ["operations.md", *(f"runbooks/{page.name}" for page in sorted(FOLDER.glob("*.md")))])
def test_every_step_in_a_log_groups_name_exists(page: str) -> None:
    names = pages.in_code_marks(pages.text_of(page))
    groups = {name.rpartition("/")[2] for name in names if name.startswith("/aws/lambda/promote-")}
    assert groups - {"promote-<step>", "promote-*"} <= {function(program) for program in (*Step, *Job)}


def test_every_alarm_of_the_templates_is_in_the_page_and_no_other(templates: dict[str, Template]) -> None:
    deployed = {
        resource["Properties"]["AlarmName"]
        for template in templates.values()
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }
    rows = pages.rows(pages.text_of("runbooks/alarms.md"), "alarm")
    named = [name for row in rows for name in pages.in_code_marks(row[0])]
    for placeholder, value in {"<environment>": "dev", "<application>": "text-classifier"}.items():
        named = [name.replace(placeholder, value) for name in named]
    assert sorted(named) == sorted(deployed)


@pytest.mark.parametrize("error", ["ArtifactMismatch", "UnsupportedModel"])
def test_quoted_causes_are_those_of_the_code(error: str) -> None:
    rows = [row[0] for row in pages.rows(pages.text_of(f"runbooks/{error}.md"), "the cause")]
    quoted = [quote for row in rows for quote in re.findall(r"\*([^*]+)\*", row)]
    assert len(quoted) >= len(rows) - 1
    assert [quote for quote in quoted if not any(is_quoted(quote, text) for text in texts_of_the_code())] == []


def is_quoted(quote: str, text: str) -> bool:
    """Whether a text has the words of a quote, in their order; an ellipsis stands for anything."""
    return bool(re.search(".*".join(map(re.escape, map(str.strip, quote.strip("… ").split("…")))), text, re.DOTALL))


@functools.cache
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
