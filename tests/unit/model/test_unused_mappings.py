"""What a stage maps, and the model does not have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion.contract.settings import Variables
from lambdas.promotion.model import unused_mappings
from tests.unit.builders import STAGE, pipeline

FEATURES = "registry.example.com/team/features"
MIRROR = "333333333333.dkr.ecr.us-east-1.amazonaws.com/features"
OWN = "222222222222.dkr.ecr.us-east-1.amazonaws.com/team/model"
LOGIN, OURS = (f"arn:aws:lambda:us-east-1:{account * 12}:function:login" for account in "23")
PRIVATE = {
    "Image": f"{FEATURES}:1",
    "ImageConfig": {
        "RepositoryAccessMode": "Vpc",
        "RepositoryAuthConfig": {"RepositoryCredentialsProviderArn": LOGIN},
    },
}


def unused(**stage: Any) -> tuple[str, ...]:
    model = pipeline(PRIVATE, {"Image": f"{OWN}:1", "Environment": {"DATABASE": "dev", "TOPIC": f"<{OURS}>"}})
    return unused_mappings.of(model, replace(STAGE, **stage))


@pytest.mark.parametrize("name", [FEATURES, OWN, OWN.replace("dkr.ecr", "dkr.ecr-fips")])
def test_the_mapping_of_an_image_of_the_model_is_used(name: str) -> None:
    assert unused(images={name: MIRROR}) == ()


@pytest.mark.parametrize(
    "name", [f"{FEATURES}-2", FEATURES.replace("team", "other"), f"{OWN}/1", "example.com/features"]
)
def test_the_mapping_of_an_image_that_the_model_does_not_have_is_reported(name: str) -> None:
    assert unused(images={OWN: MIRROR, name: MIRROR}) == (f"images: {name}",)


def test_arns_are_used_in_fields_and_in_variables() -> None:
    assert unused(arns={LOGIN: OURS, OURS: LOGIN}) == ()
    assert unused(arns={f"{LOGIN}-2": OURS}) == (f"arns: {LOGIN}-2",)


def test_variables_that_the_model_does_not_have_are_reported_but_for_those_that_are_set() -> None:
    variables = Variables(set={"A": "1"}, replace={"DATABASE": "qa", "DATABSE": "qa"}, drop=("B",), keep=("C", "TOPIC"))
    assert unused(variables=variables) == ("variables.replace: DATABSE", "variables.drop: B", "variables.keep: C")
