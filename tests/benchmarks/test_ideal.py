"""The ideal: nothing can be faster, and an even load is exactly that fast."""

from __future__ import annotations

import functools

import pytest

from benchmarks.copy.ideal import ideal
from benchmarks.copy.published import GIB, Speeds
from benchmarks.copy.simulation.virtual_time import patched
from benchmarks.copy.world import Workload
from tests.benchmarks.conftest import COPY, MB, SPEEDS, client_of, seconds_of, world_of

ONE = Workload("one", 1, 140_000 * MB)


def test_one_object_takes_its_bytes_over_all_slots_and_three_latencies() -> None:
    assert ideal(ONE, SPEEDS, concurrency=100).s3 == pytest.approx(140_000 / 100 / 100 + 3 * 0.25)


def test_twice_the_bytes_take_twice_the_time_once_all_slots_are_busy() -> None:
    twice = Workload("twice", 1, 2 * ONE.size)
    once, both = (ideal(each, SPEEDS, concurrency=100).s3 - 3 * 0.25 for each in (ONE, twice))
    assert both == pytest.approx(2 * once)


def test_parts_are_no_larger_than_five_gibibytes() -> None:
    large = Workload("large", 1, 20 * GIB)
    assert ideal(large, SPEEDS, concurrency=2).s3 == pytest.approx(10 * GIB / 100 / MB + 2 * 0.25 + 2 * 0.25)


def test_a_small_object_is_copied_by_one_request() -> None:
    assert ideal(Workload("small", 1, 10 * MB), SPEEDS, concurrency=100).s3 == pytest.approx(0.25 + 0.1)


def test_many_objects_are_held_up_by_the_prefix() -> None:
    speeds = Speeds(latency=0.25, rate=100 * MB, writes_per_second=100, burst=1)
    many = Workload("many", 1100, MB)
    assert ideal(many, speeds, concurrency=1000).s3 == pytest.approx(10 + 0.25 + 0.01)


def test_the_start_is_a_map_run_a_child_and_an_environment() -> None:
    speeds = Speeds(map_start=2, child_start=0.5, cold_start=1)
    assert ideal(ONE, speeds, concurrency=100).start == pytest.approx(3.5)


def test_the_simulation_reaches_the_ideal_with_an_even_load() -> None:
    world = world_of(MB, objects=100)
    with patched(world.clock):
        s3 = client_of(world)
        calls = [functools.partial(s3.copy_object, **{**COPY, "Key": str(number)}) for number in range(100)]
        seconds = seconds_of(world, *calls, concurrency=10)
    assert seconds == pytest.approx(ideal(world.workload, SPEEDS, concurrency=10).s3)
