"""docs/performance.md is what `make benchmark` last measured, and that is of the code and the app as they are now."""

from __future__ import annotations

import pytest

from benchmarks import page, stored
from benchmarks.imports import page as imports_page
from benchmarks.promotion import deployed
from benchmarks.promotion.world import STAGE
from lambdas.promotion.contract import resource_names
from tests.stacks.synthesis import Template

OLD = "measured before a change of it: run `make benchmark`, or for one of them python -m benchmarks.{name} --save"


@pytest.mark.parametrize("name", ["copy", "promotion", "imports"])
def test_no_result_is_older_than_the_code_that_it_measures(name: str) -> None:
    assert stored.read(name).changed_files() == [], OLD.format(name=name)


def test_no_result_is_older_than_the_state_machine_the_functions_and_the_hubs_resources(
    templates: dict[str, Template],
) -> None:
    hub, target = resource_names.hub_stack(), resource_names.environment_stack(STAGE)
    facts = deployed.facts_of(templates[hub]["Resources"], templates[target]["Resources"])
    assert stored.read("promotion").changed_facts(facts) == [], OLD.format(name="promotion")


def test_the_cold_starts_are_of_the_packages_as_they_are() -> None:
    assert stored.read("imports").changed_facts(imports_page.facts()) == [], OLD.format(name="imports")


def test_the_page_shows_the_stored_results() -> None:
    text = page.PAGE.read_text()
    assert text == page.rendered(), "Run python -m benchmarks.page."
    assert "| Run the preflight checks |" in text
