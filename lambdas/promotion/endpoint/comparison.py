"""Is the existing resource the same as the desired one? Pure: no AWS calls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lambdas.promotion.contract.errors import NameTaken

# Fields that SageMaker never sets by default: where one is set, a caller has set it.
_NEVER_FILLED_IN = {
    "AdditionalModelDataSources",
    "AsyncInferenceConfig",
    "CapacityReservationConfig",
    "CoreDumpConfig",
    "DataCaptureConfig",
    "ExplainerConfig",
    "InferenceExecutionConfig",
    "InferenceSpecificationName",
    "InstancePools",
    "KmsKeyId",
    "ModelPackageName",
    "MultiModelConfig",
    "ServerlessConfig",
    "ShadowProductionVariants",
    "VpcConfig",
}


def require_same(kind: str, name: str, desired: Mapping[str, Any], existing: Mapping[str, Any]) -> None:
    """ "Already exists" is success only if the existing resource is the desired one. Raises NameTaken."""
    different = sorted(
        [name for name, value in desired.items() if not _matches(existing.get(name), value)]
        + [name for name in _NEVER_FILLED_IN - set(desired) if existing.get(name)]
    )
    if different:
        raise NameTaken(
            f"The {kind} {name} already exists and differs from the desired one in {', '.join(different)}. Promote "
            "names resources by their content, so another principal created or changed it: find out which "
            "(CloudTrail), delete it, then promote again."
        )


def _matches(existing: Any, desired: Any) -> bool:
    """Every desired field must exist, and no other field but the defaults that SageMaker sets."""
    if isinstance(desired, Mapping):
        if not isinstance(existing, Mapping) or any(existing.get(name) for name in _NEVER_FILLED_IN - set(desired)):
            return False
        if "Image" in desired and existing.get("Mode", "SingleModel") != desired.get("Mode", "SingleModel"):
            return False
        return all(
            (existing.get(name) or {}) == value if name == "Environment" else _matches(existing.get(name), value)
            for name, value in desired.items()
        )
    if isinstance(desired, list | tuple):
        return (
            isinstance(existing, list)
            and len(existing) == len(desired)
            and all(_matches(*pair) for pair in zip(existing, desired, strict=True))
        )
    if isinstance(desired, float) and isinstance(existing, int | float):
        # The API's floats have 32 bits.
        return math.isclose(existing, desired, rel_tol=1e-6)
    return bool(existing == desired) or (desired is False and existing is None)
