"""How an endpoint gets back to what it served before."""

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
)
from lambdas.promotion.contract.errors import NothingToRollBackTo, RollbackFailed, Superseded
from lambdas.promotion.contract.settings import FirstDeployment
from lambdas.promotion.contract.time_limits import LONGEST_ROLLBACK
from lambdas.promotion.endpoint import state as endpoint_state
from lambdas.promotion.endpoint.state import ObservedEndpoint
from lambdas.promotion.rollback import state as rollback_state
from lambdas.promotion.rollback.state import Action
from tests.unit.builders import BEGUN, OLD_CONFIG, REQUEST, STAGE, api, good, observed, promotion

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
    """Return a promotion that has changed an endpoint, which served `previous` before."""
    before = BEGUN - timedelta(days=1) if previous else None
    change = Change(
        progress=Progress.IN_PROGRESS, previous_config=previous, previous_modified_at=before, requested=requested
    )
    return promotion(change=change, **more)


def action(
    one: Promotion,
    found: ObservedEndpoint | None,
    *,
    poll_count: int = 0,
    again: bool = False,
    deleting: bool = False,
    error_name: str = "EndpointFailed",
) -> tuple[Action, RollbackProgress]:
    known = replace(rollback_state.begin(one, now=LATER), poll_count=poll_count, deleting=deleting)
    return rollback_state.next_action(one, known, found, again=again, error_name=error_name)


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
def test_an_endpoint_on_our_configuration_is_brought_back_whatever_its_status(status: str) -> None:
    assert action(changed(), observed(status, config=OURS, modified_at=LATER)) == ON_OURS[status]


@pytest.mark.parametrize("status", STATUSES)
def test_a_first_deployment_is_deleted_whatever_its_status(status: str) -> None:
    expected = DELETE if ON_OURS[status] in {UPDATE, DELETE} else BUSY
    assert action(changed(previous=None), observed(status, config=OURS, modified_at=LATER)) == expected


def test_a_first_deployment_is_kept_if_so_configured() -> None:
    keep = replace(STAGE, failed_first_deployment=FirstDeployment.KEEP)
    one = changed(previous=None, stage=keep)
    assert action(one, observed("InService", config=OURS, modified_at=LATER)) == (Action.NOTHING, RollbackProgress.KEPT)


def test_an_update_that_is_under_way_has_to_end_first() -> None:
    assert action(changed(), observed("Updating", pending_config=OURS, modified_at=LATER)) == BUSY


def test_the_previous_configuration_is_observed_to_serve_at_the_end() -> None:
    assert action(changed(), observed("InService", modified_at=LATER)) == DONE


def test_a_fleet_that_is_not_as_large_as_it_should_be_is_waited_for() -> None:
    assert action(changed(), observed("InService", modified_at=LATER, counts_settled=False)) == BUSY


def test_a_stale_description_is_not_trusted_at_once() -> None:
    """The change may have been asked for in this moment, and the answer may not know of it."""
    stale = observed("InService")
    assert action(changed(requested=False), stale) == BUSY
    assert action(changed(requested=False), stale, poll_count=1) == NOT_NEEDED
    assert action(changed(requested=False), stale, again=True) == NOT_NEEDED


@pytest.mark.parametrize("status", ["Failed", "OutOfService"])
def test_what_was_broken_before_us_is_left(status: str) -> None:
    assert action(changed(requested=False), observed(status)) == SKIPPED


@pytest.mark.parametrize("status", STATUSES)
def test_another_principals_configuration_is_left_in_place(status: str) -> None:
    expected = BUSY if status == "Deleting" else SKIPPED
    assert action(changed(), observed(status, config="somebody-elses", modified_at=LATER)) == expected


def test_a_failed_endpoint_is_deleted_and_made_anew_with_the_previous_configuration() -> None:
    assert action(changed(), observed("Failed", modified_at=LATER)) == DELETE
    assert action(changed(), None, deleting=True, poll_count=1) == CREATE
    assert action(changed(), None, again=True) == CREATE  # killed after the deletion


