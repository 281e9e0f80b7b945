"""Is the existing resource the same as the desired one? Pure: no AWS calls."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from lambdas.promotion.aws import unknown_fields
from lambdas.promotion.contract import digests
from lambdas.promotion.contract.errors import NameTaken, UnsupportedModel
from lambdas.promotion.endpoint import service_defaults


def require_same(kind: str, name: str, desired: Mapping[str, Any], existing: Mapping[str, Any]) -> None:
    """ "Already exists" is success only if the existing resource is the desired one.

    Raises NameTaken, or UnsupportedModel if it has fields that the SDK does not know: they cannot be compared.
    """
    unknown, existing = unknown_fields.problems(existing), unknown_fields.without(existing)
    different = sorted(_differences(existing, desired))
    if different:
        raise NameTaken(
            f"The {kind} {name} already exists and differs from the desired one in {', '.join(different)}. Promote "
            "names resources by their content, so another principal created or changed it: find out which "
            "(CloudTrail), delete it, then promote again."
        )
    if unknown:
        raise UnsupportedModel(
            f"The {kind} {name} already exists, and Promote cannot compare all its fields with the desired ones: "
            f"{'; '.join(unknown)}. Promote again with that version."
        )


def _differences(existing: Mapping[str, Any], desired: Mapping[str, Any]) -> Iterator[str]:
    """Yield the fields that differ. What SageMaker fills in where the request has nothing is no difference."""
    for name, value in desired.items():
        if not _matches(name, existing.get(name), value, desired):
            yield name
    for name in existing.keys() - desired.keys():
        if not service_defaults.is_filled_in(name, existing[name], desired, unlisted=True):
            yield name


def _matches(name: str, existing: Any, desired: Any, beside: Mapping[str, Any]) -> bool:
    if name == "Environment":
        # Its keys are variables, not fields.
        return (existing or {}) == (desired or {})
    if existing is None:
        return service_defaults.is_default(name, desired)
    if isinstance(desired, Mapping):
        return isinstance(existing, Mapping) and not any(_differences(existing, desired))
    if isinstance(desired, list | tuple):
        return (
            isinstance(existing, list)
            and len(existing) == len(desired)
            and all(
                _matches("", *pair, beside)
                for pair in zip(digests.in_order(name, existing), digests.in_order(name, desired), strict=True)
            )
        )
    if isinstance(desired, float) and isinstance(existing, int | float):
        # The API's floats have 32 bits.
        return math.isclose(existing, desired, rel_tol=1e-6)
    return bool(existing == desired)
