"""Each call throttled, and each call with an effect done but not answered, at least once: a promotion survives it.

That each call can be denied, and what is said then, is shown right by right in test_role_permissions.py and
test_resource_policies.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lambdas.promotion.contract.settings import Settings, Trial
from sandbox.aws.faults.process_kills import Call, Kind
from tests.integration import smoke_tests
from tests.integration.faults.test_process_kills import CASES, LARGE_WITH_IMAGE, TRIED, UPDATE, ended_as_usual, given
from tests.integration.scenarios import QA, forget_large_copies
from tests.integration.world import World

LOCKING = {"Lock the endpoint", "Confirm the lock", "Note what serves and unlock the endpoint"}
BY_THE_STATE_MACHINE = {*LOCKING, "Announce the outcome"}


@pytest.fixture
def world(world: World, deployed_settings: Settings) -> Iterator[World]:
    with smoke_tests.tested(world, deployed_settings, smoke_tests.TEXT, trial=Trial()):
        yield world
    forget_large_copies(world, QA)


def happened(world: World) -> list[Call]:
    return [call for call, _ in world.kills.happened()]


# The check ahead makes more different calls than a state has tries, so the calls are throttled by their first letters.
@pytest.mark.parametrize("letters", ["[A-G]", "[H-L]", "[M-Z]"])
def test_every_call_throttled_once_is_tried_again(world: World, letters: str) -> None:
    before = given(world, LARGE_WITH_IMAGE)
    world.kills.record()
    world.kills.inject("*", f"{letters}*", Kind.ERROR, each=True)
    ended = world.promote(before.made)

    ended_as_usual(world, LARGE_WITH_IMAGE, before, ended)
    throttled = happened(world)
    assert len(throttled) == len(set(throttled))
    assert set(throttled) == {call for call in world.kills.calls() if letters[1] <= call.operation[0] <= letters[3]}


def test_every_effect_whose_answer_is_lost_is_found_to_be_there(world: World) -> None:
    before = given(world, LARGE_WITH_IMAGE)
    # A model that says nothing in time has failed its smoke test: that is an answer.
    journeys = (UPDATE, LARGE_WITH_IMAGE, TRIED)
    effects = [case for case in CASES if case.journey in journeys and case.operation != "InvokeEndpoint"]
    for case in effects:
        world.kills.inject(case.step, case.operation, Kind.TIMEOUT_AFTER)
    ended = world.promote(before.made)

    assert world.kills.pending() == []
    assert len(world.kills.happened()) == len(effects)
    ended_as_usual(world, LARGE_WITH_IMAGE, before, ended)


def test_the_lock_is_taken_confirmed_and_given_back_although_no_answer_comes(world: World) -> None:
    before = given(world, UPDATE)
    for kind in (Kind.ERROR, Kind.TIMEOUT_AFTER):
        world.kills.inject("*the endpoint", "UpdateItem", kind, each=True)
        world.kills.inject("Confirm the lock", "UpdateItem", kind)
        world.kills.inject("Announce the outcome", "Publish", kind, code="ThrottledException")
    ended = world.promote(before.made)

    assert {call.step for call in happened(world)} == BY_THE_STATE_MACHINE
    ended_as_usual(world, UPDATE, before, ended)
    assert world.lock_of("qa")["fence"]
