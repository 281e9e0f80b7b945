"""The configuration and the names of a preview endpoint, and the next action on it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import Change, PreviewEndpoint, PreviewProgress, Progress, Promotion
from lambdas.promotion.contract.errors import DeploymentTimedOut, NoCapacity, PreviewFailed, PreviewNotDeleted
from lambdas.promotion.contract.settings import Preview
from lambdas.promotion.preview import state as preview_state
from lambdas.promotion.preview.state import Action
from tests.unit.builders import BEGUN, STAGE, VARIANT, observed, promotion

LARGE = {**VARIANT, "InitialInstanceCount": 8}
SERVERLESS = {"MemorySizeInMB": 4096, "MaxConcurrency": 5}
WITH_PREVIEW = promotion(stage=replace(STAGE, preview=Preview()))
NEW = preview_state.begin(WITH_PREVIEW)
WAIT, CREATE, DELETE = Action.NOTHING, Action.CREATE, Action.DELETE
IN_PROGRESS, IN_SERVICE, DELETED = PreviewProgress.IN_PROGRESS, PreviewProgress.IN_SERVICE, PreviewProgress.DELETED


def with_preview(preview: Preview | None = None, **config: Any) -> Promotion:
    return promotion(stage=replace(STAGE, preview=preview or Preview(), endpoint_config=config))


def variant_of(previewed: Promotion) -> dict[str, Any]:
    (variant,) = preview_state.config(previewed).request["ProductionVariants"]
    assert variant.pop("ModelName") == previewed.desired_model.name
    return dict(variant)


def next_action(status: str | None, **changes: Any) -> object:
    endpoint = observed(status, **{"config": NEW.config, **changes}) if status else None
    return preview_state.next_action(WITH_PREVIEW, NEW, endpoint, now=BEGUN)


def test_it_has_one_instance_of_each_variant_and_no_scaling() -> None:
    assert variant_of(with_preview(ProductionVariants=[LARGE])) == {**VARIANT, "InitialInstanceCount": 1}


def test_it_has_no_field_that_applies_to_the_live_endpoint_only() -> None:
    live: dict[str, Any] = {
        "ShadowProductionVariants": [{**LARGE, "VariantName": "Shadow"}],
        "DataCaptureConfig": {"a": 1},
        "CrossRegionTrafficConfig": {"a": 1},
    }
    request = preview_state.config(with_preview(ProductionVariants=[LARGE], KmsKeyId="key", **live)).request
    assert sorted(request) == ["EndpointConfigName", "KmsKeyId", "ProductionVariants"]


def test_it_is_serverless_if_configured() -> None:
    previewed = with_preview(
        Preview(serverless=SERVERLESS), ProductionVariants=[{**LARGE, "InitialVariantWeight": 1.0}]
    )
    expected = {"VariantName": "All", "InitialVariantWeight": 1.0, "ServerlessConfig": SERVERLESS}
    assert variant_of(previewed) == expected


def test_a_serverless_variant_stays_serverless_without_provisioned_concurrency() -> None:
    own = {"VariantName": "All", "ServerlessConfig": {**SERVERLESS, "ProvisionedConcurrency": 3}}
    assert variant_of(with_preview(ProductionVariants=[own])) == {"VariantName": "All", "ServerlessConfig": SERVERLESS}


def test_no_two_promotions_have_a_name_in_common() -> None:
    other_promotion = promotion(
        stage=WITH_PREVIEW.stage, execution=replace(WITH_PREVIEW.execution, arn=f"{WITH_PREVIEW.execution.arn}2")
    )
    other = preview_state.begin(other_promotion)
    assert {other.endpoint, other.config}.isdisjoint({NEW.endpoint, NEW.config})
    assert preview_state.begin(WITH_PREVIEW) == NEW
    assert preview_state.begin(replace(WITH_PREVIEW, preview=other)) is other


def test_an_adopted_change_a_rollback_and_an_unchanged_endpoint_are_not_previewed() -> None:
    change = Change(progress=Progress.CHANGE_REQUIRED, previous_config="old")
    assert preview_state.is_enabled(WITH_PREVIEW.with_change(change))
    assert not preview_state.is_enabled(WITH_PREVIEW.with_change(replace(change, adopted=True)))
    assert not preview_state.is_enabled(replace(WITH_PREVIEW, request=replace(WITH_PREVIEW.request, roll_back=True)))
    assert not preview_state.is_enabled(promotion())


@pytest.mark.parametrize("length", [1, 43, 44, 45, 63])
def test_its_name_is_valid_for_sagemaker_and_matches_the_permissions(length: int) -> None:
    for endpoint in ("A" * length, ("a" * 43 + "-" * 19 + "b")[:length].rstrip("-")):
        name = resource_names.preview_endpoint(endpoint, "0123456789abcdef")
        assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name)
        assert name == resource_names.preview_endpoint(endpoint, resource_names.ANY_DIGEST).replace(
            "?" * 12, "0123456789ab"
        )


def test_the_permission_to_delete_its_configuration_matches_no_other_configuration() -> None:
    """An application's stage may be called preview, or like another stage with -preview."""
    pattern = resource_names.preview_config("reviews", "qa", resource_names.ANY_DIGEST).replace("?", ".")
    assert re.fullmatch(pattern, NEW.config)
    live = promotion(stage=replace(STAGE, name="qa-preview")).desired_config.name
    assert live.startswith("reviews-qa-preview-")
    assert not re.fullmatch(pattern, live)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, (CREATE, IN_PROGRESS)),
        ("Creating", (WAIT, IN_PROGRESS)),
        ("Deleting", (WAIT, IN_PROGRESS)),
        ("InService", (WAIT, IN_SERVICE)),
    ],
)
def test_the_next_action_until_it_is_in_service(status: str | None, expected: object) -> None:
    assert next_action(status) == expected


