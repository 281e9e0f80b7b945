"""Remove a permission and restore it; and the permissions that exist."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tests.integration.world import World

Document = dict[str, Any]
PRODUCT_ROLES = "promote-*"


@dataclass(frozen=True, order=True)
class Permission:
    """One action on one resource, which a statement allows to a role. `sid` is empty where CDK wrote the statement."""

    role: str
    sid: str
    action: str
    resource: str


def deployed_permissions(world: World) -> set[Permission]:
    """Every permission of every role that the stacks deployed."""
    return {
        Permission(role, statement.get("Sid", ""), action, resource)
        for environment in world.sandbox.accounts
        for role in roles_in(world, environment)
        for document in _policies_of(world, environment, role).values()
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


def roles_in(world: World, environment: str) -> list[str]:
    """The names of the roles that the stacks deployed into an environment."""
    pages = world.client("iam", environment).get_paginator("list_roles").paginate()
    names = [role["RoleName"] for page in pages for role in page["Roles"]]
    return [name for name in names if fnmatchcase(name, PRODUCT_ROLES)]


def role_matching(world: World, environment: str, pattern: str) -> str:
    """The one role whose name is like the pattern: CloudFormation adds to the names that it makes."""
    (role,) = (name for name in roles_in(world, environment) if fnmatchcase(name, pattern))
    return role


@contextmanager
def without_permission(
    world: World, environment: str, role: str, sid: str, action: str = "*", *, on: str = "*"
) -> Iterator[None]:
    """Run while the role's statements with this id do not allow the action on the resource, or allow nothing.

    Action and resource are patterns; a policy's own wildcards are text to them.
    """

    def without_actions(statement: Document) -> list[Document]:
        if statement.get("Sid", "") != sid:
            return [statement]
        return [
            {**statement, "Action": [single], "Resource": kept}
            for single in as_list(statement["Action"])
            if (
                kept := [
                    r
                    for r in as_list(statement["Resource"])
                    if not (fnmatchcase(single, action) and fnmatchcase(r, on))
                ]
            )
        ]

    before = _policies_of(world, environment, role)
    after = {
        name: {
            **document,
            "Statement": [part for statement in document["Statement"] for part in without_actions(statement)],
        }
        for name, document in before.items()
    }
    changed = {name for name in before if _pairs(before[name]) != _pairs(after[name])}
    assert changed, f"{role} has no permission {sid} {action} on {on}"
    iam = world.client("iam", environment)
    for name in changed:
        _put(iam, role, name, after[name])
    try:
        yield
    finally:
        for name in changed:
            _put(iam, role, name, before[name])


@contextmanager
def with_permissions(world: World, environment: str, role: str, *actions: str) -> Iterator[None]:
    """Run while the role has permissions that it is deployed without, or only where promotion.yaml requires them."""
    iam, named = world.client("iam", environment), {"RoleName": role, "PolicyName": "more"}
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    iam.put_role_policy(**named, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    try:
        yield
    finally:
        iam.delete_role_policy(**named)


@contextmanager
def with_changed_statement(
    world: World, environment: str, role: str, sid: str, change: Callable[[Document], None]
) -> Iterator[None]:
    """Run while one statement of a role is another."""
    ((name, document),) = (
        (name, document)
        for name, document in _policies_of(world, environment, role).items()
        if any(statement.get("Sid") == sid for statement in document["Statement"])
    )

    def put(text: str) -> None:
        world.client("iam", environment).put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=text)

    def changed(copy: Document) -> Document:
        for statement in copy["Statement"]:
            if statement.get("Sid") == sid:
                change(statement)
        return copy

    with edited(document, put, changed):
        yield


@contextmanager
def without_trust(world: World, environment: str, role: str, principal: str) -> Iterator[None]:
    """Run while a role's trust policy does not name the principal, an ARN or a service."""
    iam = world.client("iam", environment)

    def put(text: str) -> None:
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=text)

    def change(document: Document) -> Document:
        (statement,) = document["Statement"]
        ((kind, named),) = statement["Principal"].items()
        kept = [entry for entry in as_list(named) if entry != principal]
        assert kept != as_list(named), f"{role} does not trust {principal}"
        # A statement must name a principal: AWS puts the account where no other is left.
        account = f"arn:aws:iam::{world.sandbox.accounts[environment]}:root"
        return {**document, "Statement": [{**statement, "Principal": {kind: kept} if kept else {"AWS": account}}]}

    with edited(iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"], put, change):
        yield


@contextmanager
def edited(document: Document, put: Callable[[str], Any], change: Callable[[Document], Document]) -> Iterator[None]:
    """Run with a changed policy."""
    put(json.dumps(change(json.loads(json.dumps(document)))))
    try:
        yield
    finally:
        put(json.dumps(document))


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _policies_of(world: World, environment: str, role: str) -> dict[str, Document]:
    iam = world.client("iam", environment)
    return {
        name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    }


def _put(iam: Any, role: str, name: str, document: Document) -> None:
    if document["Statement"]:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
    else:
        iam.delete_role_policy(RoleName=role, PolicyName=name)


def _pairs(document: Document) -> set[tuple[str, str, str]]:
    return {
        (statement.get("Sid", ""), action, resource)
        for statement in document["Statement"]
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }
