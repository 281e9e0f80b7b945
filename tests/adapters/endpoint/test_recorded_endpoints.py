"""The rules of an endpoint, walked with each answer of DescribeEndpoint that is recorded."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from lambdas.promotion.contract.document import Change, DesiredResource, Progress, Promotion
from lambdas.promotion.contract.errors import (
    DeploymentRolledBack,
    DeploymentSuperseded,
    EndpointFailed,
    NoCapacity,
    PromotionError,
)
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint import state as endpoint_state
from lambdas.promotion.endpoint.state import ObservedEndpoint
from lambdas.promotion.preview import state as preview_state
from lambdas.promotion.rollback import state as rollback_state
from lambdas.promotion.rollback.state import Action
from recordings import store
from tests.unit.builders import BEGUN, OLD_CONFIG, promotion

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import DescribeEndpointOutputTypeDef

DESCRIBE = "sagemaker/DescribeEndpoint"
ANSWERS = [
    entry
    for entry in store.of_operation("sagemaker/DescribeEndpoint")
    if entry.response and "EndpointStatus" in entry.response
]
ROLLED_BACK = ("rolled-back-with-failure-reason", "rolled-back-without-failure-reason")
IN_SERVICE = [
    entry.name for entry in ANSWERS if entry.response["EndpointStatus"] == "InService" and entry.name not in ROLLED_BACK
]
FAILED = [entry.name for entry in ANSWERS if entry.response["EndpointStatus"] == "Failed"]
LATER = BEGUN + timedelta(minutes=20)


def observed(name: str, **changes: Any) -> ObservedEndpoint:
    """The endpoint of a recorded answer; what a partial one lacks is completed."""
    recorded = store.response(f"{DESCRIBE}/{name}", **changes)
    answer = {"EndpointConfigName": OLD_CONFIG, "LastModifiedTime": LATER} | recorded
    return endpoint_client.observed_in(cast("DescribeEndpointOutputTypeDef", answer))


def changing(desired: str, previous: str | None) -> Promotion:
    """A promotion that has requested an update of the endpoint, before any recorded time."""
    change = Change(
        progress=Progress.IN_PROGRESS,
        previous_config=previous,
        previous_modified_at=BEGUN - timedelta(days=36_500) if previous else None,
        requested=True,
    )
    return replace(
        promotion(change=change), desired_config=DesiredResource(name=desired, request={"ProductionVariants": []})
    )


@pytest.mark.parametrize("name", IN_SERVICE)
def test_every_kind_of_endpoint_in_service_ends_its_promotion(name: str) -> None:
    endpoint = observed(name)
    done = endpoint_state.after_change(changing(endpoint.config, "another"), endpoint, now=BEGUN)
    assert done is Progress.IN_SERVICE
    preview = preview_state.begin(changing(endpoint.config, None))
    progress = preview_state.next_action(changing(endpoint.config, None), preview, endpoint, now=BEGUN)[1]
    assert progress.value == "InService"


@pytest.mark.parametrize("name", IN_SERVICE)
def test_every_kind_of_endpoint_in_service_ends_its_rollback(name: str) -> None:
    endpoint = observed(name)
    failed = changing("failed", endpoint.config)
    rollback = rollback_state.begin(failed, now=BEGUN)
    action, progress = rollback_state.next_action(failed, rollback, endpoint, again=False, error_name="EndpointFailed")
    assert (action, progress.value) == (Action.NOTHING, "Done")


@pytest.mark.parametrize("name", ROLLED_BACK)
def test_an_update_that_sagemaker_rolled_back_is_told_with_or_without_its_reason(name: str) -> None:
    endpoint = observed(name)
    with pytest.raises(DeploymentRolledBack) as raised:
        endpoint_state.after_change(changing("failed", endpoint.config), endpoint, now=BEGUN)
    assert endpoint.reason in str(raised.value)


@pytest.mark.parametrize("name", FAILED)
def test_a_failed_endpoint_reports_its_recorded_reason(name: str) -> None:
    endpoint = observed(name)
    error = NoCapacity if name == "failed-insufficient-capacity" else EndpointFailed
    with pytest.raises(error) as raised:
        endpoint_state.after_change(changing("failed", None), endpoint, now=BEGUN)
    assert str(endpoint.failure_reason).strip() in str(raised.value)


CHANGING: dict[str, Progress | type[PromotionError]] = {
    "updating-old-config-name-no-pending-summary": Progress.IN_PROGRESS,
    "updating-blue-green-linear-with-pending-summary": Progress.IN_PROGRESS,
    "creating-fixture": Progress.IN_PROGRESS,
    "deleting-fixture": DeploymentSuperseded,
}


def test_every_recorded_endpoint_is_walked() -> None:
    assert {entry.name for entry in ANSWERS} == {*IN_SERVICE, *ROLLED_BACK, *FAILED, *CHANGING}


@pytest.mark.parametrize(("name", "after"), CHANGING.items())
def test_what_a_change_in_progress_means(name: str, after: Progress | type[PromotionError]) -> None:
    endpoint = observed(name)
    pending = name.startswith("updating-blue-green")
    ours = changing(endpoint.heading_for, "another") if pending else changing("ours", endpoint.config)
    if isinstance(after, Progress):
        assert endpoint_state.after_change(ours, endpoint, now=BEGUN) is after
    else:
        with pytest.raises(after):
            endpoint_state.after_change(ours, endpoint, now=BEGUN)
    rollback = rollback_state.begin(ours, now=BEGUN)
    action, progress = rollback_state.next_action(ours, rollback, endpoint, again=False, error_name="EndpointFailed")
    assert (action, progress.value) == (Action.NOTHING, "Busy")


def test_our_own_update_without_a_pending_summary_is_waited_for_and_not_sent_again() -> None:
    """Right after UpdateEndpoint SageMaker shows the old configuration and no PendingDeploymentSummary."""
    endpoint = observed("updating-old-config-name-no-pending-summary")
    change = endpoint_state.before_change(changing("ours", endpoint.config), endpoint)
    assert change.progress is Progress.BUSY


def test_a_variant_status_message_is_not_read_as_a_state() -> None:
    answer = store.response(f"{DESCRIBE}/variant-status-messages", EndpointStatus="Updating", LastModifiedTime=LATER)
    endpoint = endpoint_client.observed_in(cast("DescribeEndpointOutputTypeDef", answer))
    assert endpoint_state.after_change(changing("ours", None), endpoint, now=BEGUN) is Progress.IN_PROGRESS
