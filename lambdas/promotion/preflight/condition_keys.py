"""The condition keys of our roles' policies, which a simulation must be sent, and those that can decide a call. Pure.

IAM reports each key of a role's policies that it was not sent as missing, also those of statements for other actions
(recordings: SimulatePrincipalPolicy, missing-keys-of-other-statements).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from lambdas.promotion.contract import resource_names

# One value for each key of the policies in stacks/environment. A call that has the key is simulated with its own value;
# for a call without it, it matters to no statement.
_OF_POLICIES: Mapping[str, str] = {
    "cloudwatch:namespace": "AWS/SageMaker",
    "iam:PassedToService": "sagemaker.amazonaws.com",
    "kms:GrantIsForAWSResource": "true",
    "kms:ViaService": "s3.amazonaws.com",
    "s3:prefix": f"{resource_names.ARTIFACT_PREFIX}/",
}
_BOOLEAN = {"kms:GrantIsForAWSResource"}
# Keys that the calls of every service can have (AWS: global condition context keys).
_GLOBAL = "aws"


def of_call(own: Mapping[str, str]) -> dict[str, str]:
    """Return the keys that are sent: those of the call itself, and the others of the policies."""
    return {**_OF_POLICIES, **own}


def of_any_service(own: Mapping[str, str]) -> dict[str, str]:
    """Return those of a call's keys that the calls of every service can have."""
    return {key: value for key, value in own.items() if _service(key) == _GLOBAL}


def agree(own: Mapping[str, str], others: Mapping[str, str]) -> bool:
    """Whether no key has another value in the second call: one simulation can then be sent the keys of both.

    A key that only one call has is of a service (of_any_service), and matters to no statement for the other's.
    """
    return all(others[key] == value for key, value in own.items() if key in others)


def type_of(key: str) -> Literal["boolean", "string"]:
    """Return a key's type in the simulation (API: ContextKeyTypeEnum)."""
    return "boolean" if key in _BOOLEAN else "string"


def deciding(missing: Iterable[str], action: str) -> list[str]:
    """Return those of the missing keys that a call of the action can have: of any service, or of the action's own.

    A key of another service is missing from the call itself as well, so the simulation is right without it.
    """
    services = {_GLOBAL, _service(action)}
    return sorted({key for key in missing if _service(key) in services})


def _service(name: str) -> str:
    return name.partition(":")[0].lower()
