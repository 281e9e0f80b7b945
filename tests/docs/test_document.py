"""docs/reference/document.md: it is what the dataclasses say now, and no field or attribute is left out."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from docs import draw_workflow
from docs.generate import document
from lambdas.promotion.contract.document import Outcome, Promotion, Request, Result
from tests.docs import pages

PAGE = pages.text_of("reference/document.md")


def names_in(section: str, first_column: str) -> list[str]:
    return [row[0].strip("`") for row in pages.rows(pages.section(PAGE, section), first_column)]


def state_names(definition: dict[str, Any]) -> Iterator[str]:
    for name, state in definition["States"].items():
        yield name
        if "ItemProcessor" in state:
            yield from state_names(state["ItemProcessor"])


def test_the_page_is_the_generated_one() -> None:
    """Run `python -m docs.generate.document` after a change of the document or the record."""
    assert document.PAGE.read_text() == document.render()


def test_every_field_of_the_document_is_explained() -> None:
    rows = pages.rows(pages.section(PAGE, "Promotion"), "field")
    assert [row[0].strip("`") for row in rows] == document.field_names(Promotion)
    assert [row[0] for row in rows if not all(row)] == []


def test_every_field_of_the_result_and_of_the_request_is_named() -> None:
    assert names_in("Result", "field") == document.field_names(Result)
    assert names_in("Request", "field") == document.field_names(Request)


@pytest.mark.parametrize("kind", document.types_of_document(), ids=lambda kind: kind.__name__)
def test_every_name_that_a_description_quotes_is_a_field(kind: type) -> None:
    """A renamed field is renamed in the docstring of its class, too."""
    quoted = set(re.findall(r"`([a-z_]+)`", inspect.getdoc(kind) or ""))
    assert quoted - set(document.field_names(kind)) == set()


def test_every_outcome_is_named() -> None:
    assert {outcome.value for outcome in Outcome} <= set(pages.in_code_marks(pages.section(PAGE, "Outcome")))


def test_every_state_after_which_a_field_is_set_exists() -> None:
    """Each text begins with the name of a state; the names are those of the definition."""
    names = set(state_names(json.loads(draw_workflow.DEFINITION.read_text())))
    texts = document.SET_AFTER.values()
    assert [text for text in texts if re.split(r"[,;]", text)[0] not in names] == []


def test_no_field_is_described_that_the_document_does_not_have() -> None:
    assert set(document.SET_AFTER) == set(document.field_names(Promotion))
    assert set(document.MEANINGS) <= set(document.field_names(Promotion))


def test_every_attribute_of_the_record_is_explained_and_no_other() -> None:
    assert sorted(document.RECORD) == document.record_attributes()
    assert sorted(names_in("The record", "attribute")) == document.record_attributes()
