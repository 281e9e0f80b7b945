"""Deploying: create or update, join what is under way already, wait for somebody else, and be safe to repeat."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lambdas.handlers import deploy_endpoint, inspect_endpoint
from lambdas.promotion.contract.document import Change, Outcome, Progress, Promotion
from lambdas.promotion.contract.errors import EndpointBusy, FailedEndpointInTheWay, PromotionError
from tests.adapters.conftest import Stubs
from tests.unit.builders import BEGUN, OLD_CONFIG, promotion

YESTERDAY, LATER = BEGUN - timedelta(days=1), BEGUN + timedelta(minutes=5)
FAR = datetime.fromisoformat("2999-01-01T00:00:00+00:00")
COMPARED = replace(promotion(), deadline=FAR).with_change(
    Change(progress=Progress.CHANGE_WANTED, previous_config=OLD_CONFIG, previous_modified_at=YESTERDAY)
)
WANTED = COMPARED.wanted_config.name
UPDATED = {"EndpointName": "reviews-qa", "EndpointConfigName": WANTED, "RetainAllVariantProperties": True}
ARN = "arn:aws:sagemaker:us-east-1:333333333333:endpoint/reviews-qa"


def endpoint_is(aws: Stubs, status: str, *, config: str = OLD_CONFIG, **more: Any) -> None:
    aws.let_in()
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
    aws.let_in()
    aws.sagemaker.add_client_error("describe_endpoint", "ValidationException", 'Could not find endpoint "arn".')


def deploy(given: Promotion = COMPARED, *, attempt: int = 0) -> Change:
    event = json.loads(json.dumps({"promotion": given.to_json(), "attempt": attempt}))
    change = Promotion.from_json(deploy_endpoint.handler(event, None)).change
    assert change is not None
    return change


def inspect(given: Promotion) -> Promotion:
    event = json.loads(json.dumps({"promotion": given.to_json(), "attempt": 0}))
    return Promotion.from_json(inspect_endpoint.handler(event, None))


def test_an_endpoint_that_is_missing_is_created_with_the_tags(aws: Stubs) -> None:
    no_endpoint(aws)
    tags = [{"Key": key, "Value": value} for key, value in COMPARED.tags.items()]
    sent = {"EndpointName": "reviews-qa", "EndpointConfigName": WANTED, "Tags": tags}
    aws.sagemaker.add_response("create_endpoint", {"EndpointArn": ARN}, sent)
    assert deploy().progress is Progress.UNDER_WAY


@pytest.mark.parametrize("status", ["InService", "OutOfService", "UpdateRollbackFailed"])
def test_an_endpoint_that_may_be_updated_is_updated(aws: Stubs, status: str) -> None:
    endpoint_is(aws, status)
    aws.sagemaker.add_response("update_endpoint", {"EndpointArn": ARN}, UPDATED)
    assert deploy() == Change(
        progress=Progress.UNDER_WAY, previous_config=OLD_CONFIG, previous_modified_at=YESTERDAY, tried=True
    )


@pytest.mark.parametrize("status", ["Updating", "SystemUpdating", "RollingBack", "Deleting", "Creating"])
def test_somebody_elses_change_is_left_alone(aws: Stubs, status: str) -> None:
    endpoint_is(aws, status)
    assert deploy().progress is Progress.BUSY


def test_somebody_elses_change_that_outlasts_the_deadline_ends_the_promotion(aws: Stubs) -> None:
    endpoint_is(aws, "Updating")
    with pytest.raises(EndpointBusy):
        deploy(replace(COMPARED, deadline=BEGUN - timedelta(days=365)))


def test_a_failed_endpoint_is_refused(aws: Stubs) -> None:
    endpoint_is(aws, "Failed", FailureReason="no capacity")
    with pytest.raises(FailedEndpointInTheWay, match="no capacity"):
        deploy()


@pytest.mark.parametrize("seen", ["missing", "in service"])
def test_who_comes_second_in_one_moment_waits(aws: Stubs, seen: str) -> None:
    if seen == "missing":
        no_endpoint(aws)
        said = 'Cannot create already existing endpoint "arn"'
        aws.sagemaker.add_client_error("create_endpoint", "ValidationException", said)
    else:
        endpoint_is(aws, "InService")
        said = 'Cannot update in-progress endpoint "arn"'
        aws.sagemaker.add_client_error("update_endpoint", "ValidationException", said)
    assert deploy().progress is Progress.BUSY


def test_a_change_to_our_configuration_by_somebody_else_is_joined(aws: Stubs) -> None:
    endpoint_is(aws, "Updating", PendingDeploymentSummary={"EndpointConfigName": WANTED})
    change = deploy()
    assert (change.progress, change.joined) == (Progress.UNDER_WAY, True)


def test_a_change_that_an_earlier_try_began_is_ours(aws: Stubs) -> None:
    endpoint_is(aws, "Updating", PendingDeploymentSummary={"EndpointConfigName": WANTED})
    change = deploy(attempt=1)
    assert (change.progress, change.joined) == (Progress.UNDER_WAY, False)


@pytest.mark.parametrize("status", ["Updating", "InService"])
def test_what_served_before_is_still_known_when_the_step_is_run_again(aws: Stubs, status: str) -> None:
    """The earlier try was killed after its call; the endpoint shows our configuration already."""
    endpoint_is(aws, status, config=WANTED, LastModifiedTime=LATER)
    change = deploy(attempt=1)
    assert (change.previous_config, change.previous_modified_at) == (OLD_CONFIG, YESTERDAY)


def test_a_try_that_finds_the_work_of_an_earlier_one_done_is_promoted(aws: Stubs) -> None:
    endpoint_is(aws, "InService", config=WANTED, LastModifiedTime=LATER)
    found = COMPARED.with_change(deploy(attempt=1))
    endpoint_is(aws, "InService", config=WANTED, LastModifiedTime=LATER)
    result = inspect(found).result
    assert result is not None
    assert (result.outcome, (result.previous_endpoint_config or "").endswith(OLD_CONFIG)) == (Outcome.PROMOTED, True)


def test_a_change_that_an_earlier_try_began_is_ours_also_after_a_wait(aws: Stubs) -> None:
    """The second try got a stale answer, was told "in progress" and waited for what was its own change."""
    endpoint_is(aws, "InService")
    said = 'Cannot update in-progress endpoint "arn"'
    aws.sagemaker.add_client_error("update_endpoint", "ValidationException", said)
    waited = COMPARED.with_change(deploy(attempt=1))
    endpoint_is(aws, "Updating", PendingDeploymentSummary={"EndpointConfigName": WANTED})
    assert deploy(waited, attempt=0).joined is False


# Inspecting


@pytest.mark.parametrize(("joined", "outcome"), [(False, Outcome.PROMOTED), (True, Outcome.UNCHANGED)])
def test_who_only_watched_has_changed_nothing(aws: Stubs, joined: bool, outcome: Outcome) -> None:
    endpoint_is(aws, "InService", config=WANTED)
    change = Change(progress=Progress.UNDER_WAY, previous_config=OLD_CONFIG, joined=joined)
    result = inspect(COMPARED.with_change(change)).result
    assert result is not None
    assert result.outcome is outcome


def test_an_endpoint_that_is_under_way_has_no_result(aws: Stubs) -> None:
    endpoint_is(aws, "Updating")
    inspected = inspect(COMPARED.with_change(Change(progress=Progress.UNDER_WAY, previous_config=OLD_CONFIG)))
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
def test_a_bad_end_is_told_with_sagemakers_reason_or_what_to_do(aws: Stubs, status: str, name: str) -> None:
    endpoint_is(aws, status, LastModifiedTime=LATER, FailureReason="alarm 5xx")
    given = COMPARED.with_change(Change(progress=Progress.UNDER_WAY, previous_config=OLD_CONFIG))
    with pytest.raises(PromotionError, match=r"alarm 5xx|Promote again") as raised:
        inspect(given)
    assert type(raised.value).__name__ == name
