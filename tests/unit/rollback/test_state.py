"""How an endpoint rolls back to its previous configuration."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambdas.promotion.contract.document import (
    Change,
    DesiredResource,
    Lock,
    Progress,
    Promotion,
    Rollback,
    RollbackProgress,
    VariantCapacity,
)
from lambdas.promotion.contract.errors import NothingToRollBackTo, RollbackFailed, Superseded
from lambdas.promotion.contract.settings import FirstDeployment, Stage
from lambdas.promotion.contract.time_limits import LONGEST_ROLLBACK
from lambdas.promotion.endpoint import state as endpoint_state
from lambdas.promotion.endpoint.state import ObservedEndpoint
from lambdas.promotion.rollback import capacity
from lambdas.promotion.rollback import state as rollback_state
from lambdas.promotion.rollback.state import Action
from tests.unit.builders import BEGUN, NO_COPIES, OLD_CONFIG, REQUEST, STAGE, api, good, observed, promotion

STATUSES = [str(value) for value in api("sagemaker").shape_for("EndpointStatus").enum]  # type: ignore[attr-defined]
PLAIN = promotion()
OURS = PLAIN.desired_config.name
LATER = BEGUN + timedelta(minutes=20)
BUSY = (Action.NOTHING, RollbackProgress.BUSY)
SKIPPED = (Action.NOTHING, RollbackProgress.SKIPPED)
DONE = (Action.NOTHING, RollbackProgress.DONE)
NOT_NEEDED = (Action.NOTHING, RollbackProgress.NOT_NEEDED)
UPDATE = (Action.UPDATE, RollbackProgress.IN_PROGRESS)
DELETE = (Action.DELETE, RollbackProgress.IN_PROGRESS)
CREATE = (Action.CREATE, RollbackProgress.IN_PROGRESS)


def changed(*, previous: str | None = OLD_CONFIG, requested: bool = True, **more: Any) -> Promotion:
    """Return a promotion that has changed an endpoint from the configuration `previous`."""
    before = BEGUN - timedelta(days=1) if previous else None
    change = Change(
        progress=Progress.IN_PROGRESS, previous_config=previous, previous_modified_at=before, requested=requested
    )
    return promotion(change=change, **more)


def action(
    changing: Promotion,
    endpoint: ObservedEndpoint | None,
    *,
    poll_count: int = 0,
    again: bool = False,
    deleting: bool = False,
    error_name: str = "EndpointFailed",
) -> tuple[Action, RollbackProgress]:
    rollback = replace(rollback_state.begin(changing, now=LATER), poll_count=poll_count, deleting=deleting)
    return rollback_state.next_action(changing, rollback, endpoint, again=again, error_name=error_name)


ON_OURS = {
    "InService": UPDATE,
    "OutOfService": UPDATE,
    "UpdateRollbackFailed": UPDATE,
    "Failed": DELETE,
    "Creating": BUSY,
    "Updating": BUSY,
    "SystemUpdating": BUSY,
    "RollingBack": BUSY,
    "Deleting": BUSY,
}


@pytest.mark.parametrize("status", STATUSES)
def test_an_endpoint_on_our_configuration_is_rolled_back_whatever_its_status(status: str) -> None:
    assert action(changed(), observed(status, config=OURS, modified_at=LATER)) == ON_OURS[status]


@pytest.mark.parametrize("status", STATUSES)
def test_a_first_deployment_is_deleted_whatever_its_status(status: str) -> None:
    expected = DELETE if ON_OURS[status] in {UPDATE, DELETE} else BUSY
    assert action(changed(previous=None), observed(status, config=OURS, modified_at=LATER)) == expected


def test_a_first_deployment_is_kept_if_configured() -> None:
    keep = replace(STAGE, failed_first_deployment=FirstDeployment.KEEP)
    changing = changed(previous=None, stage=keep)
    assert action(changing, observed("InService", config=OURS, modified_at=LATER)) == (
        Action.NOTHING,
        RollbackProgress.KEPT,
    )


def test_an_update_that_is_in_progress_has_to_end_first() -> None:
    assert action(changed(), observed("Updating", pending_config=OURS, modified_at=LATER)) == BUSY


def test_the_rollback_is_done_when_the_previous_configuration_is_in_service() -> None:
    assert action(changed(), observed("InService", modified_at=LATER)) == DONE


def test_the_rollback_waits_until_the_instance_counts_are_settled() -> None:
    assert action(changed(), observed("InService", modified_at=LATER, counts_settled=False)) == BUSY


def test_a_stale_description_is_polled_again() -> None:
    """The change may have been requested since, and the response may be from before it."""
    stale = observed("InService")
    assert action(changed(requested=False), stale) == BUSY
    assert action(changed(requested=False), stale, poll_count=1) == NOT_NEEDED
    assert action(changed(requested=False), stale, again=True) == NOT_NEEDED


@pytest.mark.parametrize("status", ["Failed", "OutOfService"])
def test_an_endpoint_that_was_broken_before_is_left_unchanged(status: str) -> None:
    assert action(changed(requested=False), observed(status)) == SKIPPED


@pytest.mark.parametrize("status", STATUSES)
def test_another_principals_configuration_is_left_in_place(status: str) -> None:
    expected = BUSY if status == "Deleting" else SKIPPED
    assert action(changed(), observed(status, config="another-principals", modified_at=LATER)) == expected


def test_a_failed_endpoint_is_deleted_and_recreated_with_the_previous_configuration() -> None:
    assert action(changed(), observed("Failed", modified_at=LATER)) == DELETE
    assert action(changed(), None, deleting=True, poll_count=1) == CREATE
    assert action(changed(), None, again=True) == CREATE  # terminated after the deletion


def test_a_failed_creation_without_a_configuration_is_ours_if_we_started_one() -> None:
    failed = observed("Failed", config="", modified_at=LATER)
    assert action(changed(previous=None), failed) == DELETE
    assert action(changed(previous=None, requested=False), failed) == SKIPPED


def test_an_endpoint_that_another_principal_deleted_is_left_deleted() -> None:
    assert action(changed(), None) == SKIPPED


def test_a_first_deployment_that_was_deleted_is_done() -> None:
    assert action(changed(previous=None), None, deleting=True, poll_count=1) == (
        Action.NOTHING,
        RollbackProgress.DELETED,
    )


def test_a_first_deployment_that_was_never_created_is_not_needed() -> None:
    assert action(changed(previous=None, requested=False), None) == BUSY
    assert action(changed(previous=None, requested=False), None, poll_count=1) == NOT_NEEDED


def test_an_endpoint_already_on_our_configuration_rolls_back_to_the_recorded_last_known_good_one() -> None:
    change = Change(progress=Progress.NOTHING_TO_DO, previous_config=OURS, adopted=True)
    changing = promotion(change=change, lock=Lock(fence=2, last_known_good=(good(),)))
    assert rollback_state.previous_config(changing) == OLD_CONFIG
    assert rollback_state.previous_config(replace(changing, lock=None)) is None


def test_a_configuration_in_service_before_is_replaced_only_if_it_fails_and_a_last_known_good_one_exists() -> None:
    change = Change(progress=Progress.NOTHING_TO_DO, previous_config=OURS, adopted=True)
    endpoint = observed("InService", config=OURS)
    recorded = promotion(change=change, lock=Lock(fence=2, last_known_good=(good(),)))
    unrecorded = promotion(change=change)
    assert action(recorded, endpoint, error_name="SmokeTestFailed") == UPDATE
    assert action(recorded, endpoint, error_name="AccessDenied") == SKIPPED
    for error_name in ("SmokeTestFailed", "AccessDenied"):
        assert action(unrecorded, endpoint, error_name=error_name) == SKIPPED
        assert action(unrecorded, endpoint, error_name=error_name, again=True, poll_count=3) == SKIPPED
    rollback = rollback_state.begin(unrecorded, now=LATER)
    summary = rollback_state.endpoint_summary(unrecorded, rollback, RollbackProgress.SKIPPED, endpoint)
    assert f"had {OURS} in service before this promotion and was left unchanged. No other last-known-good" in summary


def test_a_rollback_continues_where_it_was() -> None:
    rollback = Rollback(progress=RollbackProgress.IN_PROGRESS, began_at=BEGUN, to_config="c", poll_count=3)
    assert rollback_state.begin(promotion(rollback=rollback), now=LATER) is rollback


def test_a_rollback_begins_with_the_configuration_before_the_change() -> None:
    expected = Rollback(progress=RollbackProgress.BUSY, began_at=LATER, to_config=OLD_CONFIG)
    assert rollback_state.begin(changed(), now=LATER) == expected
    assert rollback_state.begin(PLAIN, now=LATER) == replace(expected, to_config=None)


def test_a_rollback_does_not_continue_indefinitely() -> None:
    rollback = rollback_state.begin(changed(), now=BEGUN)
    rollback_state.require_time_left(changed(), rollback, "still does not exist", now=BEGUN + LONGEST_ROLLBACK)
    with pytest.raises(RollbackFailed, match=rf"is still Updating 9 hours after the rollback to {OLD_CONFIG} began\.$"):
        rollback_state.require_time_left(
            changed(), rollback, "is still Updating", now=BEGUN + timedelta(hours=9, minutes=1)
        )


@pytest.mark.parametrize("status", ["InService", "OutOfService", "UpdateRollbackFailed"])
def test_an_update_back_that_fails_again_and_again_ends_with_sagemakers_reason(status: str) -> None:
    """SageMaker reverts each update back: the endpoint is on the failed configuration again."""
    rollback = rollback_state.begin(changed(), now=LATER)
    reverted = observed(status, config=OURS, modified_at=LATER, failure_reason="No instances.")
    for attempts in range(rollback_state.MOST_ATTEMPTS):
        rollback = rollback_state.with_reason(replace(rollback, attempts=attempts), reverted)
        assert next_of(rollback, reverted) == UPDATE
    # SageMaker may report the reason only until the next change.
    silent = replace(reverted, failure_reason=None)
    rollback = rollback_state.with_reason(replace(rollback, attempts=rollback_state.MOST_ATTEMPTS), silent)
    with pytest.raises(RollbackFailed, match=rf"{status} on {OURS}: 3 attempts .*{OLD_CONFIG} failed.*No instances"):
        next_of(rollback, silent)


def test_the_reason_of_the_failed_change_is_not_that_of_an_attempt_to_roll_back() -> None:
    first = observed("InService", config=OURS, failure_reason="The model did not start.")
    assert rollback_state.with_reason(rollback_state.begin(changed(), now=LATER), first).reason == ""


def test_a_recreation_is_not_attempted_indefinitely() -> None:
    rollback = replace(rollback_state.begin(changed(), now=LATER), deleting=True, poll_count=1, reason="Not found.")
    assert next_of(rollback, None) == CREATE
    with pytest.raises(RollbackFailed, match=r"no model is in service: 3 attempts.*Not found"):
        next_of(replace(rollback, attempts=3), None)


def next_of(rollback: Rollback, endpoint: ObservedEndpoint | None) -> tuple[Action, RollbackProgress]:
    return rollback_state.next_action(changed(), rollback, endpoint, again=False, error_name="EndpointFailed")


# The capacity before the change


def with_capacity(stage: Stage, *capacities: VariantCapacity) -> Promotion:
    """Return a promotion that has changed an endpoint with these capacities."""
    change = changed().change
    assert change
    return promotion(stage=stage, change=replace(change, previous_capacities=capacities))


def capacity_of(instances: int | None = 10, weight: float | None = 1.0, variant: str = "All") -> VariantCapacity:
    return VariantCapacity(variant=variant, instances=instances, weight=weight)


RESTORE = (Action.RESTORE_CAPACITY, RollbackProgress.IN_PROGRESS)
RESET = replace(STAGE, retain_variant_properties=False)


@pytest.mark.parametrize(
    ("stage", "live", "expected"),
    [
        (RESET, capacity_of(1), RESTORE),
        (RESET, capacity_of(10), DONE),
        (RESET, capacity_of(10, 0.5), RESTORE),
        # A weight is a Float of 32 bits (API: DesiredWeight), and comes back as one.
        (RESET, capacity_of(10, 1.00000003), DONE),
        (RESET, capacity_of(10, None), DONE),
        # It was retained: automatic scaling has changed it since.
        (STAGE, capacity_of(1), DONE),
        (replace(STAGE, exclude_retained=("DesiredInstanceCount",)), capacity_of(1), RESTORE),
        (replace(STAGE, exclude_retained=("DesiredInstanceCount",)), capacity_of(10, 0.5), DONE),
        (replace(STAGE, exclude_retained=("DesiredWeight",)), capacity_of(1, 0.5), RESTORE),
        (replace(STAGE, exclude_retained=("DesiredWeight",)), capacity_of(1), DONE),
        (replace(STAGE, exclude_retained=("DataCaptureConfig",)), capacity_of(1, 0.5), DONE),
        (RESET, capacity_of(None), DONE),
        (RESET, capacity_of(1, variant="Another"), DONE),
    ],
)
def test_the_capacity_that_the_update_did_not_retain_is_restored(
    stage: Stage, live: VariantCapacity, expected: tuple[Action, RollbackProgress]
) -> None:
    changing = with_capacity(stage, capacity_of())
    assert action(changing, observed("InService", modified_at=LATER, capacities=(live,))) == expected


@pytest.mark.parametrize("stage", [STAGE, RESET])
def test_a_recreated_endpoint_gets_its_capacity_back_whatever_an_update_retains(stage: Stage) -> None:
    changing = with_capacity(stage, capacity_of())
    rollback = replace(rollback_state.begin(changing, now=LATER), recreated=True, poll_count=3)
    recreated = observed("InService", modified_at=LATER, capacities=(capacity_of(1),))
    assert (
        rollback_state.next_action(changing, rollback, recreated, again=False, error_name="EndpointFailed") == RESTORE
    )


def test_a_capacity_that_cannot_be_restored_is_reported_with_what_is_missing() -> None:
    changing = with_capacity(RESET, capacity_of())
    rollback = replace(rollback_state.begin(changing, now=LATER), attempts=4, reason="SageMaker reports: no instances")
    reduced = observed("InService", modified_at=LATER, capacities=(capacity_of(1),))
    with pytest.raises(
        RollbackFailed, match=r"previous configuration in service, .*All: 10 instances, weight 1.*no ins"
    ):
        rollback_state.next_action(changing, rollback, reduced, again=False, error_name="SmokeTestFailed")


def test_a_capacity_is_restored_once_more_often_for_each_variant_than_an_update_back() -> None:
    changing = with_capacity(RESET, capacity_of())
    rollback = replace(rollback_state.begin(changing, now=LATER), attempts=rollback_state.MOST_ATTEMPTS)
    reduced = observed("InService", modified_at=LATER, capacities=(capacity_of(1),))
    assert rollback_state.next_action(changing, rollback, reduced, again=False, error_name="E") == RESTORE


@pytest.mark.parametrize(
    ("excluded", "text"),
    [
        ((), "All: 10 instances, weight 1"),
        (("DesiredInstanceCount",), "All: 10 instances"),
        (("DesiredWeight",), "All: weight 1"),
    ],
)
def test_only_what_was_not_retained_is_restored(excluded: tuple[str, ...], text: str) -> None:
    """What the update retained, automatic scaling may have changed since."""
    changing = with_capacity(replace(STAGE, exclude_retained=excluded) if excluded else RESET, capacity_of())
    reduced = observed("InService", modified_at=LATER, capacities=(capacity_of(1, 0.5),))
    lost = capacity.lost(changing, rollback_state.begin(changing, now=LATER), reduced)
    assert capacity.as_text(lost) == text


@pytest.mark.parametrize(
    ("stage", "properties"),
    [
        (STAGE, []),
        (RESET, ["DataCaptureConfig"]),
        (replace(STAGE, exclude_retained=("DesiredWeight",)), []),
        (replace(STAGE, exclude_retained=("DataCaptureConfig", "DesiredWeight")), ["DataCaptureConfig"]),
    ],
)
def test_a_rollback_retains_counts_and_weights_whatever_the_update_retained(
    stage: Stage, properties: list[str]
) -> None:
    assert capacity.from_config(stage) == properties


def test_the_capacity_of_another_configuration_is_not_restored() -> None:
    """The endpoint had our configuration before: it rolls back to one that it had long ago."""
    change = Change(
        progress=Progress.NOTHING_TO_DO, previous_config=OURS, adopted=True, previous_capacities=(capacity_of(),)
    )
    changing = promotion(change=change, stage=RESET, lock=Lock(fence=2, last_known_good=(good(),)))
    back = observed("InService", modified_at=LATER, capacities=(capacity_of(1),))
    assert action(changing, back, error_name="SmokeTestFailed") == DONE


IN_PROGRESS = {RollbackProgress.BUSY, RollbackProgress.IN_PROGRESS, RollbackProgress.BLOCKED_BY_SCALING}


HAD_OURS = Change(progress=Progress.NOTHING_TO_DO, previous_config=OURS, adopted=True)
RECORDED = Lock(fence=2, last_known_good=(good(),))


@pytest.mark.parametrize(
    ("changing", "progress", "endpoint", "text"),
    [
        (changed(lock=RECORDED), "Done", None, f"has its previous configuration {OLD_CONFIG} in service."),
        (
            changed(lock=None),
            "Done",
            None,
            f"has its previous configuration {OLD_CONFIG} in service. It is not a last known good configuration: "
            "verify its responses.",
        ),
        (promotion(change=HAD_OURS, lock=RECORDED), "NotNeeded", observed("InService"), "was not changed."),
        (changed(), "Deleted", None, "does not exist: it did not exist before this promotion."),
        (
            changed(),
            "Kept",
            observed("InService", config=OURS),
            f"was created by this promotion and is kept (failed_first_deployment: keep), InService on {OURS}.",
        ),
        (changed(), "NotNeeded", observed("InService"), "was not changed."),
        (
            changed(),
            "Skipped",
            observed("Updating", pending_config="third"),
            "was left unchanged, Updating on third: another principal changed it.",
        ),
        (changed(), "Skipped", None, "was left unchanged, deleted: another principal changed it."),
        (
            promotion(change=HAD_OURS, lock=RECORDED),
            "Skipped",
            observed("InService", config=OURS),
            f"had {OURS} in service before this promotion and was left unchanged.",
        ),
    ],
)
def test_what_is_in_service_is_reported(
    changing: Promotion, progress: str, endpoint: ObservedEndpoint | None, text: str
) -> None:
    rollback = rollback_state.begin(changing, now=BEGUN)
    summary = rollback_state.endpoint_summary(changing, rollback, RollbackProgress(progress), endpoint)
    assert summary == f"{PLAIN.endpoint_in_words} {text}"


@pytest.mark.parametrize("progress", sorted(IN_PROGRESS))
def test_a_rollback_that_is_in_progress_is_not_summarised(progress: RollbackProgress) -> None:
    rollback = rollback_state.begin(changed(), now=BEGUN)
    assert rollback_state.endpoint_summary(changed(), rollback, progress, observed("InService")) == ""


LAST_KNOWN_GOOD = (good("c3"), good("c2"), good("c1"))


def test_the_newest_last_known_good_that_is_not_in_service_is_rolled_back_to() -> None:
    assert rollback_state.goal(LAST_KNOWN_GOOD, observed("InService", config="c3"), stage=STAGE).config == "c2"
    assert rollback_state.goal(LAST_KNOWN_GOOD, observed("InService", config="by-hand"), stage=STAGE).config == "c3"
    assert rollback_state.goal(LAST_KNOWN_GOOD, None, stage=STAGE).config == "c3"


NAMED = (good("c3", promotion_id="p3"), good("c2", promotion_id="p2"), good("c1", promotion_id="p1"))


@pytest.mark.parametrize("in_service", ["c3", "c2", "by-hand"])
def test_a_rollback_goes_to_the_promotion_that_it_names(in_service: str) -> None:
    assert rollback_state.goal(NAMED, observed("InService", config=in_service), stage=STAGE, to="p2").config == "c2"


@pytest.mark.parametrize(("known_good", "listed"), [(NAMED, "p3 .*, p2 .*, p1 "), ((), "none")])
def test_a_promotion_that_is_none_of_the_last_known_good_is_refused_with_those(
    known_good: tuple[Any, ...], listed: str
) -> None:
    with pytest.raises(NothingToRollBackTo, match=f"has the id 'p0'.*the newest first: {listed}"):
        rollback_state.goal(known_good, None, stage=STAGE, to="p0")


@pytest.mark.parametrize(
    ("config", "promotion_id", "drifted"), [("c3", "p3", False), ("by-hand", None, True), (None, None, False)]
)
def test_a_rollback_says_from_what_to_what(config: str | None, promotion_id: str | None, drifted: bool) -> None:
    endpoint = observed("InService", config=config) if config else None
    target = rollback_state.target(NAMED[1], NAMED, endpoint)
    assert (target.from_config, target.from_promotion) == (config, promotion_id)
    assert (target.to_config, target.to_promotion) == ("c2", "p2")
    assert target.in_words == (
        f"from {config or 'no endpoint'} "
        f"({f'promotion {promotion_id}' if promotion_id else 'no recorded promotion'}) to c2 (promotion p2)"
    )
    assert rollback_state.has_drifted(NAMED, endpoint) is drifted


def unchanged_since(endpoint: ObservedEndpoint | None, *, other: str | None = None, behind: bool = False) -> None:
    rollback_state.require_unchanged_since(BEGUN, endpoint, other=other, behind=behind, stage=STAGE)


@pytest.mark.parametrize(("other", "behind"), [(None, False), (None, True), ("another", False)])
def test_a_rollback_goes_back_from_what_served_when_it_was_started(other: str | None, behind: bool) -> None:
    unchanged_since(None, other=other, behind=behind)
    unchanged_since(observed("InService", modified_at=BEGUN), other=other, behind=behind)
    with pytest.raises(Superseded, match="was changed at 2026-11-01 12:20:00 UTC, after this rollback was started"):
        unchanged_since(observed("InService", modified_at=LATER), other=other, behind=behind)


def test_a_rollback_does_not_go_further_than_one_that_is_in_progress() -> None:
    with pytest.raises(Superseded, match=f"is being rolled back to {OLD_CONFIG} by another"):
        unchanged_since(observed("Updating"), other="another", behind=True)


def test_a_planned_rollback_needs_no_lock() -> None:
    request = replace(REQUEST, roll_back=True, dry_run=True)
    rollback_state.require_same_goal(promotion(request=request, lock=None), observed("InService"))


@pytest.mark.parametrize("known_good", [(), LAST_KNOWN_GOOD[:1]])
def test_without_an_earlier_last_known_good_there_is_nothing_to_roll_back_to(known_good: tuple[Any, ...]) -> None:
    endpoint = observed("InService", config="c3") if known_good else None
    in_service = r" \(c3\)" if known_good else ""
    with pytest.raises(NothingToRollBackTo, match=rf"of the endpoint reviews-qa{in_service}\. Promote.*allow_older"):
        rollback_state.goal(known_good, endpoint, stage=STAGE)


def test_an_abandoned_configuration_is_not_rolled_back_to_although_it_was_not_recorded() -> None:
    assert rollback_state.goal(LAST_KNOWN_GOOD, observed("InService", config="c2"), stage=STAGE).config == "c1"
    with pytest.raises(NothingToRollBackTo):
        rollback_state.goal(LAST_KNOWN_GOOD, observed("InService", config="c1"), stage=STAGE)


@pytest.mark.parametrize(
    ("known_good", "in_service", "desired", "same"),
    [
        (("c3", "c2"), "c3", "c2", True),
        (("c3", "c2"), "by-hand", "c3", True),
        # Another promotion or rollback has finished while this one waited.
        (("c4", "c3", "c2"), "c4", "c2", False),
        (("c2", "c1"), "c2", "c2", False),
        (("c2",), "c2", "c2", False),
    ],
)
def test_the_goal_must_be_the_same_under_the_lock(
    known_good: tuple[str, ...], in_service: str, desired: str, same: bool
) -> None:
    rolling_back = replace(
        promotion(
            request=replace(REQUEST, roll_back=True), lock=Lock(fence=2, last_known_good=tuple(map(good, known_good)))
        ),
        desired_config=DesiredResource(name=desired, request={}),
    )
    endpoint = observed("InService", config=in_service)
    if same:
        rollback_state.require_same_goal(rolling_back, endpoint)
        return
    with pytest.raises(Superseded, match="start the rollback again"):
        rollback_state.require_same_goal(rolling_back, endpoint)
    with pytest.raises(Superseded):
        rollback_state.require_same_goal(replace(rolling_back, lock=None), endpoint)
    rollback_state.require_same_goal(replace(rolling_back, request=REQUEST), endpoint)


@pytest.mark.parametrize("endpoint", [observed("Updating", config=OURS), observed("OutOfService", config=OURS)])
@pytest.mark.parametrize("error_name", ["SmokeTestFailed", "AccessDenied", "DeploymentTimedOut"])
def test_an_endpoint_in_service_that_is_scaled_or_repaired_is_never_deleted(
    endpoint: ObservedEndpoint, error_name: str
) -> None:
    changing = promotion(
        change=endpoint_state.before_change(PLAIN, endpoint), lock=Lock(fence=2, last_known_good=(good(OURS),))
    )
    assert action(changing, observed("InService", config=OURS), error_name=error_name) == SKIPPED


def test_an_endpoint_that_did_not_exist_is_not_rolled_back_to_an_old_last_known_good() -> None:
    new = changed(previous=None, lock=Lock(fence=2, last_known_good=(good(),)))
    assert rollback_state.previous_config(new) is None
    assert action(new, observed("Failed", config=OURS)) == DELETE


def test_a_recreated_endpoint_that_failed_again_is_not_recreated_for_hours() -> None:
    rollback = replace(rollback_state.begin(changed(), now=LATER), recreated=True, deleting=True, poll_count=5)
    broken = observed("Failed", config=OLD_CONFIG, failure_reason="No instances.")
    with pytest.raises(RollbackFailed, match=r"recreated with .* No instances. No model is in service"):
        rollback_state.next_action(changed(), rollback, broken, again=False, error_name="EndpointFailed")


def test_a_configuration_that_is_not_a_last_known_good_is_reported_as_such() -> None:
    def summary(changing: Promotion) -> str:
        return rollback_state.endpoint_summary(
            changing, rollback_state.begin(changing, now=LATER), RollbackProgress.DONE, None
        )

    assert "It is not a last known good configuration" in summary(changed())
    assert "not a last known good" not in summary(changed(lock=Lock(fence=2, last_known_good=(good(),))))


# The copies of what is rolled back to


def test_only_a_promotion_whose_copies_were_verified_can_be_rolled_back_to() -> None:
    assert rollback_state.require_verified(good(verified=NO_COPIES)) == NO_COPIES
    with pytest.raises(NothingToRollBackTo, match=r"release-6 of reviews/qa.*no list of verified copies"):
        rollback_state.require_verified(good())


def test_the_copies_of_the_previous_configuration_are_those_that_its_promotion_verified() -> None:
    made = changed(lock=Lock(fence=1, last_known_good=(good("newer"), good(verified=NO_COPIES))))
    rollback = rollback_state.begin(made, now=BEGUN)
    assert rollback_state.copies_of_previous(made, rollback) == NO_COPIES
    assert rollback_state.copies_of_previous(made, replace(rollback, to_config="newer")) is None
    assert rollback_state.copies_of_previous(made, replace(rollback, to_config="made-by-hand")) is None
    assert rollback_state.copies_of_previous(replace(made, lock=None), rollback) is None
