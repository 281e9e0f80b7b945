"""The capacity that an endpoint lost by an update or a recreation, and gets back in a rollback. Pure: no AWS calls."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lambdas.promotion.contract.document import Promotion, Rollback, VariantCapacity
from lambdas.promotion.contract.settings import Stage
from lambdas.promotion.endpoint.state import ObservedEndpoint

_INSTANCES, _WEIGHT, _DATA_CAPTURE = "DesiredInstanceCount", "DesiredWeight", "DataCaptureConfig"


def from_config(stage: Stage) -> list[str]:
    """Return the properties that a rollback takes from the previous configuration, as the update did from the new one.

    Counts and weights are not among them: the endpoint keeps those that it has, and then gets the previous ones back.
    """
    return sorted(stage.not_retained & {_DATA_CAPTURE})


def lost(promotion: Promotion, rollback: Rollback, observed: ObservedEndpoint) -> list[VariantCapacity]:
    """Return, by variant, the previous capacity that the endpoint has on its previous configuration no longer.

    What the update retained is left as it is: automatic scaling may have changed it since. A recreated endpoint has
    the counts and weights of its configuration.
    """
    change = promotion.change
    if change is None or change.previous_config != rollback.to_config:
        return []
    kinds = frozenset({_INSTANCES, _WEIGHT}) if rollback.recreated else promotion.stage.not_retained
    live = {capacity.variant: capacity for capacity in observed.capacities}
    return [
        VariantCapacity(
            variant=capacity.variant,
            instances=capacity.instances if _INSTANCES in kinds else None,
            weight=capacity.weight if _WEIGHT in kinds else None,
        )
        for capacity in change.previous_capacities
        if capacity.variant in live and _differs(capacity, live[capacity.variant], kinds)
    ]


def as_text(capacities: Sequence[VariantCapacity]) -> str:
    return "; ".join(
        f"{capacity.variant}: "
        + ", ".join(
            text
            for text in (
                f"{capacity.instances} instances" if capacity.instances is not None else "",
                f"weight {capacity.weight:g}" if capacity.weight is not None else "",
            )
            if text
        )
        for capacity in capacities
    )


def _differs(previous: VariantCapacity, live: VariantCapacity, kinds: frozenset[str]) -> bool:
    instances = _INSTANCES in kinds and None not in {previous.instances, live.instances}
    if instances and previous.instances != live.instances:
        return True
    if _WEIGHT not in kinds or previous.weight is None or live.weight is None:
        return False
    return not math.isclose(previous.weight, live.weight, rel_tol=1e-6)
