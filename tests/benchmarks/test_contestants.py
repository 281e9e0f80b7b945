"""The contestants: each copies everything, in the time that its way of copying must take."""

from __future__ import annotations

import pytest

from benchmarks.copy.costs import dollars
from benchmarks.copy.measure import CONTESTANTS, Measurement, measure
from benchmarks.copy.published import Prices, Speeds
from benchmarks.copy.world import WORKLOADS

HERE = sorted(set(CONTESTANTS) - {"aws s3 cp"})  # that one has an environment of its own


def measured(contestant: str, workload: str = "1 GB", **speeds: float) -> Measurement:
    return measure(contestant, WORKLOADS[workload], Speeds(**{"cpu_per_request": 0, **speeds}))


def test_ten_threads_copy_120_parts_of_8_mib_in_12_rounds() -> None:
    round_of_parts = 0.15 + 8 * 1024**2 / 85e6
    assert measured("boto3").seconds == pytest.approx(3 * 0.15 + 12 * round_of_parts, rel=0.01)


def test_one_lambda_copies_one_request_after_the_other() -> None:
    found = measured("one Lambda", step_start=0, cold_start=0)
    assert found.seconds == pytest.approx(0.15 + 1e9 / 85e6)
    assert found.invocations == 1


@pytest.mark.parametrize("contestant", HERE)
def test_two_runs_take_the_same_time(contestant: str) -> None:
    first, second = measured(contestant), measured(contestant)
    assert first.seconds == second.seconds
    assert first.requests == second.requests


def test_promote_is_slowed_down_by_a_prefix_and_still_copies_everything() -> None:
    found = measured("Promote", writes_per_second=5)
    assert found.slowed_down > 0
    assert found.requests["UploadPartCopy"] > 8


def test_a_price_is_the_sum_of_requests_lambdas_and_transitions() -> None:
    found = Measurement(
        seconds=1,
        requests={"CopyObject": 1000, "ListParts": 1000, "HeadObject": 1000, "AbortMultipartUpload": 1000},
        slowed_down=0,
        cpu_seconds=1,
        transitions=1000,
        invocations=1_000_000,
        gb_seconds=1000,
    )
    assert dollars(found, Prices()) == pytest.approx(2 * 0.005 + 0.0004 + 0.025 + 0.20 + 0.0133334)
