"""A policy that names a role or a user that does not exist is refused, which decides the order of deployment.

MiniStack takes any name.
"""

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

from ministack.services import iam
from ministack.services.cloudformation import provisioners

# The property that holds the policy, by type of resource, and what AWS calls a policy with an unknown principal.
POLICIES = {
    "AWS::IAM::Role": ("AssumeRolePolicyDocument", "Invalid principal in policy"),
    "AWS::S3::BucketPolicy": ("PolicyDocument", "Invalid principal in policy"),
    "AWS::KMS::Key": ("KeyPolicy", "Policy contains a statement with one or more invalid principals"),
    "AWS::SQS::QueuePolicy": ("PolicyDocument", "Invalid value for the parameter Policy"),
    "AWS::Events::EventBusPolicy": ("Statement", "Invalid principal in policy"),
}


class UnknownPrincipal(Exception):
    """The policy names a role or user that does not exist."""


def apply() -> None:
    for resource_type, (field, complaint) in POLICIES.items():
        handler = provisioners._RESOURCE_HANDLERS[resource_type]
        handler["create"] = _checked(handler["create"], 1, field, complaint)
        if "update" in handler:
            handler["update"] = _checked(handler["update"], 2, field, complaint)


def _checked(act: Callable[..., Any], position: int, field: str, complaint: str) -> Callable[..., Any]:
    """`act`, after a look at the policy in the properties, its argument at `position`."""

    @functools.wraps(act)
    def checked(*arguments: Any, **named: Any) -> Any:
        for arn in _named(arguments[position].get(field)):
            if not _exists(arn):
                raise UnknownPrincipal(f"{complaint}: {arn}")
        return act(*arguments, **named)

    return checked


def _named(document: Any) -> Iterator[str]:
    document = json.loads(document) if isinstance(document, str) else document or {}
    statements = document.get("Statement", document)
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal")
        names = principal.get("AWS", []) if isinstance(principal, dict) else []
        yield from [names] if isinstance(names, str) else names


def _exists(arn: str) -> bool:
    parts = arn.split(":")
    kind, _, name = parts[-1].partition("/")
    principals = {"role": iam._roles, "user": iam._users}.get(kind)
    return principals is None or principals.contains_scoped(parts[4], None, name.rpartition("/")[2])
