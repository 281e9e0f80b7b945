"""Deploying: create or update, adopt what is under way already, wait for another change, and be safe to repeat."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lambdas.handlers import deploy_endpoint, inspect_endpoint
from lambdas.promotion.contract.document import Change, Outcome, Progress, Promotion, SuspendedScaling, VariantCapacity
from lambdas.promotion.contract.errors import (
    BlockedByFailedEndpoint,
    CallRefused,
    DeploymentTimedOut,
    EndpointBusy,
    EndpointFailed,
    PromotionError,
    Throttled,
)
from lambdas.promotion.contract.smoke_test_settings import Payload, SmokeTest
from recordings import store
from tests.adapters.conftest import Stubs
from tests.unit.builders import BEGUN, OLD_CONFIG, promotion

YESTERDAY, LATER = BEGUN - timedelta(days=1), BEGUN + timedelta(minutes=5)
FAR = datetime.fromisoformat("2999-01-01T00:00:00+00:00")
COMPARED = replace(promotion(), deadline=FAR).with_change(
    Change(progress=Progress.CHANGE_REQUIRED, previous_config=OLD_CONFIG, previous_modified_at=YESTERDAY)
)
DESIRED = COMPARED.desired_config.name
UPDATED = {"EndpointName": "reviews-qa", "EndpointConfigName": DESIRED, "RetainAllVariantProperties": True}
ARN = "arn:aws:sagemaker:us-east-1:333333333333:endpoint/reviews-qa"


def endpoint_is(aws: Stubs, status: str, *, config: str = OLD_CONFIG, **more: Any) -> None:
    aws.allow_assume_role()
    answer = {
        "EndpointName": "reviews-qa",
        "EndpointArn": ARN,
        "EndpointStatus": status,
        "EndpointConfigName": config,
        "CreationTime": YESTERDAY,
        "LastModifiedTime": YESTERDAY,
        **more,
    }
    aws.sagemaker.add_response("describe_endpoint", answer, {"EndpointName": "reviews-qa"})


def no_endpoint(aws: Stubs) -> None:
    aws.allow_assume_role()
    aws.sagemaker.add_client_error("describe_endpoint", "ValidationException", 'Could not find endpoint "arn".')


def deploy(given: Promotion = COMPARED, *, retry_count: int = 0) -> Change:
    event = json.loads(json.dumps({"promotion": given.to_json(), "retry_count": retry_count}))
    change = Promotion.from_json(deploy_endpoint.handler(event, None)).change
    assert change is not None
    return change


def cannot_be_described(aws: Stubs) -> None:
    aws.allow_assume_role()
    aws.sagemaker.add_client_error("describe_endpoint", "ThrottlingException", "Rate exceeded", 400)


def inspect(given: Promotion) -> Promotion:
    event = json.loads(json.dumps({"promotion": given.to_json(), "retry_count": 0}))
    return Promotion.from_json(inspect_endpoint.handler(event, None))


def test_an_endpoint_that_is_missing_is_created_with_the_tags(aws: Stubs) -> None:
    no_endpoint(aws)
    tags = [{"Key": key, "Value": value} for key, value in COMPARED.tags.items()]
    sent = {"EndpointName": "reviews-qa", "EndpointConfigName": DESIRED, "Tags": tags}
    aws.sagemaker.add_response("create_endpoint", {"EndpointArn": ARN}, sent)
    assert deploy().progress is Progress.IN_PROGRESS


@pytest.mark.parametrize("status", ["InService", "OutOfService", "UpdateRollbackFailed"])
def test_an_endpoint_that_may_be_updated_is_updated(aws: Stubs, status: str) -> None:
    endpoint_is(aws, status)
    aws.sagemaker.add_response("update_endpoint", {"EndpointArn": ARN}, UPDATED)
    assert deploy() == Change(
        progress=Progress.IN_PROGRESS, previous_config=OLD_CONFIG, previous_modified_at=YESTERDAY, requested=True
    )


@pytest.mark.parametrize("status", ["OutOfService", "UpdateRollbackFailed"])
def test_an_endpoint_that_its_own_configuration_cannot_repair_is_reported_with_what_to_do(
    aws: Stubs, status: str
) -> None:
    endpoint_is(aws, status, config=DESIRED)
    in_use = store.error("sagemaker/UpdateEndpoint/same-configuration").response["Error"]
    aws.sagemaker.add_client_error("update_endpoint", in_use["Code"], in_use["Message"], 400)
    with pytest.raises(EndpointFailed, match="or delete the endpoint, then promote again"):
        deploy()


@pytest.mark.parametrize("status", ["Updating", "SystemUpdating", "RollingBack", "Deleting", "Creating"])
def test_another_principals_change_is_left_alone(aws: Stubs, status: str) -> None:
    endpoint_is(aws, status)
    assert deploy().progress is Progress.BUSY


def test_another_principals_change_that_exceeds_the_deadline_ends_the_promotion(aws: Stubs) -> None:
    endpoint_is(aws, "Updating")
    with pytest.raises(EndpointBusy):
        deploy(replace(COMPARED, deadline=BEGUN - timedelta(days=365)))


def test_a_failed_endpoint_is_refused(aws: Stubs) -> None:
    endpoint_is(aws, "Failed", FailureReason="no capacity")
    with pytest.raises(BlockedByFailedEndpoint, match="no capacity"):
        deploy()


@pytest.mark.parametrize("observed", ["missing", "in service"])
def test_the_second_of_two_concurrent_changes_waits(aws: Stubs, observed: str) -> None:
    if observed == "missing":
        no_endpoint(aws)
        message = 'Cannot create already existing endpoint "arn"'
        aws.sagemaker.add_client_error("create_endpoint", "ValidationException", message)
    else:
        endpoint_is(aws, "InService")
        message = 'Cannot update in-progress endpoint "arn"'
        aws.sagemaker.add_client_error("update_endpoint", "ValidationException", message)
    assert deploy().progress is Progress.BUSY


def test_a_change_to_our_configuration_by_another_principal_is_adopted(aws: Stubs) -> None:
    endpoint_is(aws, "Updating", PendingDeploymentSummary={"EndpointConfigName": DESIRED})
    change = deploy()
    assert (change.progress, change.adopted) == (Progress.IN_PROGRESS, True)


def test_a_change_started_by_an_earlier_invocation_is_ours(aws: Stubs) -> None:
    endpoint_is(aws, "Updating", PendingDeploymentSummary={"EndpointConfigName": DESIRED})
    change = deploy(retry_count=1)
    assert (change.progress, change.adopted) == (Progress.IN_PROGRESS, False)


@pytest.mark.parametrize("status", ["Updating", "InService"])
def test_what_served_before_is_still_known_when_the_step_is_run_again(aws: Stubs, status: str) -> None:
    """The earlier try was killed after its call; the endpoint shows our configuration already."""
    endpoint_is(aws, status, config=DESIRED, LastModifiedTime=LATER)
    change = deploy(retry_count=1)
    assert (change.previous_config, change.previous_modified_at) == (OLD_CONFIG, YESTERDAY)


def test_a_retry_that_finds_the_change_done_is_promoted(aws: Stubs) -> None:
    endpoint_is(aws, "InService", config=DESIRED, LastModifiedTime=LATER)
    deployed = COMPARED.with_change(deploy(retry_count=1))
    endpoint_is(aws, "InService", config=DESIRED, LastModifiedTime=LATER)
    result = inspect(deployed).result
    assert result is not None
    assert (result.outcome, (result.previous_endpoint_config or "").endswith(OLD_CONFIG)) == (Outcome.PROMOTED, True)


def test_a_change_started_by_an_earlier_invocation_is_ours_also_after_a_wait(aws: Stubs) -> None:
    """The first retry got a stale answer, got "in progress" and waited for what was its own change."""
    endpoint_is(aws, "InService")
    message = 'Cannot update in-progress endpoint "arn"'
    aws.sagemaker.add_client_error("update_endpoint", "ValidationException", message)
    waited = COMPARED.with_change(deploy(retry_count=1))
    endpoint_is(aws, "Updating", PendingDeploymentSummary={"EndpointConfigName": DESIRED})
    assert deploy(waited, retry_count=0).adopted is False


# Inspecting


@pytest.mark.parametrize(("adopted", "outcome"), [(False, Outcome.PROMOTED), (True, Outcome.UNCHANGED)])
def test_a_promotion_that_only_polled_has_changed_nothing(aws: Stubs, adopted: bool, outcome: Outcome) -> None:
    endpoint_is(aws, "InService", config=DESIRED)
    change = Change(progress=Progress.IN_PROGRESS, previous_config=OLD_CONFIG, adopted=adopted)
    result = inspect(COMPARED.with_change(change)).result
    assert result is not None
    assert result.outcome is outcome


def test_an_endpoint_that_is_under_way_has_no_result(aws: Stubs) -> None:
    endpoint_is(aws, "Updating")
    inspected = inspect(COMPARED.with_change(Change(progress=Progress.IN_PROGRESS, previous_config=OLD_CONFIG)))
    assert inspected.result is None


@pytest.mark.parametrize(
    ("status", "name"),
    [
        ("Failed", "EndpointFailed"),
        ("UpdateRollbackFailed", "RollbackFailed"),
        ("Deleting", "DeploymentSuperseded"),
        ("InService", "DeploymentRolledBack"),
    ],
)
def test_a_failed_change_is_reported_with_sagemakers_reason_or_what_to_do(aws: Stubs, status: str, name: str) -> None:
    endpoint_is(aws, status, LastModifiedTime=LATER, FailureReason="alarm 5xx")
    given = COMPARED.with_change(Change(progress=Progress.IN_PROGRESS, previous_config=OLD_CONFIG))
    with pytest.raises(PromotionError, match=r"alarm 5xx|Promote again") as raised:
        inspect(given)
    assert type(raised.value).__name__ == name


def test_an_endpoint_that_cannot_be_described_is_polled_until_the_deadline_and_no_longer(aws: Stubs) -> None:
    for _ in range(2):
        cannot_be_described(aws)
    changing = COMPARED.with_change(Change(progress=Progress.IN_PROGRESS, requested=True))
    with pytest.raises(Throttled):
        inspect(changing)
    with pytest.raises(DeploymentTimedOut, match=r"could not be described at the deadline.*Rate exceeded"):
        inspect(replace(changing, deadline=BEGUN - timedelta(days=365)))


def test_a_smoke_test_that_cannot_be_run_is_tried_again_until_the_deadline(aws: Stubs) -> None:
    stage = replace(COMPARED.stage, smoke_tests=(SmokeTest(payload=Payload(text="x"), content_type="text/csv"),))
    tested = replace(COMPARED, stage=stage).with_change(Change(progress=Progress.IN_PROGRESS, requested=True))
    late = replace(tested, deadline=BEGUN - timedelta(days=365))
    for _ in range(3):
        endpoint_is(aws, "InService", config=DESIRED, LastModifiedTime=LATER)
    first = inspect(late)
    assert first.change and first.change.progress is Progress.IN_SERVICE  # it is tested once, whatever the time
    with pytest.raises(DeploymentTimedOut, match="its smoke test could not be run before the deadline"):
        inspect(first)
    assert inspect(replace(first, deadline=FAR)).change == replace(first.change, poll_count=2)


def test_what_serves_before_the_change_is_kept_with_its_capacity(aws: Stubs) -> None:
    variant = {"VariantName": "All", "DesiredInstanceCount": 3, "CurrentInstanceCount": 3, "DesiredWeight": 1.0}
    endpoint_is(aws, "InService", ProductionVariants=[variant])
    aws.sagemaker.add_response("update_endpoint", {"EndpointArn": ARN}, UPDATED)
    capacity = VariantCapacity(variant="All", instances=3, weight=1.0)
    change = deploy()
    assert change.previous_capacities == (capacity,)
    # A retry that observes its own effect keeps what there was before it.
    endpoint_is(aws, "Updating", config=DESIRED, ProductionVariants=[{**variant, "DesiredInstanceCount": 1}])
    assert deploy(COMPARED.with_change(change), retry_count=1).previous_capacities == (capacity,)


@pytest.mark.parametrize("complete", [True, False])
def test_scaling_that_blocks_although_all_is_suspended_is_not_suspended_again(aws: Stubs, complete: bool) -> None:
    endpoint_is(aws, "InService")
    message = "The variant is a scalable target"
    aws.sagemaker.add_client_error("update_endpoint", "ValidationException", message, 400)
    given = replace(COMPARED, suspended_scaling=SuspendedScaling(targets=1, list_key="k", complete=complete))
    if complete:
        with pytest.raises(CallRefused, match=message):
            deploy(given)
    else:
        assert deploy(given).progress is Progress.BLOCKED_BY_SCALING
