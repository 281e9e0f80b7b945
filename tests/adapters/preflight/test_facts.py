"""The sessions are opened at once, and the facts read at once; what is refused is reported in one order."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from botocore.awsrequest import AWSResponse

from lambdas.promotion.contract.document import Transfer
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.preflight import facts
from lambdas.promotion.preflight.access import Purpose
from lambdas.promotion.preflight.check import applicable
from lambdas.promotion.preflight.checks import CHECKS
from lambdas.promotion.preflight.context import Context
from lambdas.promotion.preflight.findings import CheckResult, Finding, Inconclusive
from tests.adapters.conftest import AnyRole, Stubs, client_without_network
from tests.unit.builders import artifact, promotion

# A call that waits for others which come only after it ends the test, instead of hanging.
PATIENCE = 20.0  # seconds
# Each has a session to ask in, and one to work in.
ROLES = ("copier", "receiver", "deployer")
# What is read at once. DescribeEndpoint is answered that there is none, so its configuration is not read.
FACTS = {"DescribeEndpoint", "DescribeModel", "DescribeEndpointConfig", "DescribeKey"}


class Refusing:
    """A service that refuses each call: with a barrier, when as many calls wait there as it is for."""

    def __init__(self, aws: Stubs, service: str, code: str, *, barrier: threading.Barrier | None = None) -> None:
        self.called: list[str] = []
        self._code, self._barrier = code, barrier
        client = client_without_network(service, "refusing")
        client.meta.events.register_first(f"before-call.{service}", self._refuse)
        aws.in_place[service] = client

    def _refuse(self, model: Any, **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        self.called.append(model.name)
        if self._barrier:
            self._barrier.wait(PATIENCE)
        error = {"Code": self._code, "Message": "Could not find it."}
        return AWSResponse("", 400, {}, None), {"Error": error}  # type: ignore[arg-type]


def gather() -> tuple[Context, list[CheckResult]]:
    plain = promotion()
    transfers = [Transfer(artifact=artifact())]
    return facts.gather(plain, transfers, applicable(CHECKS, plain), until=time.monotonic() + 60)


def test_all_sessions_are_opened_at_once(aws: Stubs) -> None:
    barrier = threading.Barrier(2 * len(ROLES))

    def last(_: Mapping[str, Any]) -> bool:
        barrier.wait(PATIENCE)
        return True

    sts = AnyRole(last)
    aws.in_place["sts"] = sts.client
    for service in ("sagemaker", "kms"):
        Refusing(aws, service, "ValidationException")
    context, _ = gather()
    assert sorted(sts.entered) == sorted(2 * ROLES)
    assert {(key.role, key.purpose) for key in context.sessions} == {
        *((Role(role), Purpose.QUERY) for role in ROLES),
        (Role.COPIER, Purpose.COPY),
        (Role.RECEIVER, Purpose.RECEIVE),
        (Role.DEPLOYER, Purpose.DEPLOY),
    }


def test_what_the_target_has_is_read_at_once(aws: Stubs) -> None:
    aws.in_place["sts"] = AnyRole().client
    barrier = threading.Barrier(len(FACTS))
    services = [Refusing(aws, service, "AccessDenied", barrier=barrier) for service in ("sagemaker", "kms")]
    gather()
    assert {name for service in services for name in service.called} == FACTS


def test_what_is_refused_is_reported_in_the_order_of_the_roles_and_facts(aws: Stubs) -> None:
    aws.in_place["sts"] = AnyRole(lambda request: "deployer" in request["RoleArn"]).client
    for service in ("sagemaker", "kms"):
        Refusing(aws, service, "AccessDenied")
    _, results = gather()
    findings = [result for result in results if isinstance(result, Finding)]
    assert [(finding.action, finding.resource.rpartition("-")[2]) for finding in findings[:2]] == [
        ("sts:AssumeRole", "copier"),
        ("sts:AssumeRole", "receiver"),
    ]
    assert [finding.action for finding in findings[2:]] == [
        "sagemaker:DescribeEndpoint",
        "sagemaker:DescribeModel",
        "sagemaker:DescribeEndpointConfig",
    ]
    assert isinstance(results[-1], Inconclusive)  # only the checks need the key
