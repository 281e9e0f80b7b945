"""What a run asks: every check has an id of its own, and says what it creates and costs."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from conformance import __main__ as command
from conformance import probes
from conformance.checks import Check
from conformance.plan import Plan
from conformance.world import World
from tests.conformance.builders import FakeAccount, error

CHECKS = command.checks()


def test_no_two_checks_have_the_same_id() -> None:
    assert [name for name, count in Counter(check.id for check in CHECKS).items() if count > 1] == []


def test_each_kind_is_asked() -> None:
    assert {check.id.partition(":")[0] for check in CHECKS} == {"recording", "aws-only", "patch", "promotion"}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_check_says_what_it_uses_and_creates(check: Check) -> None:
    assert check.proves
    assert check.asks
    assert set(check.needs) <= set(command.ALL_RESOURCES)
    assert bool(check.creates) >= bool(check.dollars)


def test_everything_together_is_within_the_budget() -> None:
    Plan(checks=CHECKS, resources=command.ALL_RESOURCES, budget=2.0, minutes=90).require_budget()


class FakeKms:
    """Signs everything, and verifies what `accepts` says."""

    def __init__(self, *, accepts: bool) -> None:
        self.accepts = accepts
        self.signed = b""

    def create_key(self, **_: Any) -> dict[str, Any]:
        return {"KeyMetadata": {"KeyId": "k"}}

    def sign(self, *, Message: bytes, **_: Any) -> dict[str, bytes]:  # noqa: N803 - the API's name
        self.signed = Message
        return {"Signature": b"s"}

    def verify(self, *, Message: bytes, **_: Any) -> dict[str, bool]:  # noqa: N803 - the API's name
        if Message != self.signed and not self.accepts:
            raise error("KMSInvalidSignatureException")
        return {"SignatureValid": True}


@pytest.mark.parametrize(("accepts", "differences"), [(False, 0), (True, 1)])
def test_a_signature_of_another_digest_must_not_verify(accepts: bool, differences: int) -> None:
    world = World(FakeAccount({"kms": FakeKms(accepts=accepts)}), "abc123", {})
    (signatures,) = (check for check in probes.checks() if check.id.endswith("kms/signatures"))
    assert len(signatures.run(world).differences) == differences