def test_a_failed_creation_without_a_configuration_is_ours_if_we_started_one() -> None:
    failed = observed("Failed", config="", modified_at=LATER)
    assert action(changed(previous=None), failed) == DELETE
    assert action(changed(previous=None, requested=False), failed) == SKIPPED


def test_an_endpoint_that_another_principal_deleted_is_left_deleted() -> None:
    assert action(changed(), None) == SKIPPED


def test_a_first_deployment_that_is_gone_is_done() -> None:
    assert action(changed(previous=None), None, deleting=True, poll_count=1) == (
        Action.NOTHING,
        RollbackProgress.DELETED,
    )


def test_a_first_deployment_that_was_never_made_is_untouched() -> None:
    assert action(changed(previous=None, requested=False), None) == BUSY
    assert action(changed(previous=None, requested=False), None, poll_count=1) == NOT_NEEDED


def test_an_endpoint_already_on_our_configuration_rolls_back_to_the_recorded_last_known_good_one() -> None:
    change = Change(progress=Progress.NOTHING_TO_DO, previous_config=OURS, adopted=True)
    one = promotion(change=change, lock=Lock(fence=2, last_known_good=(good(),)))
    assert rollback_state.previous_config(one) == OLD_CONFIG


def test_a_configuration_that_served_before_is_replaced_only_if_it_fails_and_a_last_known_good_one_exists() -> None:
    change = Change(progress=Progress.NOTHING_TO_DO, previous_config=OURS, adopted=True)
    found = observed("InService", config=OURS)
    known, alone = promotion(change=change, lock=Lock(fence=2, last_known_good=(good(),))), promotion(change=change)
    assert action(known, found, error_name="SmokeTestFailed") == UPDATE
    assert action(known, found, error_name="AccessDenied") == SKIPPED
    for error_name in ("SmokeTestFailed", "AccessDenied"):
        assert action(alone, found, error_name=error_name) == SKIPPED
        assert action(alone, found, error_name=error_name, again=True, poll_count=3) == SKIPPED
    left = RollbackProgress.SKIPPED
    said = rollback_state.endpoint_summary(alone, rollback_state.begin(alone, now=LATER), left, found)
    assert f"served {OURS} before this promotion came, and was left as it is. The record knows no other" in said


def test_a_roll_back_goes_on_where_it_was() -> None:
    known = Rollback(progress=RollbackProgress.IN_PROGRESS, began_at=BEGUN, to_config="c", poll_count=3)
    assert rollback_state.begin(promotion(rollback=known), now=LATER) is known


def test_a_roll_back_does_not_go_on_for_ever() -> None:
    known = rollback_state.begin(changed(), now=BEGUN)
    rollback_state.require_time_left(changed(), known, None, now=BEGUN + LONGEST_ROLLBACK)
    with pytest.raises(RollbackFailed, match="still Updating 9 hours"):
        rollback_state.require_time_left(
            changed(), known, observed("Updating"), now=BEGUN + timedelta(hours=9, minutes=1)
        )


IN_PROGRESS = {RollbackProgress.BUSY, RollbackProgress.IN_PROGRESS, RollbackProgress.BLOCKED_BY_SCALING}


@pytest.mark.parametrize("progress", sorted(set(RollbackProgress) - IN_PROGRESS))
def test_every_outcome_states_what_serves(progress: RollbackProgress) -> None:
    known = rollback_state.begin(changed(), now=BEGUN)
    assert PLAIN.stage.endpoint in rollback_state.endpoint_summary(changed(), known, progress, observed("InService"))


LAST_KNOWN_GOOD = (good("c3"), good("c2"), good("c1"))


def test_the_newest_last_known_good_that_does_not_serve_is_rolled_back_to() -> None:
    assert rollback_state.goal(LAST_KNOWN_GOOD, observed("InService", config="c3"), stage=STAGE).config == "c2"
    assert rollback_state.goal(LAST_KNOWN_GOOD, observed("InService", config="by-hand"), stage=STAGE).config == "c3"
    assert rollback_state.goal(LAST_KNOWN_GOOD, None, stage=STAGE).config == "c3"


