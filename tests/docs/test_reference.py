"""docs/reference: no generated page is stale, and each has everything that it is generated from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docs.generate import errors, states
from docs.generate.__main__ import renderers
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.errors import Errored, PromotionError, Refused, RolledBack, Transient, every_error
from lambdas.promotion.contract.steps import Step
from tests.docs import pages

ERRORS_PAGE = pages.text_of("reference/errors.md")
STATES_PAGE = pages.text_of("reference/states.md")
DEFINITION = json.loads(states.DEFINITION.read_text())


@pytest.mark.parametrize(("page", "render"), renderers().items(), ids=lambda value: getattr(value, "name", ""))
def test_no_generated_page_is_stale(page: Path, render: Callable[[], str]) -> None:
    assert page.read_text() == render(), f"{page.name} is stale: run python -m docs.generate"


@pytest.mark.parametrize("family", [Refused, RolledBack, Errored, Transient], ids=lambda family: family.__name__)
def test_every_error_of_a_family_is_in_its_section_with_its_docstring(family: type[PromotionError]) -> None:
    (table,) = pages.tables(pages.section(ERRORS_PAGE, family.__name__))
    transient = set() if family is Transient else set(every_error(Transient))
    assert {row["error"].partition("]")[0].strip("["): row["meaning, and what to do"] for row in table} == {
        error.__name__: " ".join((error.__doc__ or "").split()) for error in set(every_error(family)) - transient
    }


def test_the_steps_that_raise_an_error_are_derived_from_the_code() -> None:
    steps = errors.steps_by_error()
    assert steps["EndpointLocked"] == [Step.WAIT_FOR_LOCK]
    assert steps["PreflightFailed"] == [Step.PREFLIGHT]
    assert steps["DeploymentRolledBack"] == [Step.INSPECT_ENDPOINT]
    assert steps["PreviewNotDeleted"] == [Step.DELETE_PREVIEW]
    # AWS can deny a call of every step that makes one.
    assert set(Step) - set(steps["AccessDenied"]) == {Step.EXPLAIN_FAILURE}
    # No step raises these: the state machine does.
    assert {error.__name__ for error in every_error()} - set(steps) == {"LockLost", "RecordNotWritten"}


def test_every_state_has_a_phase_and_every_title_of_a_phase_is_a_state() -> None:
    titles = [title for phase in states.PHASES.values() for title in phase]
    assert sorted(titles) == sorted(states.golden())


def test_every_state_is_in_the_page_with_its_function_timeout_retries_and_catches() -> None:
    rows = {row["state"]: row for table in pages.tables(STATES_PAGE) for row in table}
    assert set(rows) == set(all_states(DEFINITION))
    for title, body in all_states(DEFINITION).items():
        row = rows[title]
        assert row["type"] == body["Type"]
        assert row["timeout"] == (f"{body['TimeoutSeconds']} s" if "TimeoutSeconds" in body else "")
        assert row["retries"].count(": ") == len(body.get("Retry", []))
        assert [part.rpartition("→ ")[2] for part in row["catches"].split("; ") if part] == [
            catch["Next"] for catch in body.get("Catch", [])
        ]


def test_every_step_is_called_by_a_state_in_the_page_but_the_one_that_an_event_runs() -> None:
    called = {
        name for table in pages.tables(STATES_PAGE) for row in table for name in pages.in_code_marks(row["calls"])
    }
    assert {resource_names.function(step) for step in Step} - called == {resource_names.function(Step.CLEAN_UP_ABORTED)}


def all_states(definition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    everything = dict(definition["States"])
    for body in definition["States"].values():
        if "ItemProcessor" in body:
            everything |= all_states(body["ItemProcessor"])
    return everything
