"""Step Functions and Lambda around a copy: their times, and what is billed."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from benchmarks.copy.published import Speeds
from benchmarks.copy.simulation.virtual_time import patched
from benchmarks.copy.workflow import Invocation, Workflow
from benchmarks.copy.world import Workload, World

SPEEDS = Speeds(map_start=2.0, child_start=0.5, children_per_second=10, step_start=0.25, cold_start=1.0)


def workflow_of(**speeds: float) -> tuple[World, Workflow]:
    world = World(Workload("test", 1, 1), replace(SPEEDS, **speeds))
    return world, Workflow(world)


def test_a_step_takes_its_start_a_new_environment_and_its_work() -> None:
    world, workflow = workflow_of()
    with patched(world.clock):
        world.clock.run(lambda: workflow.step("Plan", 1024, lambda _: time.sleep(10)))
    assert world.clock.now == pytest.approx(0.25 + 1.0 + 10)
    assert workflow.states == {"Plan": world.clock.now}
    assert (workflow.transitions, workflow.invocations) == (1, 1)
    assert workflow.gb_seconds == pytest.approx(11)


def test_a_map_runs_as_many_children_at_once_as_it_may_and_reuses_their_environments() -> None:
    world, workflow = workflow_of(children_per_second=1e9)

    def run() -> None:
        workflow.distributed_map("Copy", range(6), lambda *_: time.sleep(10), memory=1024, concurrency=3)

    with patched(world.clock):
        world.clock.run(run)
    assert world.clock.now == pytest.approx(2.0 + (0.5 + 1.0 + 10) + (0.5 + 10))
    assert workflow.invocations == 6
    assert workflow.lambda_seconds == pytest.approx(3 * 11 + 3 * 10)


def test_the_map_the_start_of_each_child_and_its_state_are_billed() -> None:
    world, workflow = workflow_of()
    with patched(world.clock):
        world.clock.run(lambda: workflow.distributed_map("Copy", range(6), lambda *_: None, memory=1024, concurrency=3))
    assert workflow.transitions == 1 + 6 + 6


def test_a_map_starts_its_children_one_after_the_other() -> None:
    world, workflow = workflow_of()
    began: list[float] = []

    def copy(_: int, invocation: Invocation) -> None:
        began.append(invocation.clock.now)
        time.sleep(10)

    with patched(world.clock):
        world.clock.run(lambda: workflow.distributed_map("Copy", range(3), copy, memory=1024, concurrency=3))
    assert [moment - began[0] for moment in began] == pytest.approx([0, 0.1, 0.2])


def test_a_childs_error_is_the_maps() -> None:
    world, workflow = workflow_of()

    def copy(item: int, _: Invocation) -> None:
        if item == 1:
            raise ValueError("no such object")

    with patched(world.clock), pytest.raises(ValueError, match="no such object"):
        world.clock.run(lambda: workflow.distributed_map("Copy", range(3), copy, memory=1024, concurrency=3))


def test_a_handler_receives_the_remaining_time_of_its_15_minutes() -> None:
    world, workflow = workflow_of()

    def handler(invocation: Invocation) -> int:
        time.sleep(60)
        return invocation.get_remaining_time_in_millis()

    with patched(world.clock):
        assert world.clock.run(lambda: workflow.step("Plan", 1024, handler)) == 840_000


def test_a_small_lambda_has_its_share_of_a_core() -> None:
    world, workflow = workflow_of()
    with patched(world.clock):
        world.clock.run(lambda: workflow.step("Plan", 512, lambda invocation: invocation.machine.compute(1.0)))
    assert world.clock.now == pytest.approx(0.25 + 1.0 + 1769 / 512)


def test_a_state_that_runs_in_both_legs_of_a_copy_counts_twice() -> None:
    world, workflow = workflow_of()

    def run() -> None:
        for _ in range(2):
            workflow.step("Plan", 1024, lambda _: time.sleep(10))

    with patched(world.clock):
        world.clock.run(run)
    assert workflow.states == {"Plan": world.clock.now}


def test_states_of_one_function_share_its_warm_environment() -> None:
    world, workflow = workflow_of()

    def run() -> None:
        workflow.step("Plan", 1024, lambda _: time.sleep(10), function="copy")
        workflow.distributed_map("Copy", [1], lambda *_: time.sleep(10), memory=1024, concurrency=3, function="copy")

    with patched(world.clock):
        world.clock.run(run)
    assert world.clock.now == pytest.approx((0.25 + 1.0 + 10) + (2.0 + 0.5 + 10))
    assert workflow.fixed_seconds == pytest.approx(world.clock.now - 20)


def test_a_warm_hub_starts_no_environment() -> None:
    world, _ = workflow_of()
    workflow = Workflow(world, is_warm=True)
    with patched(world.clock):
        world.clock.run(lambda: workflow.step("Plan", 1024, lambda _: time.sleep(10)))
    assert world.clock.now == pytest.approx(0.25 + 10)
