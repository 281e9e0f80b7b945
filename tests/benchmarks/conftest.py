"""A simulated S3 with round numbers, a real boto3 client that it answers, and virtual time around both."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from botocore.config import Config

from benchmarks.copy.contestants.clients import s3_client
from benchmarks.copy.published import Speeds
from benchmarks.copy.simulation.virtual_time import patched
from benchmarks.copy.world import SOURCE, TARGET, Workload, World

MB = 10**6
SPEEDS = Speeds(latency=0.25, rate=100 * MB, cpu_per_request=0)
COPY = {"Bucket": TARGET, "Key": "copy", "CopySource": {"Bucket": SOURCE, "Key": "model/00000.bin"}}


def world_of(size: int = 100 * MB, *, objects: int = 1, **speeds: float) -> World:
    return World(Workload("test", objects, size), replace(SPEEDS, **speeds))


def client_of(world: World, *, attempts: int = 1) -> Any:
    retries = {"mode": "standard", "total_max_attempts": attempts}
    return s3_client(world, world.machine(), Config(retries=retries))  # type: ignore[arg-type]


def seconds_of(world: World, *calls: Any, concurrency: int = 1) -> float:
    """Make the calls, so many at once, and return the virtual seconds that they took."""

    def run() -> float:
        with ThreadPoolExecutor(concurrency) as pool:
            for done in [pool.submit(call) for call in calls]:
                done.result()
        return world.clock.now

    return world.clock.run(run)


@pytest.fixture
def world() -> Iterator[World]:
    """One object of 100 MB: a request takes a quarter of a second, and a second for its bytes."""
    made = world_of()
    with patched(made.clock):
        yield made
