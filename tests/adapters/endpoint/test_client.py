"""The target's endpoint and its configuration."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from lambdas.promotion.contract.document import Progress, RollbackProgress, VariantCapacity
from lambdas.promotion.contract.errors import (
    AccessDenied,
    CallRefused,
    EndpointFailed,
    NameTaken,
    NotYetVisible,
    PromotionError,
    QuotaExceeded,
    Throttled,
)
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint.state import ObservedEndpoint
from recordings import store
from tests.adapters.conftest import Stubs
from tests.unit.builders import BEGUN, OLD_CONFIG, STAGE, promotion

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

DESIRED = promotion().desired_config
TAGS = [{"Key": "team", "Value": "nlp"}]
DESCRIPTION: dict[str, Any] = {
    "EndpointName": "reviews-qa",
    "EndpointArn": "arn:aws:sagemaker:us-east-1:333333333333:endpoint/reviews-qa",
    "EndpointStatus": "InService",
    "EndpointConfigName": OLD_CONFIG,
    "CreationTime": BEGUN,
    "LastModifiedTime": BEGUN,
}
CONFIG_DESCRIPTION: dict[str, Any] = {
    **DESIRED.request,
    "EndpointConfigArn": "arn:aws:sagemaker:x:3:y/z",
    "CreationTime": BEGUN,
}

CONCURRENCY_1 = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}


def observe(sagemaker: SageMakerClient, stubs: Stubs, **response: Any) -> ObservedEndpoint:
    merged = {name: value for name, value in {**DESCRIPTION, **response}.items() if value is not None}
    stubs.sagemaker.add_response("describe_endpoint", merged, {"EndpointName": "reviews-qa"})
    endpoint = endpoint_client.observe("reviews-qa", sagemaker=sagemaker)
    assert endpoint is not None
    return endpoint


def variant(*, current: int | None, desired: int | None) -> dict[str, Any]:
    counts = {"CurrentInstanceCount": current, "DesiredInstanceCount": desired}
    return {"VariantName": "All", **{name: count for name, count in counts.items() if count is not None}}


# Observing


def test_an_endpoint_is_observed_as_described(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    assert observe(sagemaker, stubs, FailureReason="why") == ObservedEndpoint(
        status="InService", config=OLD_CONFIG, modified_at=BEGUN, failure_reason="why"
    )


def test_a_missing_endpoint_is_none(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    stubs.sagemaker.add_client_error("describe_endpoint", "ValidationException", 'Could not find endpoint "arn".')
    assert endpoint_client.observe("reviews-qa", sagemaker=sagemaker) is None


@pytest.mark.parametrize(
    ("code", "name"),
    [("AccessDeniedException", AccessDenied), ("ThrottlingException", Throttled), ("ValidationException", ClientError)],
)
def test_a_refusal_is_not_reported_as_missing(
    sagemaker: SageMakerClient, stubs: Stubs, code: str, name: type[Exception]
) -> None:
    stubs.sagemaker.add_client_error("describe_endpoint", code, "message", 400)
    with pytest.raises(name):
        endpoint_client.observe("reviews-qa", sagemaker=sagemaker)


def test_a_change_in_progress_is_observed(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    endpoint = observe(
        sagemaker, stubs, EndpointStatus="Updating", PendingDeploymentSummary={"EndpointConfigName": "new"}
    )
    assert (endpoint.config, endpoint.pending_config, endpoint.heading_for) == (OLD_CONFIG, "new", "new")


def test_a_first_creation_shows_its_configuration_as_pending_only(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    pending = {"EndpointConfigName": "new"}
    endpoint = observe(
        sagemaker, stubs, EndpointStatus="Creating", EndpointConfigName=None, PendingDeploymentSummary=pending
    )
    assert endpoint.config == "new"


def test_a_failed_creation_may_show_no_configuration(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    assert observe(sagemaker, stubs, EndpointStatus="Failed", EndpointConfigName=None).config == ""


def test_a_shadow_variant_must_have_its_instances_too(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    endpoint = observe(
        sagemaker,
        stubs,
        ProductionVariants=[variant(current=1, desired=1)],
        ShadowProductionVariants=[variant(current=0, desired=1)],
    )
    assert not endpoint.counts_settled


def test_the_current_deployment_is_observed_by_its_names_and_its_kind(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    serverless = {"VariantName": "A", "CurrentServerlessConfig": CONCURRENCY_1, "CurrentInstanceCount": 0}
    endpoint = observe(sagemaker, stubs, ProductionVariants=[serverless])
    assert (endpoint.variants, endpoint.serverless, endpoint.counts_settled) == (("A",), True, True)


@pytest.mark.parametrize(
    ("fields", "settled"),
    [
        ({}, True),
        ({"CurrentInstanceCount": 0}, True),
        ({"CurrentInstanceCount": 0, "DesiredInstanceCount": 1}, True),
        ({"DesiredServerlessConfig": CONCURRENCY_1}, True),
        ({"DesiredServerlessConfig": {**CONCURRENCY_1, "MaxConcurrency": 2}}, False),
        ({"DesiredServerlessConfig": {**CONCURRENCY_1, "ProvisionedConcurrency": 1}}, False),
    ],
)
def test_a_serverless_variant_is_settled_by_its_concurrency_whatever_its_counts(
    sagemaker: SageMakerClient, stubs: Stubs, fields: dict[str, Any], settled: bool
) -> None:
    serverless = {"VariantName": "A", "CurrentServerlessConfig": CONCURRENCY_1, **fields}
    assert observe(sagemaker, stubs, ProductionVariants=[serverless]).counts_settled is settled


@pytest.mark.parametrize(
    ("variants", "settled"),
    [
        ([variant(current=2, desired=2)], True),
        ([variant(current=1, desired=2)], False),
        ([variant(current=2, desired=2), variant(current=0, desired=1)], False),
        ([variant(current=None, desired=1)], False),
        ([variant(current=None, desired=None)], True),
        ([variant(current=1, desired=None)], True),
    ],
    ids=["all", "fewer", "one-of-two", "not-reported", "neither", "no-desired-count"],
)
def test_counts_are_settled_when_every_variant_has_its_desired_count(
    sagemaker: SageMakerClient, stubs: Stubs, variants: list[dict[str, Any]], settled: bool
) -> None:
    assert observe(sagemaker, stubs, ProductionVariants=variants).counts_settled is settled


# The configuration


def test_the_configuration_is_created_as_desired_with_its_tags(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    response = {"EndpointConfigArn": CONFIG_DESCRIPTION["EndpointConfigArn"]}
    stubs.sagemaker.add_response("create_endpoint_config", response, {**DESIRED.request, "Tags": TAGS})
    endpoint_client.ensure_config(DESIRED, {"team": "nlp"}, sagemaker=sagemaker)


@pytest.mark.parametrize(("model", "name"), [(None, None), ("other", NameTaken)])
def test_an_existing_configuration_is_ours_only_if_it_is_identical(
    sagemaker: SageMakerClient, stubs: Stubs, model: str | None, name: type[Exception] | None
) -> None:
    (desired,) = DESIRED.request["ProductionVariants"]
    variants = [{**desired, "InitialVariantWeight": 1.0, **({"ModelName": model} if model else {})}]
    stubs.sagemaker.add_client_error(
        "create_endpoint_config", "ValidationException", 'Cannot create already existing endpoint configuration "arn"'
    )
    stubs.sagemaker.add_response(
        "describe_endpoint_config",
        {**CONFIG_DESCRIPTION, "ProductionVariants": variants},
        {"EndpointConfigName": DESIRED.name},
    )
    if name is None:
        endpoint_client.ensure_config(DESIRED, {}, sagemaker=sagemaker)
        return
    with pytest.raises(name, match="ProductionVariants"):
        endpoint_client.ensure_config(DESIRED, {}, sagemaker=sagemaker)


# The endpoint


def test_the_endpoint_is_created_on_our_configuration(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    sent = {"EndpointName": "reviews-qa", "EndpointConfigName": "new", "Tags": TAGS}
    stubs.sagemaker.add_response("create_endpoint", {"EndpointArn": DESCRIPTION["EndpointArn"]}, sent)
    assert endpoint_client.create("reviews-qa", "new", {"team": "nlp"}, sagemaker=sagemaker) is Progress.IN_PROGRESS


def test_an_endpoint_that_was_created_concurrently_is_not_ours(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    stubs.sagemaker.add_client_error(
        "create_endpoint", "ValidationException", 'Cannot create already existing endpoint "arn"'
    )
    assert endpoint_client.create("reviews-qa", "new", {}, sagemaker=sagemaker) is Progress.BUSY


def test_an_update_keeps_the_counts_that_autoscaling_reached(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    sent = {"EndpointName": "reviews-qa", "EndpointConfigName": "new", "RetainAllVariantProperties": True}
    stubs.sagemaker.add_response("update_endpoint", {"EndpointArn": DESCRIPTION["EndpointArn"]}, sent)
    assert endpoint_client.update(STAGE, "new", sagemaker=sagemaker) is Progress.IN_PROGRESS


def test_an_update_resets_what_the_stage_does_not_retain(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    stage = replace(STAGE, exclude_retained=("DesiredInstanceCount",))
    sent = {
        "EndpointName": "reviews-qa",
        "EndpointConfigName": "new",
        "RetainAllVariantProperties": True,
        "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}],
    }
    stubs.sagemaker.add_response("update_endpoint", {"EndpointArn": DESCRIPTION["EndpointArn"]}, sent)
    assert endpoint_client.update(stage, "new", sagemaker=sagemaker) is Progress.IN_PROGRESS


def test_an_update_uses_the_rollout_of_the_stage_and_a_creation_does_not(
    sagemaker: SageMakerClient, stubs: Stubs
) -> None:
    policy = {
        "RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 60}
    }
    stage = replace(STAGE, retain_variant_properties=False, deployment_config=policy)
    names = {"EndpointName": "reviews-qa", "EndpointConfigName": "new"}
    response = {"EndpointArn": DESCRIPTION["EndpointArn"]}
    stubs.sagemaker.add_response("create_endpoint", response, {**names, "Tags": TAGS})
    sent = {**names, "RetainAllVariantProperties": False, "DeploymentConfig": policy}
    stubs.sagemaker.add_response("update_endpoint", response, sent)
    assert endpoint_client.create(stage.endpoint, "new", {"team": "nlp"}, sagemaker=sagemaker) is Progress.IN_PROGRESS
    assert endpoint_client.update(stage, "new", sagemaker=sagemaker) is Progress.IN_PROGRESS


def test_an_endpoint_with_a_concurrent_change_is_left_alone(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    stubs.sagemaker.add_client_error("update_endpoint", "ValidationException", 'Cannot update in-progress endpoint "a"')
    assert endpoint_client.update(STAGE, "new", sagemaker=sagemaker) is Progress.BUSY


@pytest.mark.parametrize("call", ["update", "roll_back"])
def test_an_endpoint_that_cannot_be_updated_to_its_own_configuration_is_reported_with_what_to_do(
    sagemaker: SageMakerClient, stubs: Stubs, call: str
) -> None:
    in_use = store.error("sagemaker/UpdateEndpoint/same-configuration").response["Error"]

    def change(live_config: str) -> object:
        stubs.sagemaker.add_client_error("update_endpoint", in_use["Code"], in_use["Message"], 400)
        if call == "update":
            return endpoint_client.update(STAGE, "new", sagemaker=sagemaker, live_config=live_config)
        return endpoint_client.roll_back("reviews-qa", "new", sagemaker=sagemaker, live_config=live_config)

    with pytest.raises(EndpointFailed, match="same content and another name, update the endpoint to that one"):
        change("new")
    # Another principal has brought the endpoint there since it was observed.
    assert change("old") in {Progress.BUSY, RollbackProgress.BUSY}


def test_scaling_that_blocks_an_update_or_a_rollback_is_reported(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    message = 'The variant(s) "[All]" must be deregistered as scalable targets with AWS Auto Scaling before they can'
    for _ in range(2):
        stubs.sagemaker.add_client_error("update_endpoint", "ValidationException", message)
    assert endpoint_client.update(STAGE, "new", sagemaker=sagemaker) is Progress.BLOCKED_BY_SCALING
    assert endpoint_client.roll_back("reviews-qa", "old", sagemaker=sagemaker) is RollbackProgress.BLOCKED_BY_SCALING


@pytest.mark.parametrize(
    ("code", "message", "name"),
    [
        ("ResourceLimitExceeded", "limit for ml.m5.large is 0", QuotaExceeded),
        ("ValidationException", "Could not find endpoint configuration", NotYetVisible),
        ("ValidationException", "Could not find model", NotYetVisible),
        ("ValidationException", "The instance type is not offered in this Region", CallRefused),
        ("AccessDeniedException", "no policy allows it", AccessDenied),
        ("ThrottlingException", "Rate exceeded", Throttled),
    ],
)
@pytest.mark.parametrize("call", ["create_endpoint", "update_endpoint", "create_endpoint_config"])
def test_a_refused_change_has_a_name_and_quotes_sagemaker(
    sagemaker: SageMakerClient, stubs: Stubs, call: str, code: str, message: str, name: type[PromotionError]
) -> None:
    stubs.sagemaker.add_client_error(call, code, message, 400)
    with pytest.raises(name, match=message):
        if call == "create_endpoint":
            endpoint_client.create("reviews-qa", "new", {}, sagemaker=sagemaker)
        elif call == "update_endpoint":
            endpoint_client.update(STAGE, "new", sagemaker=sagemaker)
        else:
            endpoint_client.ensure_config(DESIRED, {}, sagemaker=sagemaker)


def test_a_deletion_that_requires_deregistration_is_reported_as_blocked_by_scaling(
    sagemaker: SageMakerClient, stubs: Stubs
) -> None:
    message = "An Application AutoScaling scalable target exists for a variant being deleted, and the IAM identity …"
    stubs.sagemaker.add_client_error("delete_endpoint", "AccessDeniedException", message, 400)
    stubs.sagemaker.add_client_error("delete_endpoint", "AccessDeniedException", "Not you.", 400)
    assert endpoint_client.delete("reviews-qa", sagemaker=sagemaker) is RollbackProgress.BLOCKED_BY_SCALING
    with pytest.raises(AccessDenied, match=r"Not you\."):
        endpoint_client.delete("reviews-qa", sagemaker=sagemaker)


@pytest.mark.parametrize("code", ["ValidationException", "AccessDeniedException", "ResourceInUse"])
def test_a_scalable_target_blocks_a_deletion_whatever_the_code(
    sagemaker: SageMakerClient, stubs: Stubs, code: str
) -> None:
    message = "An Application AutoScaling scalable target exists for a variant being deleted"
    stubs.sagemaker.add_client_error("delete_endpoint", code, message, 400)
    assert endpoint_client.delete("reviews-qa", sagemaker=sagemaker) is RollbackProgress.BLOCKED_BY_SCALING


@pytest.mark.parametrize("call", ["update", "roll_back", "delete"])
def test_scaling_that_blocks_although_all_is_suspended_is_refused_with_sagemakers_message(
    sagemaker: SageMakerClient, stubs: Stubs, call: str
) -> None:
    message = "The variant is registered with AWS Auto Scaling in a way that nobody knows"
    operation = "delete_endpoint" if call == "delete" else "update_endpoint"
    stubs.sagemaker.add_client_error(operation, "ValidationException", message, 400)
    with pytest.raises(CallRefused, match=message):
        if call == "update":
            endpoint_client.update(STAGE, "new", sagemaker=sagemaker, scaling_suspended=True)
        elif call == "roll_back":
            endpoint_client.roll_back("reviews-qa", "old", sagemaker=sagemaker, scaling_suspended=True)
        else:
            endpoint_client.delete("reviews-qa", sagemaker=sagemaker, scaling_suspended=True)


def test_a_missing_live_configuration_is_told_from_one_that_is_not_visible_yet(
    sagemaker: SageMakerClient, stubs: Stubs
) -> None:
    for name in ("Old", "new"):
        message = f'Could not find endpoint configuration "arn:aws:sagemaker:x:3:endpoint-config/{name.lower()}".'
        stubs.sagemaker.add_client_error("update_endpoint", "ValidationException", message, 400)
    with pytest.raises(CallRefused, match="Create Old again with the same content"):
        endpoint_client.update(STAGE, "new", sagemaker=sagemaker, live_config="Old")
    with pytest.raises(NotYetVisible):
        endpoint_client.update(STAGE, "new", sagemaker=sagemaker, live_config="Old")


def test_a_rollback_takes_from_the_configuration_what_is_not_retained(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    sent = {"EndpointName": "reviews-qa", "EndpointConfigName": "old", "RetainAllVariantProperties": True}
    response = {"EndpointArn": DESCRIPTION["EndpointArn"]}
    excluded = {"ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DataCaptureConfig"}]}
    stubs.sagemaker.add_response("update_endpoint", response, {**sent, **excluded})
    progress = endpoint_client.roll_back("reviews-qa", "old", not_retained=["DataCaptureConfig"], sagemaker=sagemaker)
    assert progress is RollbackProgress.IN_PROGRESS


@pytest.mark.parametrize(
    ("capacity", "desired"),
    [
        (VariantCapacity(variant="A", instances=10, weight=0.5), {"DesiredInstanceCount": 10, "DesiredWeight": 0.5}),
        (VariantCapacity(variant="A", instances=10), {"DesiredInstanceCount": 10}),
        (VariantCapacity(variant="A", weight=0.0), {"DesiredWeight": 0.0}),
    ],
)
def test_the_capacity_of_a_variant_is_restored(
    sagemaker: SageMakerClient, stubs: Stubs, capacity: VariantCapacity, desired: dict[str, Any]
) -> None:
    sent = {"EndpointName": "reviews-qa", "DesiredWeightsAndCapacities": [{"VariantName": "A", **desired}]}
    response = {"EndpointArn": DESCRIPTION["EndpointArn"]}
    stubs.sagemaker.add_response("update_endpoint_weights_and_capacities", response, sent)
    in_progress = 'Cannot update in-progress endpoint "a"'
    stubs.sagemaker.add_client_error("update_endpoint_weights_and_capacities", "ValidationException", in_progress, 400)
    for progress in (RollbackProgress.IN_PROGRESS, RollbackProgress.BUSY):
        assert endpoint_client.restore_capacity("reviews-qa", capacity, sagemaker=sagemaker) is progress
