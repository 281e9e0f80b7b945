"""Taking a right away, and giving it back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.workflow.given import World

Document = dict[str, Any]


@contextmanager
def without(world: World, environment: str, role: str, sid: str) -> Iterator[None]:
    """Run while a role's policies lack the statement with this id."""
    iam = world.client("iam", environment)
    policies = {
        name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    }
    changed = {
        name: {**document, "Statement": [one for one in document["Statement"] if one.get("Sid") != sid]}
        for name, document in policies.items()
        if any(one.get("Sid") == sid for one in document["Statement"])
    }
    assert changed, f"{role} has no statement {sid}"
    for name, document in changed.items():
        if document["Statement"]:
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
        else:
            iam.delete_role_policy(RoleName=role, PolicyName=name)
    try:
        yield
    finally:
        for name in changed:
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policies[name]))


@contextmanager
def edited(document: Document, put: Callable[[str], Any], change: Callable[[Document], Document]) -> Iterator[None]:
    """Run with a changed resource policy."""
    put(json.dumps(change(json.loads(json.dumps(document)))))
    try:
        yield
    finally:
        put(json.dumps(document))
