"""Insufficient capacity is not a model failure: it has its own error, and is retried if the stage configures it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from lambdas.promotion.contract.document import Change, Progress, Promotion
from lambdas.promotion.contract.errors import DeploymentRolledBack, EndpointFailed, NoCapacity
from lambdas.promotion.contract.settings import CapacityRetries
from lambdas.promotion.endpoint import capacity_errors
from lambdas.promotion.endpoint import state as endpoint_state
from sandbox.aws.sagemaker.endpoints.deployment import NO_CAPACITY, UNHEALTHY
from tests.unit.builders import BEGUN, OLD_CONFIG, STAGE, observed, promotion

RETRYING = replace(STAGE, capacity_retries=CapacityRetries(max_attempts=2, wait_seconds=600))
LATER = BEGUN + timedelta(minutes=5)
BACK = observed("InService", modified_at=LATER, failure_reason=NO_CAPACITY)


def changed(*, failures: int = 0, retrying: bool = True) -> Promotion:
    change = Change(
        progress=Progress.IN_PROGRESS,
        previous_config=OLD_CONFIG,
        previous_modified_at=BEGUN - timedelta(days=1),
        requested=True,
        capacity_failures=failures,
    )
    return promotion(stage=RETRYING if retrying else STAGE).with_change(change)


@pytest.mark.parametrize(
    "reason",
    [
        NO_CAPACITY,
        "Request to service failed: InsufficientInstanceCapacity.",
        "We currently do not have enough: insufficient capacity in the Availability Zone",
        "UNABLE TO PROVISION REQUESTED ML COMPUTE CAPACITY",
    ],
)
def test_insufficient_capacity_is_recognized_by_sagemakers_message(reason: str) -> None:
    assert capacity_errors.is_lacking(reason)


@pytest.mark.parametrize("reason", [None, "", UNHEALTHY.format(variant="All"), "CUDA out of memory: capacity 16 GiB"])
def test_a_broken_model_is_not_insufficient_capacity(reason: str | None) -> None:
    assert not capacity_errors.is_lacking(reason)


def test_a_rollback_for_insufficient_capacity_is_not_a_model_failure() -> None:
    with pytest.raises(NoCapacity, match=r"InsufficientInstanceCapacity.*The previous model is in service"):
        endpoint_state.after_change(changed(retrying=False), BACK, now=LATER)


def test_a_creation_that_failed_for_insufficient_capacity_is_not_a_model_failure() -> None:
    with pytest.raises(NoCapacity, match="Delete a Failed endpoint"):
        endpoint_state.after_change(changed(), replace(BACK, status="Failed"), now=LATER)


@pytest.mark.parametrize(("status", "error"), [("InService", DeploymentRolledBack), ("Failed", EndpointFailed)])
def test_another_reason_keeps_its_own_error(status: str, error: type[Exception]) -> None:
    rolled_back = replace(BACK, status=status, failure_reason=UNHEALTHY.format(variant="All"))
    with pytest.raises(error):
        endpoint_state.after_change(changed(), rolled_back, now=LATER)


def test_capacity_is_retried_as_often_as_the_stage_configures() -> None:
    assert endpoint_state.after_change(changed(failures=1), BACK, now=LATER) is Progress.NO_CAPACITY
    with pytest.raises(NoCapacity, match="3 times"):
        endpoint_state.after_change(changed(failures=2), BACK, now=LATER)


def test_capacity_is_not_retried_when_the_wait_would_exceed_the_deadline() -> None:
    with pytest.raises(NoCapacity):
        endpoint_state.after_change(changed(), BACK, now=changed().deadline - timedelta(minutes=10))


def test_the_failures_are_counted_over_the_retries() -> None:
    earlier = changed(failures=1).change
    retried = endpoint_state.before_change(changed(), BACK)
    assert endpoint_state.adopted(earlier, retried, requested=True).capacity_failures == 1
