"""Preflight check of the KMS key of the target's artifact bucket."""

from __future__ import annotations

from collections.abc import Iterator

from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import Environment
from lambdas.promotion.preflight.check import Check
from lambdas.promotion.preflight.context import ArtifactKey, Context
from lambdas.promotion.preflight.findings import CheckResult, Finding
from lambdas.promotion.preflight.probes import Probe

# The states in which a key encrypts and decrypts (AWS: KMS, key states).
_USABLE = frozenset({"Enabled", "Updating"})


def _state_probes(context: Context) -> Iterator[Probe]:
    target, key = context.promotion.target, context.key
    if key:
        yield lambda: key_state(target, key)


def key_state(target: Environment, key: ArtifactKey) -> list[CheckResult]:
    """A key that is disabled or pending deletion encrypts nothing (API: KMS, KeyState)."""
    if key.state in _USABLE:
        return []
    return [
        Finding(
            role=target.role_arn(Role.DEPLOYER),
            action="kms:Decrypt",
            resource=key.arn,
            message=f"The key of the target's bucket is in the state {key.state}.",
        )
    ]


CHECKS = (
    Check(
        title="The key of the target's artifact bucket is enabled",
        role=Role.DEPLOYER,
        remedy="Enable the key, or cancel its deletion: nothing in the bucket can be read without it.",
        probes=_state_probes,
    ),
)
