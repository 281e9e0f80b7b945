"""What a stack retains: nothing of a first deployment that fails, and what docs/operations.md lists of one deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lambdas.promotion.contract import resource_names
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
    assert any(name.startswith(resource_names.hub_stack()) for name in policies)