def test_a_preview_with_too_few_instances_is_not_in_service_yet() -> None:
    assert next_action("InService", counts_settled=False) == (WAIT, IN_PROGRESS)


def test_a_model_that_does_not_start_fails_the_preview_with_sagemakers_reason() -> None:
    with pytest.raises(
        PreviewFailed, match=rf"The preview endpoint {NEW.endpoint} in qa .*No /ping\. The endpoint reviews-qa was not"
    ):
        next_action("Failed", config="", failure_reason="No /ping.")


def test_insufficient_capacity_is_not_a_model_failure() -> None:
    with pytest.raises(NoCapacity, match=r"reviews-qa was not changed\. .*, or remove `preview` from the stage\.$"):
        next_action("Failed", failure_reason="InsufficientInstanceCapacity")


def test_the_promotion_waits_for_it_until_the_deadline() -> None:
    creating = observed("Creating", config=NEW.config)
    at = WITH_PREVIEW.deadline
    assert preview_state.next_action(WITH_PREVIEW, NEW, creating, now=at) == (WAIT, IN_PROGRESS)


def test_the_promotion_does_not_wait_for_it_after_the_deadline() -> None:
    with pytest.raises(DeploymentTimedOut, match=r"was Creating at the deadline .* was not changed"):
        preview_state.next_action(
            WITH_PREVIEW,
            NEW,
            observed("Creating", config=NEW.config),
            now=WITH_PREVIEW.deadline + timedelta(seconds=1),
        )


@pytest.mark.parametrize(
    ("preview", "status", "expected"),
    [
        (NEW, "InService", (DELETE, IN_PROGRESS)),
        (NEW, "Failed", (DELETE, IN_PROGRESS)),
        (NEW, "Creating", (WAIT, IN_PROGRESS)),
        (NEW, "Deleting", (WAIT, IN_PROGRESS)),
        (NEW, None, (WAIT, IN_PROGRESS)),
        (replace(NEW, poll_count=1), None, (WAIT, DELETED)),
    ],
)
def test_the_next_action_until_it_is_deleted(preview: PreviewEndpoint, status: str | None, expected: object) -> None:
    """One response without it is inconclusive: it may be from before the creation."""
    endpoint = observed(status, config=NEW.config) if status else None
    assert preview_state.next_deletion(preview, endpoint, again=False) == expected


def test_a_deletion_that_does_not_finish_is_reported() -> None:
    last = BEGUN + preview_state.LONGEST_DELETION
    preview_state.require_time_to_delete(WITH_PREVIEW, NEW, "is still Creating", began_at=BEGUN, now=last)
    with pytest.raises(PreviewNotDeleted, match=rf", 2 hours after .*delete-endpoint --endpoint-name {NEW.endpoint}"):
        preview_state.require_time_to_delete(
            WITH_PREVIEW, NEW, "is still Creating", began_at=BEGUN, now=last + timedelta(seconds=1)
        )


def test_only_a_promotion_that_has_not_deleted_its_preview_may_leave_one() -> None:
    assert preview_state.may_remain(WITH_PREVIEW)
    assert preview_state.may_remain(replace(WITH_PREVIEW, preview=NEW))
    assert not preview_state.may_remain(replace(WITH_PREVIEW, preview=replace(NEW, progress=DELETED)))
    assert not preview_state.may_remain(promotion())
    for request in (replace(WITH_PREVIEW.request, roll_back=True), replace(WITH_PREVIEW.request, dry_run=True)):
        assert not preview_state.may_remain(replace(WITH_PREVIEW, request=request))
