"""Each call throttled, and each call with an effect done but not answered, at least once: a promotion survives it.

That each call can be denied, and the message, is shown permission by permission in test_role_permissions.py and
test_resource_policies.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lambdas.promotion.contract.settings import Preview, Settings
from sandbox.aws.faults.faults import Call, Kind
from tests.integration import smoke_tests
from tests.integration.faults.test_process_kills import (
    CASES,
    LARGE_WITH_IMAGE,
    PREVIEWED,
    UPDATE,
    prepare,
    require_usual_outcome,
)
from tests.integration.scenarios import QA, delete_large_copies
from tests.integration.world import World

LOCKING = {"Lock the endpoint", "Confirm the lock", "Record the last known good and unlock the endpoint"}
BY_THE_STATE_MACHINE = {*LOCKING, "Announce the outcome"}


@pytest.fixture
def world(world: World, deployed_settings: Settings) -> Iterator[World]:
    with smoke_tests.tested(world, deployed_settings, smoke_tests.TEXT, preview=Preview()):
        yield world
    delete_large_copies(world, QA)


def injected(world: World) -> list[Call]:
    return [call for call, _ in world.step_faults.injected()]


# Preflight makes more different calls than a state has retries, so the calls are throttled by their first letters.
@pytest.mark.parametrize("letters", ["[A-G]", "[H-L]", "[M-Z]"])
def test_every_call_throttled_once_is_retried(world: World, letters: str) -> None:
    before = prepare(world, LARGE_WITH_IMAGE)
    world.step_faults.record()
    world.step_faults.inject(f"{letters}*", Kind.ERROR, each=True)
    ended = world.promote(before.made)

    require_usual_outcome(world, LARGE_WITH_IMAGE, before, ended)
    throttled = injected(world)
    assert len(throttled) == len(set(throttled))
    assert set(throttled) == {
        call for call in world.step_faults.calls() if letters[1] <= call.operation[0] <= letters[3]
    }


def test_every_effect_whose_response_is_lost_is_detected(world: World) -> None:
    before = prepare(world, LARGE_WITH_IMAGE)
    # A model that says nothing in time has failed its smoke test: that is an answer.
    scenarios = (UPDATE, LARGE_WITH_IMAGE, PREVIEWED)
    effects = [case for case in CASES if case.scenario in scenarios and case.operation != "InvokeEndpoint"]
    for case in effects:
        world.step_faults.inject(case.operation, Kind.TIMEOUT_AFTER, step=case.step)
    ended = world.promote(before.made)

    assert world.step_faults.pending() == []
    assert len(world.step_faults.injected()) == len(effects)
    require_usual_outcome(world, LARGE_WITH_IMAGE, before, ended)


def test_the_lock_is_taken_confirmed_and_released_without_any_response(world: World) -> None:
    before = prepare(world, UPDATE)
    for kind in (Kind.ERROR, Kind.TIMEOUT_AFTER):
        world.step_faults.inject("UpdateItem", kind, step="*the endpoint", each=True)
        world.step_faults.inject("UpdateItem", kind, step="Confirm the lock")
        world.step_faults.inject("Publish", kind, step="Announce the outcome", code="ThrottledException")
    ended = world.promote(before.made)

    assert {call.step for call in injected(world)} == BY_THE_STATE_MACHINE
    require_usual_outcome(world, UPDATE, before, ended)
    assert world.lock_of("qa")["fence"]
