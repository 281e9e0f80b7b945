"""The deployed configuration comes out of the bundle as it went in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import Settings
from tests.unit.builders import APPLICATION, HUB, QA, SETTINGS, STAGE


@pytest.mark.parametrize("external_id", [None, "an-id"])
def test_settings_come_back_as_they_were(external_id: str | None) -> None:
    settings = replace(SETTINGS, external_id=external_id)
    assert Settings.from_json(settings.to_json()) == settings


def test_stages_keep_their_order() -> None:
    """The message lists them when a caller asks for one that does not exist."""
    stages = {name: replace(STAGE, name=name) for name in ("qa", "production", "beta")}
    settings = replace(SETTINGS, applications={"reviews": replace(APPLICATION, stages=stages)})
    back = Settings.from_json(settings.to_json())
    assert list(back.applications["reviews"].stages) == ["qa", "production", "beta"]


def test_variants_keep_the_types_of_the_api() -> None:
    variant = {"VariantName": "All", "InitialInstanceCount": 1, "InitialVariantWeight": 0.5}
    stage = replace(STAGE, endpoint_config={"ProductionVariants": [variant]})
    settings = replace(SETTINGS, applications={"reviews": replace(APPLICATION, stages={"qa": stage})})
    back = Settings.from_json(settings.to_json()).applications["reviews"].stages["qa"]
    assert back.endpoint_config == {"ProductionVariants": [variant]}


def test_an_environment_knows_its_roles_and_its_bucket() -> None:
    assert QA.role_arn(Role.COPIER) == "arn:aws:iam::333333333333:role/promote-qa-copier"
    assert QA.artifact_bucket == "promote-qa-333333333333-us-east-1"


def test_the_hub_knows_its_bucket() -> None:
    assert HUB.bucket == "promote-hub-111111111111-us-east-1"


def test_an_endpoint_has_one_key_however_it_is_spelled() -> None:
    """SageMaker does not tell two spellings of an endpoint's name apart."""
    assert QA.endpoint_key("Reviews-QA") == "333333333333/us-east-1/reviews-qa"
