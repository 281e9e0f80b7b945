"""How an endpoint gets back to what it served before."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambdas.promotion.contract.document import Change, Lock, Progress, Promotion, RollBack, RollBackProgress, Wanted
from lambdas.promotion.contract.errors import NothingToRollBackTo, RollbackFailed, Superseded
from lambdas.promotion.contract.settings import FirstDeployment
from lambdas.promotion.endpoint import state as endpoint_state
from lambdas.promotion.endpoint.state import EndpointSeen
from lambdas.promotion.rollback import state as rollback_state
from lambdas.promotion.rollback.state import Act
from tests.unit.builders import BEGUN, OLD_CONFIG, REQUEST, STAGE, api, good, promotion, seen

STATUSES = [str(value) for value in api("sagemaker").shape_for("EndpointStatus").enum]  # type: ignore[attr-defined]
PLAIN = promotion()
OURS = PLAIN.wanted_config.name
LATER = BEGUN + timedelta(minutes=20)
BUSY = (Act.NOTHING, RollBackProgress.BUSY)
LEFT = (Act.NOTHING, RollBackProgress.LEFT)
DONE = (Act.NOTHING, RollBackProgress.DONE)
UNTOUCHED = (Act.NOTHING, RollBackProgress.UNTOUCHED)
UPDATE = (Act.UPDATE, RollBackProgress.UNDER_WAY)
DELETE = (Act.DELETE, RollBackProgress.UNDER_WAY)
CREATE = (Act.CREATE, RollBackProgress.UNDER_WAY)


def changed(*, previous: str | None = OLD_CONFIG, tried: bool = True, **more: Any) -> Promotion:
    """Return a promotion that has changed an endpoint, which served `previous` before."""
    before = BEGUN - timedelta(days=1) if previous else None
    change = Change(progress=Progress.UNDER_WAY, previous_config=previous, previous_modified_at=before, tried=tried)
    return promotion(change=change, **more)


def act(
    one: Promotion,
    found: EndpointSeen | None,
    *,
    looks: int = 0,
    again: bool = False,
    deleting: bool = False,
    because: str = "EndpointFailed",
) -> tuple[Act, RollBackProgress]:
    known = replace(rollback_state.begin(one, now=LATER), looks=looks, deleting=deleting)
    return rollback_state.next_act(one, known, found, again=again, because=because)


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
    assert act(changed(), seen(status, config=OURS, modified_at=LATER)) == ON_OURS[status]


@pytest.mark.parametrize("status", STATUSES)
def test_a_first_deployment_is_deleted_whatever_its_status(status: str) -> None:
    expected = DELETE if ON_OURS[status] in {UPDATE, DELETE} else BUSY
    assert act(changed(previous=None), seen(status, config=OURS, modified_at=LATER)) == expected


def test_a_first_deployment_is_kept_if_so_configured() -> None:
    keep = replace(STAGE, failed_first_deployment=FirstDeployment.KEEP)
    one = changed(previous=None, stage=keep)
    assert act(one, seen("InService", config=OURS, modified_at=LATER)) == (Act.NOTHING, RollBackProgress.KEPT)


def test_an_update_that_is_under_way_has_to_end_first() -> None:
    assert act(changed(), seen("Updating", pending_config=OURS, modified_at=LATER)) == BUSY


def test_the_previous_configuration_is_seen_to_serve_at_the_end() -> None:
    assert act(changed(), seen("InService", modified_at=LATER)) == DONE


def test_a_fleet_that_is_not_as_large_as_it_should_be_is_waited_for() -> None:
    assert act(changed(), seen("InService", modified_at=LATER, counts_settled=False)) == BUSY


def test_an_answer_from_before_the_change_is_not_believed_at_once() -> None:
    """The change may have been asked for in this moment, and the answer may not know of it."""
    stale = seen("InService")
    assert act(changed(tried=False), stale) == BUSY
    assert act(changed(tried=False), stale, looks=1) == UNTOUCHED
    assert act(changed(tried=False), stale, again=True) == UNTOUCHED


@pytest.mark.parametrize("status", ["Failed", "OutOfService"])
def test_what_was_broken_before_us_is_left(status: str) -> None:
    assert act(changed(tried=False), seen(status)) == LEFT


@pytest.mark.parametrize("status", STATUSES)
def test_somebody_elses_configuration_is_left(status: str) -> None:
    expected = BUSY if status == "Deleting" else LEFT
    assert act(changed(), seen(status, config="somebody-elses", modified_at=LATER)) == expected


def test_a_failed_endpoint_is_deleted_and_made_anew_with_the_previous_configuration() -> None:
    assert act(changed(), seen("Failed", modified_at=LATER)) == DELETE
    assert act(changed(), None, deleting=True, looks=1) == CREATE
    assert act(changed(), None, again=True) == CREATE  # killed after the deletion


def test_a_creation_that_failed_has_no_configuration_and_is_ours_if_we_tried() -> None:
    failed = seen("Failed", config="", modified_at=LATER)
    assert act(changed(previous=None), failed) == DELETE
    assert act(changed(previous=None, tried=False), failed) == LEFT


def test_an_endpoint_that_somebody_deleted_is_left_deleted() -> None:
    assert act(changed(), None) == LEFT


def test_a_first_deployment_that_is_gone_is_done() -> None:
    assert act(changed(previous=None), None, deleting=True, looks=1) == (Act.NOTHING, RollBackProgress.DELETED)


def test_a_first_deployment_that_was_never_made_is_untouched() -> None:
    assert act(changed(previous=None, tried=False), None) == BUSY
    assert act(changed(previous=None, tried=False), None, looks=1) == UNTOUCHED


def test_what_served_our_configuration_already_goes_back_to_the_last_good_one_by_the_record() -> None:
    change = Change(progress=Progress.NOTHING_TO_DO, previous_config=OURS, joined=True)
    one = promotion(change=change, lock=Lock(fence=2, good=(good(),)))
    assert rollback_state.previous_config(one) == OLD_CONFIG


def test_what_served_before_us_is_taken_away_only_if_it_answers_wrongly_and_something_good_is_known() -> None:
    change = Change(progress=Progress.NOTHING_TO_DO, previous_config=OURS, joined=True)
    found = seen("InService", config=OURS)
    known, alone = promotion(change=change, lock=Lock(fence=2, good=(good(),))), promotion(change=change)
    assert act(known, found, because="SmokeTestFailed") == UPDATE
    assert act(known, found, because="AccessDenied") == LEFT
    for because in ("SmokeTestFailed", "AccessDenied"):
        assert act(alone, found, because=because) == LEFT
        assert act(alone, found, because=because, again=True, looks=3) == LEFT
    left = RollBackProgress.LEFT
    said = rollback_state.serves(alone, rollback_state.begin(alone, now=LATER), left, found)
    assert f"served {OURS} before this promotion came, and was left as it is. The record knows no other" in said


def test_a_roll_back_goes_on_where_it_was() -> None:
    known = RollBack(progress=RollBackProgress.UNDER_WAY, began_at=BEGUN, to="c", looks=3)
    assert rollback_state.begin(promotion(roll_back=known), now=LATER) is known


def test_a_roll_back_does_not_go_on_for_ever() -> None:
    known = rollback_state.begin(changed(), now=BEGUN)
    rollback_state.require_time_left(changed(), known, None, now=BEGUN + rollback_state.LONGEST)
    with pytest.raises(RollbackFailed, match="still Updating 9 hours"):
        rollback_state.require_time_left(changed(), known, seen("Updating"), now=BEGUN + timedelta(hours=9, minutes=1))


ON_THE_WAY = {RollBackProgress.BUSY, RollBackProgress.UNDER_WAY, RollBackProgress.SCALING_IN_THE_WAY}


@pytest.mark.parametrize("progress", set(RollBackProgress) - ON_THE_WAY)
def test_every_end_says_what_serves(progress: RollBackProgress) -> None:
    known = rollback_state.begin(changed(), now=BEGUN)
    assert PLAIN.stage.endpoint in rollback_state.serves(changed(), known, progress, seen("InService"))


GOOD = (good("c3"), good("c2"), good("c1"))


def test_the_newest_good_one_that_does_not_serve_is_gone_back_to() -> None:
    assert rollback_state.goal(GOOD, seen("InService", config="c3"), stage=STAGE).config == "c2"
    assert rollback_state.goal(GOOD, seen("InService", config="by-hand"), stage=STAGE).config == "c3"
    assert rollback_state.goal(GOOD, None, stage=STAGE).config == "c3"


@pytest.mark.parametrize("known", [(), GOOD[:1]])
def test_without_an_earlier_good_one_there_is_nothing_to_go_back_to(known: tuple[Any, ...]) -> None:
    found = seen("InService", config="c3") if known else None
    with pytest.raises(NothingToRollBackTo, match="allow_older"):
        rollback_state.goal(known, found, stage=STAGE)


def test_what_was_left_behind_is_not_gone_back_to_although_that_was_not_noted() -> None:
    assert rollback_state.goal(GOOD, seen("InService", config="c2"), stage=STAGE).config == "c1"
    with pytest.raises(NothingToRollBackTo):
        rollback_state.goal(GOOD, seen("InService", config="c1"), stage=STAGE)


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
        promotion(request=replace(REQUEST, roll_back=True), lock=Lock(fence=2, good=tuple(map(good, known)))),
        wanted_config=Wanted(name=wanted, request={}),
    )
    found = seen("InService", config=serves)
    if same:
        rollback_state.require_same_goal(asked, found)
        return
    with pytest.raises(Superseded, match="ask again"):
        rollback_state.require_same_goal(asked, found)
    rollback_state.require_same_goal(replace(asked, request=REQUEST), found)


@pytest.mark.parametrize("found", [seen("Updating", config=OURS), seen("OutOfService", config=OURS)])
@pytest.mark.parametrize("because", ["SmokeTestFailed", "AccessDenied", "DeploymentTimedOut"])
def test_what_serves_and_is_scaled_or_repaired_is_never_deleted(found: EndpointSeen, because: str) -> None:
    one = promotion(change=endpoint_state.before_change(PLAIN, found), lock=Lock(fence=2, good=(good(OURS),)))
    assert act(one, seen("InService", config=OURS), because=because) == LEFT


def test_an_endpoint_that_was_not_there_is_not_brought_to_an_old_good_one() -> None:
    new = changed(previous=None, lock=Lock(fence=2, good=(good(),)))
    assert rollback_state.previous_config(new) is None
    assert act(new, seen("Failed", config=OURS)) == DELETE


def test_what_was_made_anew_and_failed_again_is_not_made_for_hours() -> None:
    known = replace(rollback_state.begin(changed(), now=LATER), made=True, deleting=True, looks=5)
    broken = seen("Failed", config=OLD_CONFIG, failure_reason="No instances.")
    with pytest.raises(RollbackFailed, match=r"made anew with .* No instances. Nothing serves"):
        rollback_state.next_act(changed(), known, broken, again=False, because="EndpointFailed")


def test_a_configuration_that_no_good_promotion_made_is_told_as_such() -> None:
    def said(one: Promotion) -> str:
        return rollback_state.serves(one, rollback_state.begin(one, now=LATER), RollBackProgress.DONE, None)

    assert "No good promotion of that is known" in said(changed())
    assert "No good" not in said(changed(lock=Lock(fence=2, good=(good(),))))
