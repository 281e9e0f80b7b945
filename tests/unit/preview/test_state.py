"""What a trial endpoint consists of and is called, and what comes next with it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import Change, Progress, Promotion, TrialEndpoint, TrialProgress
from lambdas.promotion.contract.errors import DeploymentTimedOut, NoCapacity, TrialFailed, TrialNotRemoved
from lambdas.promotion.contract.settings import Trial
from lambdas.promotion.preview import state as preview_state
from lambdas.promotion.preview.state import Act
from tests.unit.builders import BEGUN, STAGE, VARIANT, promotion, seen

LARGE = {**VARIANT, "InitialInstanceCount": 8, "ManagedInstanceScaling": {"Status": "ENABLED"}}
SERVERLESS = {"MemorySizeInMB": 4096, "MaxConcurrency": 5}
TRIED = promotion(stage=replace(STAGE, trial=Trial()))
NEW = preview_state.begin(TRIED)
WAIT, CREATE, DELETE = Act.NOTHING, Act.CREATE, Act.DELETE
UNDER_WAY, SERVES, GONE = TrialProgress.UNDER_WAY, TrialProgress.SERVES, TrialProgress.GONE


def tried(trial: Trial | None = None, **config: Any) -> Promotion:
    return promotion(stage=replace(STAGE, trial=trial or Trial(), endpoint_config=config))


def variant_of(made: Promotion) -> dict[str, Any]:
    (variant,) = preview_state.config(made).request["ProductionVariants"]
    assert variant.pop("ModelName") == made.wanted_model.name
    return dict(variant)


def next_act(status: str | None, **changes: Any) -> object:
    found = seen(status, **{"config": NEW.config, **changes}) if status else None
    return preview_state.next_act(TRIED, NEW, found, now=BEGUN)


def test_it_has_one_instance_of_each_variant_and_no_scaling() -> None:
    assert variant_of(tried(ProductionVariants=[LARGE])) == {**VARIANT, "InitialInstanceCount": 1}


def test_it_has_nothing_that_only_the_live_endpoint_is_to_do() -> None:
    live: dict[str, Any] = {
        "ShadowProductionVariants": [{**LARGE, "VariantName": "Shadow"}],
        "DataCaptureConfig": {"a": 1},
    }
    request = preview_state.config(tried(ProductionVariants=[LARGE], KmsKeyId="key", **live)).request
    assert sorted(request) == ["EndpointConfigName", "KmsKeyId", "ProductionVariants"]


def test_it_is_serverless_if_so_configured() -> None:
    made = tried(Trial(serverless=SERVERLESS), ProductionVariants=[{**LARGE, "InitialVariantWeight": 1.0}])
    expected = {"VariantName": "All", "InitialVariantWeight": 1.0, "ServerlessConfig": SERVERLESS}
    assert variant_of(made) == expected


def test_a_serverless_variant_stays_so_and_is_not_kept_warm() -> None:
    own = {"VariantName": "All", "ServerlessConfig": {**SERVERLESS, "ProvisionedConcurrency": 3}}
    assert variant_of(tried(ProductionVariants=[own])) == {"VariantName": "All", "ServerlessConfig": SERVERLESS}


def test_no_two_promotions_have_a_name_in_common() -> None:
    again = promotion(stage=TRIED.stage, execution=replace(TRIED.execution, arn=f"{TRIED.execution.arn}2"))
    other = preview_state.begin(again)
    assert {other.endpoint, other.config}.isdisjoint({NEW.endpoint, NEW.config})
    assert preview_state.begin(TRIED) == NEW
    assert preview_state.begin(replace(TRIED, trial=other)) is other


def test_what_is_live_or_about_to_be_is_not_tried_nor_what_is_gone_back_to() -> None:
    change = Change(progress=Progress.CHANGE_WANTED, previous_config="old")
    assert preview_state.is_wanted(TRIED.with_change(change))
    assert not preview_state.is_wanted(TRIED.with_change(replace(change, joined=True)))
    assert not preview_state.is_wanted(replace(TRIED, request=replace(TRIED.request, roll_back=True)))
    assert not preview_state.is_wanted(promotion())


@pytest.mark.parametrize("length", [1, 43, 44, 45, 63])
def test_its_name_is_one_that_sagemaker_takes_and_the_rights_fit(length: int) -> None:
    for endpoint in ("A" * length, ("a" * 43 + "-" * 19 + "b")[:length].rstrip("-")):
        name = resource_names.trial_endpoint(endpoint, "0123456789abcdef")
        assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name)
        assert name == resource_names.trial_endpoint(endpoint, resource_names.ANY_DIGEST).replace(
            "?" * 12, "0123456789ab"
        )


def test_the_right_to_delete_its_configuration_fits_no_other_configuration() -> None:
    """An application's stage may be called trial, or like another stage with -trial."""
    pattern = resource_names.trial_config("reviews", "qa", resource_names.ANY_DIGEST).replace("?", ".")
    assert re.fullmatch(pattern, NEW.config)
    live = promotion(stage=replace(STAGE, name="qa-trial")).wanted_config.name
    assert live.startswith("reviews-qa-trial-")
    assert not re.fullmatch(pattern, live)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, (CREATE, UNDER_WAY)),
        ("Creating", (WAIT, UNDER_WAY)),
        ("Deleting", (WAIT, UNDER_WAY)),
        ("InService", (WAIT, SERVES)),
    ],
)
def test_what_comes_next_until_it_serves(status: str | None, expected: object) -> None:
    assert next_act(status) == expected


