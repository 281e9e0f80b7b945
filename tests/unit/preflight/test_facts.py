"""What blocks an update and is no finding, because it is suspended for it."""

from __future__ import annotations

from lambdas.promotion.preflight import facts
from tests.unit.preflight.builders import current, desiring, variant


def test_only_variants_that_are_removed_or_change_their_type_may_not_be_scaled() -> None:
    warm, cold = ({"VariantName": "Warm", "ServerlessConfig": config} for config in ({"ProvisionedConcurrency": 1}, {}))
    new = desiring(variant("Same"), variant("Larger", "ml.m5.xlarge"), variant("New"), cold)
    now = current(variant("Same", count=9), variant("Larger"), variant("Deleted"), warm)
    assert facts.variants_blocked_by_scaling(new, now) == ["Larger", "Deleted", "Warm"]
    assert facts.variants_blocked_by_scaling(new, None) == []
