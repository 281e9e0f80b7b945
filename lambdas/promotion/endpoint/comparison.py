"""Is what exists the same as what is desired? Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lambdas.promotion.contract.errors import (
    NameTaken,
)

# What SageMaker never fills in by itself: where it stands, somebody put it there.
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


def require_same(kind: str, name: str, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """ "Already exists" is success only if it says what we want."""
    different = sorted(
        [member for member, value in wanted.items() if not _matches(found.get(member), value)]
        + [member for member in _NEVER_FILLED_IN - set(wanted) if found.get(member)]
    )
    if different:
        raise NameTaken(
            f"The {kind} {name} exists and differs from what is wanted in {', '.join(different)}. Promote names "
            "resources by their content, so somebody else made or changed it: find out who, delete it, promote again."
        )


def _matches(found: Any, wanted: Any) -> bool:
    """What we asked for must be there, and nothing beside it but the defaults that SageMaker fills in."""
    if isinstance(wanted, Mapping):
        if not isinstance(found, Mapping) or any(found.get(name) for name in _NEVER_FILLED_IN - set(wanted)):
            return False
        if "Image" in wanted and found.get("Mode", "SingleModel") != wanted.get("Mode", "SingleModel"):
            return False
        return all(
            (found.get(name) or {}) == value if name == "Environment" else _matches(found.get(name), value)
            for name, value in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(_matches(one, other) for one, other in zip(found, wanted, strict=True))
        )
    if isinstance(wanted, float) and isinstance(found, int | float):
        # The API's floats have 32 bits.
        return math.isclose(found, wanted, rel_tol=1e-6)
    return bool(found == wanted) or (wanted is False and found is None)
