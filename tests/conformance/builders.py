"""Stand-ins for what a run needs: checks that note their names, and an account that answers nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from conformance.checks import Check
from conformance.outcomes import Outcome
from conformance.plan import Plan
from conformance.world import Resource, World

SAME = Outcome(expected=1, answered=1)


@dataclass
class FakeAccount:
    """An account whose clients are given."""

    clients: Mapping[str, Any] = field(default_factory=dict)
    is_aws: bool = True
    profile: str = "a-profile"
    number: str = "111122223333"
    region: str = "eu-west-1"
    partition: str = "aws"
    settle_seconds: float = 0.0

    def client(self, service: str, run: str, credentials: Any = None, *, region: str | None = None) -> Any:
        return self.clients[service]

    def unguarded(self, service: str) -> Any:
        return self.clients[service]


def check(name: str, outcome: Outcome | BaseException = SAME, **fields: Any) -> Check:
    def run(_: World) -> Outcome:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return Check(id=name, proves="something", asks=["GetObject"], run=run, **fields)


def resource(creates: str, dollars: float = 0.0, **fields: Any) -> Resource:
    make = fields.pop("make", lambda _: {})
    return Resource(creates=creates, dollars=dollars, make=make, **fields)


def plan(*checks: Check, resources: Mapping[str, Resource] | None = None, **fields: Any) -> Plan:
    return Plan(checks=checks, resources=resources or {}, budget=2.0, minutes=fields.pop("minutes", 10.0), **fields)


def world(resources: Mapping[str, Resource] | None = None, **fields: Any) -> World:
    return World(FakeAccount(**fields), "abc123", resources or {})


def error(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")
