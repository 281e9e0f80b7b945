"""Running promotions go on with the functions, roles and permissions of the version that started them.

UPDATE_RELEASED=1 adds what today's templates have to the newest samples.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs.generate.intrinsics import text_of, texts_of
from tests.released import samples

FILE = "permissions.json"
Templates = dict[str, dict[str, Any]]


def permissions(templates: Templates) -> dict[str, list[str]]:
    """The actions of each role that steps run as or assume, and the functions that may assume it or that exist."""
    return {name: sorted(set(entries)) for name, entries in sorted(_by_name(templates).items())}


def _by_name(templates: Templates) -> dict[str, list[str]]:
    entries: dict[str, list[str]] = {"functions": []}
    for template in templates.values():
        for resource in template["Resources"].values():
            properties = resource.get("Properties", {})
            if resource["Type"] == "AWS::IAM::Role" and "RoleName" in properties:
                role = f"Role {text_of(properties['RoleName'], template)}"
                entries.setdefault(role, []).extend(_trusted(properties["AssumeRolePolicyDocument"], template))
                for policy in properties.get("Policies", []):
                    entries[role].extend(_actions(policy["PolicyDocument"]))
            if resource["Type"] in {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"}:
                for role in texts_of(properties.get("Roles", []), template):
                    entries.setdefault(role, []).extend(_actions(properties["PolicyDocument"]))
            if resource["Type"] == "AWS::Lambda::Function" and "FunctionName" in properties:
                entries["functions"].append(properties["FunctionName"])
    return {name: actions for name, actions in entries.items() if "Provider" not in name}


def _trusted(document: dict[str, Any], template: dict[str, Any]) -> Iterator[str]:
    for statement in document["Statement"]:
        for kind, names in statement["Principal"].items():
            for name in texts_of(names, template):
                yield f"trusts {kind} {name}"


def _actions(document: dict[str, Any]) -> Iterator[str]:
    for statement in document["Statement"]:
        if statement["Effect"] == "Allow":
            actions = statement["Action"]
            yield from actions if isinstance(actions, list) else [actions]


def _add(present: dict[str, list[str]]) -> None:
    """Add what is new to the newest samples: what a version once had is not forgotten."""
    file = samples.NEWEST / FILE
    stored = json.loads(file.read_text()) if file.exists() else {}
    names = sorted({*stored, *present})
    merged = {name: sorted({*stored.get(name, []), *present.get(name, [])}) for name in names}
    file.write_text(json.dumps(merged, indent=1) + "\n")


def test_the_samples_have_todays_permissions(templates: Templates) -> None:
    if os.environ.get("UPDATE_RELEASED"):
        _add(permissions(templates))
    stored = json.loads((samples.NEWEST / FILE).read_text())
    missing = {
        name: sorted(set(entries) - set(stored.get(name, []))) for name, entries in permissions(templates).items()
    }
    assert {name: entries for name, entries in missing.items() if entries} == {}


@pytest.mark.parametrize("released", samples.released(), ids=lambda folder: folder.name)
def test_what_a_released_version_needs_is_still_there(templates: Templates, released: Path) -> None:
    """A step, a role or a permission that no state uses any more stays until the next major version."""
    present = permissions(templates)
    lost = {
        name: sorted(set(entries) - set(present.get(name, [])))
        for name, entries in json.loads((released / FILE).read_text()).items()
    }
    assert {name: entries for name, entries in lost.items() if entries} == {}
