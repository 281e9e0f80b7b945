"""The same artifacts and containers are the same model, by whatever name it is promoted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambdas.promotion.contract.document import DesiredResource, KnownGood, Lock, Promotion
from lambdas.promotion.endpoint import same_model
from lambdas.promotion.outcome import records
from tests.unit.builders import BEGUN, MODEL, TRAINED, VERSION, promotion

EARLIER = TRAINED - timedelta(seconds=1)
BY_NAME = promotion()
(GOOD,) = records.known_good_after(BY_NAME, ended_at=BEGUN)


def by_version(**changes: Any) -> Promotion:
    """The version that was registered a second before the model was created, after that was promoted."""
    version = replace(MODEL, arn=VERSION, model_package_arn=VERSION, created_at=EARLIER, made_at=EARLIER)
    made = promotion(model=version, **changes)
    assert made.desired_model.name != BY_NAME.desired_model.name
    return replace(made, lock=Lock(fence=2, last_known_good=(GOOD,)))


def test_a_version_of_the_model_in_service_has_its_names_and_its_age() -> None:
    adopted = same_model.adopt(by_version())
    assert adopted.desired_model == BY_NAME.desired_model
    assert adopted.desired_config == BY_NAME.desired_config
    assert adopted.model.made_at == TRAINED


def test_a_changed_configuration_of_the_same_model_is_another_one() -> None:
    changed = by_version()
    request = {**changed.desired_config.request, "KmsKeyId": "key"}
    changed = replace(changed, desired_config=DesiredResource(name=changed.desired_config.name, request=request))
    adopted = same_model.adopt(changed)
    assert adopted.desired_model == BY_NAME.desired_model
    assert adopted.desired_config.name not in {BY_NAME.desired_config.name, changed.desired_config.name}
    assert adopted.desired_config.request["EndpointConfigName"] == adopted.desired_config.name
    assert adopted.desired_config.request["KmsKeyId"] == "key"
    (variant,) = adopted.desired_config.request["ProductionVariants"]
    assert variant["ModelName"] == BY_NAME.desired_model.name


@pytest.mark.parametrize(
    "good",
    [replace(GOOD, content="other"), replace(GOOD, content=None), replace(GOOD, stage="reviews/production")],
    ids=["another model", "of an older Promote", "another stage"],
)
def test_any_other_model_keeps_its_names(good: KnownGood) -> None:
    other = replace(by_version(), lock=Lock(fence=2, last_known_good=(good, GOOD)))
    assert same_model.adopt(other) == other


def test_other_content_is_another_model() -> None:
    model = BY_NAME.desired_model
    container = model.request["PrimaryContainer"]
    for changed in (
        {"EnableNetworkIsolation": True},
        {"PrimaryContainer": {**container, "ModelDataUrl": "s3://other/model.tar.gz"}},
        {"PrimaryContainer": {**container, "Environment": {"Mode": "SingleModel"}}},
    ):
        other = DesiredResource(name=model.name, request={**model.request, **changed})
        assert same_model.content_of(other) != same_model.content_of(model)


def test_a_variable_with_the_name_of_a_field_is_no_default() -> None:
    def content(**variables: str) -> str:
        request = {"PrimaryContainer": {"Environment": {"A": "1", **variables}}}
        return same_model.content_of(DesiredResource(name="m", request=request))

    assert content(Mode="SingleModel") != content()


def test_what_sagemaker_fills_in_is_no_difference() -> None:
    model = BY_NAME.desired_model
    container = {**model.request["PrimaryContainer"], "Mode": "SingleModel", "ImageConfig": {}}
    described = DesiredResource(name="other", request={**model.request, "PrimaryContainer": container})
    assert same_model.content_of(described) == same_model.content_of(model)


def test_a_rollback_and_a_promotion_without_a_lock_keep_their_names() -> None:
    unlocked = replace(by_version(), lock=None)
    assert same_model.adopt(unlocked) == unlocked
    rollback = replace(by_version(), request=replace(BY_NAME.request, roll_back=True))
    assert same_model.adopt(rollback) == rollback
