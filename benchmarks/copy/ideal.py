"""The least time in which any program could let the simulated S3 copy a workload, with so many requests at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmarks.copy import published
from benchmarks.copy.published import Speeds
from benchmarks.copy.world import Workload


@dataclass(frozen=True)
class Ideal:
    """Seconds: what S3 takes, and what passes before a Distributed Map's first request can be sent."""

    s3: float
    start: float

    @property
    def seconds(self) -> float:
        return self.s3 + self.start


def ideal(workload: Workload, speeds: Speeds, *, concurrency: int) -> Ideal:
    """Return the ideal with `at_once` requests under way at any moment. What is to be copied is known.

    S3's part: every slot for a request is busy until the last byte, with the fewest latencies that the limits allow,
    and no request is refused. An object that is copied by parts is opened before and completed after.

    The start: one Map Run, one child, one new Lambda environment. All that comes on top (the workflow's other steps,
    looking at sources, reading lists, uneven shares, CPU, refused requests) is the program's.
    """
    return Ideal(
        s3=_single_object(workload.size, speeds, concurrency)
        if workload.objects == 1
        else _many_objects(workload, speeds, concurrency),
        start=speeds.map_start + speeds.child_start + speeds.cold_start,
    )


def _single_object(size: int, speeds: Speeds, concurrency: int) -> float:
    whole = speeds.latency + size / speeds.rate if size <= published.LARGEST_COPY else math.inf
    slots = max(1, min(concurrency, size // published.SMALLEST_PART))
    rounds = math.ceil(size / slots / published.LARGEST_PART)
    by_parts = 2 * speeds.latency + rounds * speeds.latency + size / slots / speeds.rate
    return min(whole, by_parts)


def _many_objects(workload: Workload, speeds: Speeds, concurrency: int) -> float:
    """Each object by one request, in rounds or at the limit of the prefix: they are too small to gain by parts."""
    request = speeds.latency + workload.size / speeds.rate
    by_slots = math.ceil(workload.objects / concurrency) * request
    in_burst = speeds.writes_per_second * speeds.burst
    at_the_limit = max(0.0, workload.objects - in_burst) / speeds.writes_per_second + request
    return max(by_slots, at_the_limit)