@pytest.mark.parametrize("known", [(), LAST_KNOWN_GOOD[:1]])
def test_without_an_earlier_last_known_good_there_is_nothing_to_roll_back_to(known: tuple[Any, ...]) -> None:
    found = observed("InService", config="c3") if known else None
    with pytest.raises(NothingToRollBackTo, match="allow_older"):
        rollback_state.goal(known, found, stage=STAGE)


def test_an_abandoned_configuration_is_not_rolled_back_to_although_it_was_not_recorded() -> None:
    assert rollback_state.goal(LAST_KNOWN_GOOD, observed("InService", config="c2"), stage=STAGE).config == "c1"
    with pytest.raises(NothingToRollBackTo):
        rollback_state.goal(LAST_KNOWN_GOOD, observed("InService", config="c1"), stage=STAGE)


@pytest.mark.parametrize(
    ("known", "serves", "wanted", "same"),
    [
        (("c3", "c2"), "c3", "c2", True),
        (("c3", "c2"), "by-hand", "c3", True),
        # Another promotion has ended, or another roll-back, while this one waited.
        (("c4", "c3", "c2"), "c4", "c2", False),
        (("c2", "c1"), "c2", "c2", False),
        (("c2",), "c2", "c2", False),
    ],
)
def test_the_goal_must_be_the_same_under_the_lock(known: tuple[str, ...], serves: str, wanted: str, same: bool) -> None:
    asked = replace(
        promotion(
            request=replace(REQUEST, roll_back=True), lock=Lock(fence=2, last_known_good=tuple(map(good, known)))
        ),
        desired_config=DesiredResource(name=wanted, request={}),
    )
    found = observed("InService", config=serves)
    if same:
        rollback_state.require_same_goal(asked, found)
        return
    with pytest.raises(Superseded, match="ask again"):
        rollback_state.require_same_goal(asked, found)
    rollback_state.require_same_goal(replace(asked, request=REQUEST), found)


@pytest.mark.parametrize("found", [observed("Updating", config=OURS), observed("OutOfService", config=OURS)])
@pytest.mark.parametrize("error_name", ["SmokeTestFailed", "AccessDenied", "DeploymentTimedOut"])
def test_what_serves_and_is_scaled_or_repaired_is_never_deleted(found: ObservedEndpoint, error_name: str) -> None:
    one = promotion(
        change=endpoint_state.before_change(PLAIN, found), lock=Lock(fence=2, last_known_good=(good(OURS),))
    )
    assert action(one, observed("InService", config=OURS), error_name=error_name) == SKIPPED


def test_an_endpoint_that_did_not_exist_is_not_rolled_back_to_an_old_last_known_good() -> None:
    new = changed(previous=None, lock=Lock(fence=2, last_known_good=(good(),)))
    assert rollback_state.previous_config(new) is None
    assert action(new, observed("Failed", config=OURS)) == DELETE


def test_what_was_made_anew_and_failed_again_is_not_made_for_hours() -> None:
    known = replace(rollback_state.begin(changed(), now=LATER), recreated=True, deleting=True, poll_count=5)
    broken = observed("Failed", config=OLD_CONFIG, failure_reason="No instances.")
    with pytest.raises(RollbackFailed, match=r"made anew with .* No instances. Nothing serves"):
        rollback_state.next_action(changed(), known, broken, again=False, error_name="EndpointFailed")


def test_a_configuration_that_is_not_a_last_known_good_is_reported_as_such() -> None:
    def said(one: Promotion) -> str:
        return rollback_state.endpoint_summary(one, rollback_state.begin(one, now=LATER), RollbackProgress.DONE, None)

    assert "No good promotion of that is known" in said(changed())
    assert "No good" not in said(changed(lock=Lock(fence=2, last_known_good=(good(),))))
