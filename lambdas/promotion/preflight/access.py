"""The sessions that the checks are probed in. A query session changes nothing."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from lambdas.promotion.aws.scoped_sessions import scoped_session
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import Environment
from lambdas.promotion.contract.steps import STEPS_BY_ROLE

# Actions, and the ARNs that they are allowed on.
Statement = tuple[list[str], list[str]]

_IN_SOURCE = {Role.READER, Role.COPIER}
_FOR_IMAGES = {Role.READER, Role.PUSHER}


class Purpose(enum.StrEnum):
    """What a session of a role is for. All but QUERY are the sessions that the later steps open as well."""

    QUERY = "query"  # IAM simulation, and the statements of the checks: see query_session
    COPY = "copy"  # the copier, from the source into the target
    RECEIVE = "receive"  # the receiver, from the incoming prefix to the artifact prefix
    DEPLOY = "deploy"  # the deployer
    PUSH = "push"  # the pusher, one session an image
    FETCH_IMAGE = "fetch_image"  # the reader, one session an image
    READ_PAYLOADS = "read_payloads"  # the reader, for the payloads in the source


@dataclass(frozen=True, kw_only=True)
class SessionKey:
    """By what an open session is looked up. `subject`: the image, where there is one session an image."""

    role: Role
    purpose: Purpose
    subject: str = ""


def required_roles(promotion: Promotion) -> list[Role]:
    """Return the roles that the steps after the preflight assume."""
    unused = set() if promotion.images else _FOR_IMAGES
    if not promotion.stage.smoke_tests:
        unused = unused | {Role.INVOKER}
    if not promotion.stage.autoscaling:
        unused = unused | {Role.SCALER}  # unless a variant changes that is scaled: see facts.py
    return [role for role in STEPS_BY_ROLE if role not in unused]


def environment_of(role: Role, *, source: Environment, target: Environment) -> Environment:
    return source if role in _IN_SOURCE else target


def query_session(promotion: Promotion, environment: Environment, role: Role, *more: Statement) -> RoleSession:
    """Simulate what the role's policies allow (IAM), and with `more` read what else is there. It can change nothing."""
    own = environment.role_arn(role)
    simulated = [own, environment.role_arn(Role.EXECUTION)] if role is Role.DEPLOYER else [own]
    return scoped_session(promotion, environment, role, (["iam:SimulatePrincipalPolicy"], simulated), *more)


def merged(statements: Iterable[Statement]) -> list[Statement]:
    """Join the statements on the same resources: a session policy has 2,048 characters (AWS: AssumeRole)."""
    actions_on: dict[tuple[str, ...], list[str]] = {}
    for actions, resources in statements:
        allowed = actions_on.setdefault(tuple(resources), [])
        allowed += [action for action in actions if action not in allowed]
    return [(actions, list(resources)) for resources, actions in actions_on.items()]