def test_a_trial_with_too_few_instances_does_not_serve_yet() -> None:
    assert next_act("InService", counts_settled=False) == (WAIT, UNDER_WAY)


def test_a_model_that_does_not_start_fails_the_trial_with_sagemakers_reason() -> None:
    with pytest.raises(TrialFailed, match=r"No /ping\. The endpoint reviews-qa was not changed\."):
        next_act("Failed", config="", failure_reason="No /ping.")


def test_missing_instances_are_no_bad_model() -> None:
    with pytest.raises(NoCapacity, match="reviews-qa was not changed"):
        next_act("Failed", failure_reason="InsufficientInstanceCapacity")


def test_it_is_not_waited_for_after_the_deadline() -> None:
    with pytest.raises(DeploymentTimedOut, match=r"was Creating at the deadline .* was not changed"):
        preview_state.next_act(
            TRIED,
            NEW,
            seen("Creating", config=NEW.config),
            now=TRIED.deadline + timedelta(seconds=1),
        )


@pytest.mark.parametrize(
    ("known", "status", "expected"),
    [
        (NEW, "InService", (DELETE, UNDER_WAY)),
        (NEW, "Failed", (DELETE, UNDER_WAY)),
        (NEW, "Creating", (WAIT, UNDER_WAY)),
        (NEW, "Deleting", (WAIT, UNDER_WAY)),
        (NEW, None, (WAIT, UNDER_WAY)),
        (replace(NEW, looks=1), None, (WAIT, GONE)),
    ],
)
def test_what_comes_next_until_it_is_gone(known: TrialEndpoint, status: str | None, expected: object) -> None:
    """Not seen once is no proof: an answer may be from before the creation."""
    found = seen(status, config=NEW.config) if status else None
    assert preview_state.next_removal(known, found, again=False) == expected


def test_a_removal_without_an_end_is_told() -> None:
    late = BEGUN + preview_state.LONGEST_REMOVAL + timedelta(seconds=1)
    with pytest.raises(TrialNotRemoved, match=f"delete-endpoint --endpoint-name {NEW.endpoint}"):
        preview_state.require_time_to_remove(TRIED, NEW, seen("Creating"), began_at=BEGUN, now=late)


def test_only_a_promotion_that_tries_and_has_not_removed_its_trial_may_leave_one() -> None:
    assert preview_state.may_be_left(TRIED)
    assert preview_state.may_be_left(replace(TRIED, trial=NEW))
    assert not preview_state.may_be_left(replace(TRIED, trial=replace(NEW, progress=GONE)))
    assert not preview_state.may_be_left(promotion())
    for request in (replace(TRIED.request, roll_back=True), replace(TRIED.request, dry_run=True)):
        assert not preview_state.may_be_left(replace(TRIED, request=request))
