"""What an endpoint's state means before and after our change. InService alone is not success."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest

from lambdas.promotion.contract.document import Change, Progress, Promotion, VariantCapacity
from lambdas.promotion.contract.errors import (
    BlockedByFailedEndpoint,
    DeploymentRolledBack,
    DeploymentSuperseded,
    DeploymentTimedOut,
    EndpointBusy,
    EndpointFailed,
    NoCapacity,
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
LACKING = "InsufficientInstanceCapacity"


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
    change = endpoint_state.before_change(PLAIN, observed("InService", config=DESIRED))
    assert change == Change(progress=Progress.NOTHING_TO_DO, previous_config=DESIRED, adopted=True)


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
        BlockedByFailedEndpoint,
        match=r"The endpoint reviews-qa in qa .*reports: no capacity.*delete-endpoint --endpoint-name reviews-qa",
    ):
        endpoint_state.before_change(PLAIN, observed("Failed", failure_reason="no capacity"))


def test_the_previous_deployment_is_recorded() -> None:
    capacities = (VariantCapacity(variant="All"),)
    endpoint = observed("InService", capacities=capacities)
    assert endpoint_state.before_change(PLAIN, endpoint) == Change(
        progress=Progress.CHANGE_REQUIRED,
        previous_config=OLD_CONFIG,
        previous_modified_at=endpoint.modified_at,
        previous_capacities=capacities,
    )


def test_the_deployment_before_another_principals_change_is_recorded() -> None:
    endpoint = observed("Updating", pending_config="other")
    assert endpoint_state.before_change(PLAIN, endpoint) == Change(
        progress=Progress.BUSY, previous_config=OLD_CONFIG, previous_modified_at=endpoint.modified_at
    )


@pytest.mark.parametrize(
    ("require", "error", "message"),
    [
        (
            partial(endpoint_state.require_time_left, PLAIN, observed("Updating")),
            EndpointBusy,
            "was still Updating by another principal",
        ),
        (
            partial(endpoint_state.require_time_left, PLAIN, None),
            EndpointBusy,
            "was still being created by another principal",
        ),
        (partial(endpoint_state.require_time_to_change, PLAIN), DeploymentTimedOut, "passed before .* was changed"),
        (
            partial(endpoint_state.require_time_to_observe, PLAIN, "Denied."),
            DeploymentTimedOut,
            r"could not be described at the deadline.* Denied\.",
        ),
        (partial(endpoint_state.require_time_to_test, PLAIN), DeploymentTimedOut, "smoke test could not be run before"),
    ],
    ids=["another-change", "another-creation", "change", "observation", "smoke-test"],
)
def test_nothing_is_waited_for_or_begun_after_the_deadline(
    require: Callable[..., None], error: type[PromotionError], message: str
) -> None:
    require(now=PLAIN.deadline)
    with pytest.raises(error, match=message):
        require(now=TOO_LATE)


# Whose change it is

OURS = Change(
    progress=Progress.CHANGE_REQUIRED,
    previous_config=OLD_CONFIG,
    previous_modified_at=BEGUN - timedelta(days=1),
    previous_capacities=(VariantCapacity(variant="All"),),
    capacity_failures=2,
)
OBSERVED_AGAIN = Change(progress=Progress.IN_PROGRESS, previous_config=DESIRED, adopted=True)


@pytest.mark.parametrize(
    ("earlier", "requested", "ours"),
    [(None, True, True), (None, False, False), (OURS, True, True), (replace(OURS, requested=True), False, True)],
)
@pytest.mark.parametrize("change", [OBSERVED_AGAIN, Change(progress=Progress.CHANGE_REQUIRED)])
def test_a_change_that_was_requested_once_stays_the_promotions_own(
    earlier: Change | None, requested: bool, ours: bool, change: Change
) -> None:
    assert endpoint_state.adopted(earlier, change, requested=requested).requested is ours


def test_the_first_observation_is_kept_as_it_is() -> None:
    assert endpoint_state.adopted(None, OBSERVED_AGAIN, requested=False) == OBSERVED_AGAIN


def test_a_change_that_is_required_again_starts_from_what_is_observed_now() -> None:
    change = Change(progress=Progress.CHANGE_REQUIRED, previous_config="third")
    assert endpoint_state.adopted(OURS, change, requested=True) == replace(change, requested=True, capacity_failures=2)


def test_a_change_under_way_keeps_the_deployment_that_it_replaces() -> None:
    expected = replace(OURS, progress=Progress.IN_PROGRESS, adopted=True)
    assert endpoint_state.adopted(OURS, OBSERVED_AGAIN, requested=False) == expected


@pytest.mark.parametrize(
    ("progress", "previous", "requested", "adopted"),
    [
        # What else a promotion requires, such as autoscaling, is completed without a change of the endpoint.
        (Progress.NOTHING_TO_DO, DESIRED, False, False),
        (Progress.CHANGE_REQUIRED, OLD_CONFIG, False, True),
        (Progress.CHANGE_REQUIRED, OLD_CONFIG, True, False),
        (Progress.IN_PROGRESS, DESIRED, False, True),
    ],
)
def test_what_another_execution_changed_is_adopted(
    progress: Progress, previous: str, requested: bool, adopted: bool
) -> None:
    earlier = Change(progress=progress, previous_config=previous)
    observed_again = endpoint_state.before_change(PLAIN, observed("InService", config=DESIRED))
    assert endpoint_state.adopted(earlier, observed_again, requested=requested).adopted is adopted


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
    with pytest.raises(DeploymentSuperseded, match=r"The endpoint reviews-qa in qa .* was deleted while"):
        after(None)


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("alarm 5xx", f"{OLD_CONFIG}: SageMaker rolled back {DESIRED}. SageMaker reports: alarm 5xx The previous"),
        (None, f"rolled back {DESIRED}, or another principal did. SageMaker reports no reason. The previous"),
    ],
)
def test_in_service_on_the_previous_configuration_is_rolled_back_with_the_reason(
    reason: str | None, message: str
) -> None:
    with pytest.raises(DeploymentRolledBack, match=re.escape(message)):
        after(observed("InService", modified_at=LATER, failure_reason=reason))


@pytest.mark.parametrize(
    ("reason", "error", "message"),
    [("disk", EndpointFailed, "on configuration {}. "), (LACKING, NoCapacity, "insufficient capacity for {}. ")],
)
@pytest.mark.parametrize(("config", "named"), [("third", "third"), ("", DESIRED)])
def test_the_configuration_on_which_an_endpoint_failed_is_named(
    reason: str, error: type[PromotionError], message: str, config: str, named: str
) -> None:
    """An endpoint that failed to be created has no configuration in service."""
    with pytest.raises(error, match=re.escape(message.format(named))):
        after(observed("Failed", config=config, modified_at=LATER, failure_reason=reason))


@pytest.mark.parametrize(("failures", "attempts"), [(0, ""), (1, ", 2 times"), (2, ", 3 times")])
def test_it_is_reported_how_often_capacity_was_insufficient(failures: int, attempts: str) -> None:
    promotion = changed()
    assert promotion.change is not None
    again = promotion.with_change(replace(promotion.change, capacity_failures=failures))
    with pytest.raises(NoCapacity, match=f"insufficient capacity for {DESIRED}{attempts}[.] SageMaker reports"):
        after(observed("InService", modified_at=LATER, failure_reason=LACKING), of=again)


def test_an_endpoint_that_could_not_be_rolled_back_is_reported_with_both_configurations() -> None:
    with pytest.raises(RollbackFailed, match=f"{DESIRED} and {OLD_CONFIG} may both receive traffic"):
        after(observed("UpdateRollbackFailed", modified_at=LATER))


def test_a_change_to_a_third_configuration_is_superseded() -> None:
    with pytest.raises(DeploymentSuperseded, match=f"is being updated to third by another.*own {DESIRED}"):
        after(observed("Updating", modified_at=LATER, pending_config="third"))


def test_a_change_is_observed_until_the_deadline() -> None:
    assert after(observed("Updating", modified_at=LATER), now=PLAIN.deadline) is Progress.IN_PROGRESS


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
