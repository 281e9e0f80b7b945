"""Names, and the comparison with an existing resource."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.errors import NameTaken
from lambdas.promotion.endpoint import comparison
from lambdas.promotion.resolve import identity
from tests.unit.builders import CONTAINER, TRAINED

DIGEST = "0123456789abcdef" * 4
SAGEMAKER_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
LONGEST_APPLICATION, LONGEST_STAGE = "a" * 40, "s" * 20

# Names


def test_a_name_contains_application_stage_time_and_digest() -> None:
    assert identity.resource_name("reviews", "qa", TRAINED, DIGEST) == "reviews-qa-20261031083015-0123456789ab"


@pytest.mark.parametrize("application", ["aa", "a" * 33, "a" * 34, "a" * 35, "a" * 32 + "--b", LONGEST_APPLICATION])
@pytest.mark.parametrize("stage", ["qa", "q-1", LONGEST_STAGE])
def test_every_name_is_valid_in_sagemaker(application: str, stage: str) -> None:
    assert SAGEMAKER_NAME.fullmatch(identity.resource_name(application, stage, TRAINED, DIGEST))


@pytest.mark.parametrize("application", ["reviews", "a" * 34 + "-b", LONGEST_APPLICATION])
@pytest.mark.parametrize("stage", ["qa", LONGEST_STAGE])
def test_every_name_begins_with_the_prefix_that_the_deployer_may_create(application: str, stage: str) -> None:
    beginning = resource_names.resource_name_prefix(application, stage)
    assert identity.resource_name(application, stage, TRAINED, DIGEST).startswith(beginning)


def test_different_content_has_a_different_name() -> None:
    first = identity.resource_name(LONGEST_APPLICATION, "qa", TRAINED, DIGEST)
    assert first != identity.resource_name(LONGEST_APPLICATION, "qa", TRAINED, "f" + DIGEST[1:])


def test_models_of_the_same_minute_have_different_names() -> None:
    first = identity.resource_name("reviews", "qa", TRAINED, DIGEST)
    assert first != identity.resource_name("reviews", "qa", TRAINED + timedelta(seconds=1), DIGEST)


def test_an_instant_has_the_same_name_in_every_time_zone() -> None:
    tokyo = TRAINED.astimezone(timezone(timedelta(hours=9)))
    assert identity.resource_name("reviews", "qa", tokyo, DIGEST) == identity.resource_name(
        "reviews", "qa", TRAINED, DIGEST
    )


def test_a_year_has_four_digits() -> None:
    name = identity.resource_name("reviews", "qa", datetime(2030, 1, 2, tzinfo=UTC), DIGEST)
    assert name == "reviews-qa-20300102000000-0123456789ab"


# "Already exists" is success only after a comparison

DESIRED: dict[str, Any] = {"ModelName": "n", "PrimaryContainer": CONTAINER, "EnableNetworkIsolation": False}


def test_a_resource_that_equals_the_desired_one_is_ours() -> None:
    comparison.require_same("model", "n", DESIRED, {**DESIRED, "ModelArn": "arn", "CreationTime": TRAINED})


def test_defaults_that_sagemaker_sets_do_not_matter() -> None:
    with_defaults = {**CONTAINER, "Mode": "SingleModel", "ModelDataSource": {"S3DataSource": {"S3Uri": "s3://b/k"}}}
    comparison.require_same("model", "n", DESIRED, {**DESIRED, "PrimaryContainer": with_defaults})


@pytest.mark.parametrize("container", [{**CONTAINER, "Image": "other"}, {**CONTAINER, "Environment": {}}, {}, None, []])
def test_a_resource_with_another_content_is_refused_by_its_field(container: Any) -> None:
    with pytest.raises(NameTaken, match=r"model n already exists and differs .* in PrimaryContainer"):
        comparison.require_same("model", "n", DESIRED, {**DESIRED, "PrimaryContainer": container})


@pytest.mark.parametrize("variants", [[], [{"A": 1}, {"A": 1}], [{"A": 2}], {"A": 1}, None, "A"])
def test_a_list_is_the_same_only_with_the_same_elements(variants: Any) -> None:
    with pytest.raises(NameTaken, match="ProductionVariants"):
        comparison.require_same(
            "endpoint configuration", "n", {"ProductionVariants": [{"A": 1}]}, {"ProductionVariants": variants}
        )


def test_a_request_that_went_through_json_is_still_the_same() -> None:
    comparison.require_same("endpoint configuration", "n", {"P": ({"A": 1},)}, {"P": [{"A": 1, "Default": 1.0}]})


@pytest.mark.parametrize(
    "more",
    [
        {"PrimaryContainer": {**CONTAINER, "Environment": {**CONTAINER["Environment"], "LD_PRELOAD": "/x.so"}}},
        {"PrimaryContainer": {**CONTAINER, "AdditionalModelDataSources": [{"ChannelName": "adapter"}]}},
        {"PrimaryContainer": {**CONTAINER, "Mode": "MultiModel"}},
        {"VpcConfig": {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}},
    ],
    ids=["variable", "data", "mode", "network"],
)
def test_a_resource_with_more_than_sagemakers_defaults_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(NameTaken):
        comparison.require_same("model", "n", DESIRED, {**DESIRED, **more})
