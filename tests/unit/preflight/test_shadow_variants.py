"""What of a model SageMaker excludes beside a shadow variant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion.contract.document import DesiredResource, Promotion
from lambdas.promotion.preflight.checks import shadow_variants
from lambdas.promotion.preflight.findings import Finding
from recordings import store
from tests.unit.preflight.builders import desiring, variant

ONE = {"PrimaryContainer": {"Image": "i", "Mode": "SingleModel"}}
EXCLUDED = [
    exclusion["request"]["Model"]
    for exclusion in store.recording("sagemaker/CreateEndpointConfig/shadow-variant-exclusions").requests
    if "Model" in exclusion["request"]
]


def promoting(model: dict[str, Any], *, shadow: bool) -> Promotion:
    plain = desiring(variant())
    config = {**plain.desired_config.request, **({"ShadowProductionVariants": [variant("Shadow")]} if shadow else {})}
    return replace(
        plain,
        desired_model=DesiredResource(name="m", request=model),
        desired_config=replace(plain.desired_config, request=config),
    )


@pytest.mark.parametrize("model", EXCLUDED, ids=str)
def test_a_model_that_aws_excludes_beside_a_shadow_variant_is_a_finding(model: dict[str, Any]) -> None:
    (finding,) = shadow_variants.excluded(promoting(model, shadow=True))
    assert isinstance(finding, Finding)
    assert "a shadow variant, and the model has" in str(finding)
    assert shadow_variants.excluded(promoting(model, shadow=False)) == []


def test_every_feature_is_named_at_once() -> None:
    model = {"Containers": [{"Image": "i"}, {"Image": "i", "Mode": "MultiModel"}]}
    (finding,) = shadow_variants.excluded(promoting(model, shadow=True))
    assert "several containers, a container for several models (MultiModel)" in str(finding)


@pytest.mark.parametrize("model", [ONE, {"Containers": [{"Image": "i"}]}], ids=str)
def test_a_model_of_one_container_can_have_a_shadow(model: dict[str, Any]) -> None:
    assert shadow_variants.excluded(promoting(model, shadow=True)) == []
