"""The principals of docs/security.md with their own credentials, and what counts as having been kept out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from tests.integration.role_policies import Document, edited
from tests.integration.world import World

ANYTHING = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "403"}
# What has no policy of its own is not there for another account; AWS denies the call.
OUT_OF_REACH = {"StateMachineDoesNotExist", "ResourceNotFoundException"}


@dataclass(frozen=True)
class Attacker:
    """A principal with credentials of its own: clients as it has them."""

    world: World
    home: str
    credentials: Mapping[str, Any]

    def client(self, service: str, environment: str | None = None) -> Any:
        """A client in the Region of an environment, by default its own; the credentials name the account."""
        region = self.world.sandbox.locations[environment or self.home].region
        return self.world.sandbox.client(service, self.home, self.credentials, region=region)

    def account(self, environment: str) -> str:
        return self.world.sandbox.accounts[environment]

    def role_arn(self, environment: str, name: str) -> str:
        return f"arn:aws:iam::{self.account(environment)}:role/{name}"


Attack = Callable[[Attacker], object]


@contextmanager
def principal(world: World, environment: str, policy: str) -> Iterator[Attacker]:
    """A role of an account that is none of ours, with this policy."""
    name = f"attacker-{uuid4().hex[:8]}"
    iam, account = world.client("iam", environment), world.sandbox.accounts[environment]
    trust = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", '
        f'"Principal": {{"AWS": "arn:aws:iam::{account}:root"}}}}]}}'
    )
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=policy)
    try:
        yield Attacker(world, environment, world.sandbox.assume(f"arn:aws:iam::{account}:role/{name}", by=environment))
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="all")
        iam.delete_role(RoleName=name)


def administrator(world: World, environment: str) -> AbstractContextManager[Attacker]:
    """Who may do anything in one account."""
    return principal(world, environment, ANYTHING)


@contextmanager
def role_with_everything(world: World, environment: str, name: str) -> Iterator[Attacker]:
    """One of our roles whose account's administrator has given it every permission, and assumes it."""
    iam = world.client("iam", environment)
    iam.put_role_policy(RoleName=name, PolicyName="everything", PolicyDocument=ANYTHING)
    try:
        with own_role(world, environment, name) as attacker:
            yield attacker
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="everything")


@contextmanager
def own_role(world: World, environment: str, name: str) -> Iterator[Attacker]:
    """One of our roles, with exactly its own permissions: those that a session would exclude as well.

    Its account is let in for the moment of assuming it.
    """
    iam, account = world.client("iam", environment), world.sandbox.accounts[environment]

    def put(text: str) -> None:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=text)

    def with_account(trust: Document) -> Document:
        statement = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        }
        return {**trust, "Statement": [*trust["Statement"], statement]}

    with edited(iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"], put, with_account):
        credentials = world.sandbox.assume(f"arn:aws:iam::{account}:role/{name}", by=environment)
    yield Attacker(world, environment, credentials)


def require_denied(attack: Attack, attacker: Attacker) -> None:
    """The attack must be refused for the lack of a permission, and for nothing else."""
    with pytest.raises(ClientError) as refused:
        attack(attacker)
    code = refused.value.response["Error"]["Code"]
    assert code in DENIED | OUT_OF_REACH, f"{refused.value.operation_name}: {refused.value}"
