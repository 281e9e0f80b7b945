"""What an endpoint's state means before and after our change. InService alone is not success."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from lambdas.promotion.contract.document import Change, Progress, Promotion
from lambdas.promotion.contract.errors import (
    BlockedByFailedEndpoint,
    DeploymentRolledBack,
    DeploymentSuperseded,
    DeploymentTimedOut,
    EndpointBusy,
    EndpointFailed,
    PromotionError,
    RollbackFailed,
)
from lambdas.promotion.endpoint import state as endpoint_state
from lambdas.promotion.endpoint.state import ObservedEndpoint
from tests.unit.builders import BEGUN, OLD_CONFIG, api, observed, promotion

STATUSES = [str(value) for value in api("sagemaker").shape_for("EndpointStatus").enum]  # type: ignore[attr-defined]
BEFORE: dict[str, Progress | type[PromotionError]] = {
    "InService": Progress.CHANGE_REQUIRED,
    "OutOfService": Progress.CHANGE_REQUIRED,
    "UpdateRollbackFailed": Progress.CHANGE_REQUIRED,
    "Creating": Progress.BUSY,
    "Updating": Progress.BUSY,
    "SystemUpdating": Progress.BUSY,
    "RollingBack": Progress.BUSY,
    "Deleting": Progress.BUSY,
    "Failed": BlockedByFailedEndpoint,
}
AFTER: dict[str, Progress | type[PromotionError]] = {
    "InService": Progress.IN_SERVICE,
    "Creating": Progress.IN_PROGRESS,
    "Updating": Progress.IN_PROGRESS,
    "SystemUpdating": Progress.IN_PROGRESS,
    "RollingBack": Progress.IN_PROGRESS,
    "OutOfService": EndpointFailed,
    "Failed": EndpointFailed,
    "Deleting": DeploymentSuperseded,
    "UpdateRollbackFailed": RollbackFailed,
}
PLAIN = promotion()
DESIRED = PLAIN.desired_config.name
IN_TIME = BEGUN + timedelta(minutes=10)
TOO_LATE = BEGUN + timedelta(hours=1, seconds=1)
LATER = BEGUN + timedelta(minutes=5)


def changed(progress: Progress = Progress.IN_PROGRESS, *, previous: str | None = OLD_CONFIG) -> Promotion:
    """Return a promotion that has started its change of an endpoint that was last modified the day before."""
    before = observed("InService").modified_at if previous else None
    return PLAIN.with_change(Change(progress=progress, previous_config=previous, previous_modified_at=before))


def after(endpoint: ObservedEndpoint | None, *, of: Promotion | None = None, now: datetime = IN_TIME) -> Progress:
    return endpoint_state.after_change(of or changed(), endpoint, now=now)


@pytest.mark.parametrize("table", [BEFORE, AFTER], ids=["before", "after"])
def test_every_status_of_the_api_has_a_meaning(table: dict[str, object]) -> None:
    assert set(table) == set(STATUSES)


# Before


@pytest.mark.parametrize("status", STATUSES)
def test_what_each_status_on_another_configuration_means_before_the_change(status: str) -> None:
    meaning = BEFORE[status]
    if isinstance(meaning, Progress):
        assert endpoint_state.before_change(PLAIN, observed(status)).progress is meaning
        return
    with pytest.raises(meaning):
        endpoint_state.before_change(PLAIN, observed(status))


def test_a_missing_endpoint_is_to_be_created() -> None:
    assert endpoint_state.before_change(PLAIN, None) == Change(progress=Progress.CHANGE_REQUIRED)


def test_an_endpoint_in_service_on_our_configuration_requires_no_action() -> None:
    assert endpoint_state.before_change(PLAIN, observed("InService", config=DESIRED)).progress is Progress.NOTHING_TO_DO


def test_an_endpoint_that_leaves_our_configuration_is_not_unchanged() -> None:
    endpoint = observed("InService", config=DESIRED, pending_config="other")
    assert endpoint_state.before_change(PLAIN, endpoint).progress is not Progress.NOTHING_TO_DO


@pytest.mark.parametrize("status", sorted(set(STATUSES) - {"InService", "Failed"}))
def test_no_status_but_in_service_is_unchanged(status: str) -> None:
    assert endpoint_state.before_change(PLAIN, observed(status, config=DESIRED)).progress is not Progress.NOTHING_TO_DO


@pytest.mark.parametrize(
    ("status", "config", "pending", "previous"),
    [
        ("Creating", DESIRED, DESIRED, None),
        ("Updating", OLD_CONFIG, DESIRED, OLD_CONFIG),
        # It is in service on it, and is scaled or maintained.
        ("Updating", DESIRED, None, DESIRED),
    ],
)
def test_a_change_to_our_own_configuration_is_adopted_and_the_previous_one_is_recorded(
    status: str, config: str, pending: str | None, previous: str | None
) -> None:
    change = endpoint_state.before_change(PLAIN, observed(status, config=config, pending_config=pending))
    assert change == Change(progress=Progress.IN_PROGRESS, previous_config=previous, adopted=True)


@pytest.mark.parametrize("status", ["OutOfService", "UpdateRollbackFailed"])
def test_an_endpoint_to_be_repaired_had_our_configuration_before(status: str) -> None:
    assert endpoint_state.before_change(PLAIN, observed(status, config=DESIRED)).previous_config == DESIRED


def test_a_scaling_update_on_our_configuration_is_adopted_to_its_end_and_was_not_rolled_back() -> None:
    earlier = endpoint_state.before_change(PLAIN, observed("Updating", config=DESIRED))
    later = endpoint_state.before_change(PLAIN, observed("InService", config=DESIRED))
    change = endpoint_state.adopted(earlier, later, requested=False)
    assert (change.adopted, change.previous_config) == (True, DESIRED)
    endpoint = observed(
        "InService", config=DESIRED, counts_settled=False, failure_reason="InsufficientInstanceCapacity"
    )
    in_progress = PLAIN.with_change(change)
    assert endpoint_state.after_change(in_progress, endpoint, now=BEGUN) is Progress.IN_PROGRESS


def test_a_failed_endpoint_is_refused_with_its_reason_and_the_command() -> None:
    with pytest.raises(
        BlockedByFailedEndpoint, match=r"reports: no capacity.*delete-endpoint --endpoint-name reviews-qa"
    ):
        endpoint_state.before_change(PLAIN, observed("Failed", failure_reason="no capacity"))


def test_the_previous_configuration_is_recorded() -> None:
    endpoint = observed("InService")
    change = endpoint_state.before_change(PLAIN, endpoint)
    assert (change.previous_config, change.previous_modified_at) == (OLD_CONFIG, endpoint.modified_at)


def test_another_principals_change_is_waited_for_until_the_deadline() -> None:
    endpoint_state.require_time_left(PLAIN, observed("Updating"), now=PLAIN.deadline)


def test_another_principals_change_is_not_waited_for_after_the_deadline() -> None:
    with pytest.raises(EndpointBusy, match="was still Updating by another principal"):
        endpoint_state.require_time_left(PLAIN, observed("Updating"), now=TOO_LATE)


# After


@pytest.mark.parametrize("status", STATUSES)
def test_what_each_status_means_after_the_change(status: str) -> None:
    meaning, endpoint = AFTER[status], observed(status, config=DESIRED, modified_at=LATER)
    if isinstance(meaning, Progress):
        assert after(endpoint) is meaning
        return
    with pytest.raises(meaning):
        after(endpoint)


def test_a_deleted_endpoint_is_superseded() -> None:
    with pytest.raises(DeploymentSuperseded):
        after(None)


def test_in_service_on_the_previous_configuration_is_rolled_back_with_the_reason() -> None:
    endpoint = observed("InService", modified_at=LATER, failure_reason="alarm 5xx")
    with pytest.raises(DeploymentRolledBack, match=f"{OLD_CONFIG}: SageMaker rolled back.*reports: alarm 5xx"):
        after(endpoint)


def test_a_stale_response_is_not_a_rollback() -> None:
    assert after(observed("InService")) is Progress.IN_PROGRESS


def test_in_service_on_a_third_configuration_is_superseded() -> None:
    with pytest.raises(DeploymentSuperseded, match="another principal changed it"):
        after(observed("InService", config="third", modified_at=LATER))


@pytest.mark.parametrize("endpoint", [{"pending_config": DESIRED}, {"config": DESIRED, "counts_settled": False}])
def test_in_service_is_not_success_while_a_change_is_pending_or_instances_are_missing(endpoint: dict[str, str]) -> None:
    assert after(observed("InService", modified_at=LATER, **endpoint)) is Progress.IN_PROGRESS


@pytest.mark.parametrize("status", ["Creating", "Updating", "SystemUpdating", "RollingBack", "SomethingNew"])
def test_every_wait_ends_at_the_deadline(status: str) -> None:
    with pytest.raises(DeploymentTimedOut, match=status):
        after(observed(status, modified_at=LATER), now=TOO_LATE)


def test_an_endpoint_that_reached_in_service_at_the_last_moment_is_promoted() -> None:
    assert after(observed("InService", config=DESIRED), now=TOO_LATE) is Progress.IN_SERVICE


@pytest.mark.parametrize("status", ["OutOfService", "UpdateRollbackFailed"])
def test_the_state_before_the_change_is_not_its_result(status: str) -> None:
    """Right after the call a response may still be stale."""
    repaired = PLAIN.with_change(endpoint_state.before_change(PLAIN, observed(status)))
    assert after(observed(status), of=repaired) is Progress.IN_PROGRESS


def test_a_stale_response_does_not_hide_the_deadline() -> None:
    with pytest.raises(DeploymentTimedOut):
        after(observed("InService"), now=TOO_LATE)


def test_a_first_endpoint_that_is_in_service_on_ours_is_promoted() -> None:
    assert after(observed("InService", config=DESIRED), of=changed(previous=None)) is Progress.IN_SERVICE


@pytest.mark.parametrize("status", ["OutOfService", "UpdateRollbackFailed"])
def test_a_repaired_endpoint_that_waits_for_instances_is_not_rolled_back(status: str) -> None:
    repaired = PLAIN.with_change(endpoint_state.before_change(PLAIN, observed(status, config=DESIRED)))
    unsettled = observed("InService", config=DESIRED, modified_at=LATER, counts_settled=False)
    assert after(unsettled, of=repaired) is Progress.IN_PROGRESS


@pytest.mark.parametrize("offset", [-8, 0, 9])
def test_the_deadline_is_an_instant_whatever_time_zone_the_clock_shows(offset: int) -> None:
    zone = (BEGUN + timedelta(hours=offset)).replace(tzinfo=None)
    local = zone.replace(tzinfo=datetime.strptime(f"{offset:+03d}00", "%z").tzinfo)
    assert (
        after(observed("Updating"), of=replace(changed(), deadline=local + timedelta(hours=1))) is Progress.IN_PROGRESS
    )
