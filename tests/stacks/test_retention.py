"""What a stack retains: nothing of a first deployment that fails, and of one deleted what a page lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lambdas.promotion.contract import resource_names
from tests.docs import pages
from tests.stacks.synthesis import Template

# A deletion policy that keeps what the operation that created it has to take back.
KEPT_FOR_GOOD = {"Retain", "Snapshot"}
# Properties by which a service refuses a deletion, whatever the policy.
PROTECTIONS = ("DeletionProtectionEnabled", "DeletionProtection", "ObjectLockEnabled")


def resources(templates: dict[str, Template]) -> Iterator[tuple[str, dict[str, Any]]]:
    for stack, template in templates.items():
        for logical_id, resource in template["Resources"].items():
            yield f"{stack} {logical_id}", resource


def test_nothing_of_a_first_deployment_that_fails_stays(templates: dict[str, Template]) -> None:
    """Most names are fixed, so what stayed would make each repetition fail."""
    assert [
        name
        for name, resource in resources(templates)
        if resource.get("DeletionPolicy") in KEPT_FOR_GOOD
        or any(resource.get("Properties", {}).get(protection) for protection in PROTECTIONS)
    ] == []


def test_what_is_retained_is_retained_by_an_update_as_well(templates: dict[str, Template]) -> None:
    policies = {
        name: (resource.get("DeletionPolicy", "Delete"), resource.get("UpdateReplacePolicy", "Delete"))
        for name, resource in resources(templates)
    }
    assert set(policies.values()) == {("Delete", "Delete"), ("RetainExceptOnCreate", "Retain")}


def test_the_page_lists_what_each_stack_retains(templates: dict[str, Template]) -> None:
    (table,) = pages.tables(pages.text_of("reference/retained.md"))
    listed = {(row["stack"].strip("`"), row["type"].strip("`")) for row in table}
    environment = resource_names.environment_stack("<environment>")
    assert listed == {
        (stack if stack == resource_names.hub_stack() else environment, resource["Type"])
        for name, resource in resources(templates)
        for stack in [name.partition(" ")[0]]
        if resource.get("DeletionPolicy", "Delete") != "Delete"
    }
