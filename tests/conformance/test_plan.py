"""A plan names what will be created and what it costs, and nothing above the budget begins."""

from __future__ import annotations

import pytest

from conformance.outcomes import OutOfBudget
from conformance.plan import REQUESTS_DOLLARS
from tests.conformance.builders import check, plan, resource

RESOURCES = {
    "key": resource("a key", 0.5),
    "bucket": resource("a bucket", 0.25, needs=("key",)),
    "image": resource("nothing (a name)"),
    "unused": resource("a table", 9.0),
}


def test_a_resource_is_listed_once_after_what_it_needs() -> None:
    checks = check("a", needs=["bucket"]), check("b", needs=["bucket", "key", "image"])
    assert list(plan(*checks, resources=RESOURCES).creates()) == [("a key", 0.5), ("a bucket", 0.25)]


def test_the_estimate_is_the_sum_of_all() -> None:
    costly = check("a", creates=["an endpoint", "a queue"], dollars=1.0, needs=["key"])
    assert plan(costly, resources=RESOURCES).dollars == pytest.approx(1.5 + REQUESTS_DOLLARS)


def test_a_plan_above_the_budget_is_refused_with_both_numbers() -> None:
    costly = plan(check("a", creates=["an endpoint"], dollars=3.0))
    with pytest.raises(OutOfBudget, match=r"USD 3\.05, and its budget is USD 2\.00\. Nothing was created"):
        costly.require_budget()


def test_a_plan_within_the_budget_is_not_refused() -> None:
    plan(check("a", creates=["an endpoint"], dollars=1.9)).require_budget()


def test_the_plan_shows_each_creation_with_its_cost_and_the_sum() -> None:
    text = "\n".join(plan(check("recording:a", needs=["bucket"]), resources=RESOURCES).lines("profile", "eu-west-1"))
    for part in ("1 checks", "1 of kind recording", "0.50  a key", "0.25  a bucket", "At most USD 0.80", "10 minutes"):
        assert part in text
