"""The contestants: each copies everything, in the time that its way of copying must take."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

# Imported before time becomes virtual: what they keep must work for other tests, too.
from benchmarks.copy.contestants import managed_copy, one_lambda  # noqa: F401
from benchmarks.copy.costs import dollars
from benchmarks.copy.measure import Measurement, measure
from benchmarks.copy.published import Prices, Speeds
from benchmarks.copy.world import WORKLOADS


def speeds(**changes: float) -> Speeds:
    return Speeds(**{"cpu_per_request": 0, **changes})


def of_promote(**changes: float) -> Measurement:
    """Measure Promote in a process of its own: its Lambdas keep sessions and loggers for as long as they are warm."""
    order = {"contestant": "Promote", "workload": "1 GB", "speeds": dataclasses.asdict(speeds(**changes))}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.copy.measure", json.dumps(order)], capture_output=True, text=True, check=True
    )
    return Measurement(**json.loads(done.stdout))


def test_ten_threads_copy_120_parts_of_8_mib_in_12_rounds() -> None:
    measurement = measure("boto3", WORKLOADS["1 GB"], speeds())
    assert measurement.seconds == pytest.approx(3 * 0.15 + 12 * (0.15 + 8 * 1024**2 / 85e6), rel=0.01)


def test_one_lambda_copies_one_request_after_the_other() -> None:
    measurement = measure("one Lambda", WORKLOADS["1 GB"], speeds(step_start=0, cold_start=0))
    assert measurement.seconds == pytest.approx(0.15 + 1e9 / 85e6)
    assert measurement.invocations == 1


def test_a_tuned_transfer_copies_all_parts_at_once() -> None:
    measurement = measure("boto3, tuned", WORKLOADS["1 GB"], speeds())
    assert measurement.seconds == pytest.approx(4 * 0.15 + 128 * 1024**2 / 85e6)


def test_two_runs_take_the_same_time_also_where_the_prefix_slows_them_down() -> None:
    first, second = of_promote(writes_per_second=5), of_promote(writes_per_second=5)
    assert first.slowed_down > 0
    assert first.seconds == second.seconds
    assert first.requests == second.requests


def test_promote_is_not_slowed_down_at_the_published_rates() -> None:
    measurement = of_promote()
    assert measurement.slowed_down == 0
    assert measurement.requests["CompleteMultipartUpload"] == 2  # one in each leg


def test_the_seconds_of_promote_are_those_of_every_step_also_before_and_after_the_copy() -> None:
    measurement = of_promote()
    assert {"Resolve the model", "Verify the artifacts"} <= set(measurement.states)
    assert measurement.seconds == pytest.approx(sum(measurement.states.values()))


def test_a_price_is_the_sum_of_requests_lambdas_and_transitions() -> None:
    measurement = Measurement(
        seconds=1,
        requests={"CopyObject": 1000, "ListParts": 1000, "HeadObject": 1000, "AbortMultipartUpload": 1000},
        slowed_down=0,
        cpu_seconds=1,
        transitions=1000,
        invocations=1_000_000,
        gb_seconds=1000,
    )
    assert dollars(measurement, Prices()) == pytest.approx(2 * 0.005 + 0.0004 + 0.025 + 0.20 + 0.0133334)


def test_an_equal_proof_looks_at_the_source_and_at_the_copy() -> None:
    copied, proved = (measure(who, WORKLOADS["1 GB"], speeds()) for who in ("boto3, tuned", "boto3, tuned, proved"))
    assert proved.requests["HeadObject"] == copied.requests["HeadObject"] + 2
    assert proved.seconds == pytest.approx(copied.seconds + 0.15)
