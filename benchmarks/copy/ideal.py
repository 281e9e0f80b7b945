"""The least time in which any program could let the simulated S3 copy a workload, with so many requests at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmarks.copy import published
from benchmarks.copy.published import Speeds
from benchmarks.copy.world import Workload


@dataclass(frozen=True)
class Ideal:
    """Seconds: what S3 takes, and what a Distributed Map adds before its first request can begin."""

    s3: float
    start: float

    @property
    def seconds(self) -> float:
        return self.s3 + self.start


def ideal(workload: Workload, speeds: Speeds, *, at_once: int) -> Ideal:
    """Return the ideal with `at_once` requests under way at any moment.

    S3's part: every request slot is busy until the last byte, with the fewest latencies that the limits allow, and
    never slowed down. Around that, what must come before and after: one look at the source (one HEAD, or the pages of
    a list, which must follow each other), and for an object copied by parts its opening and its completion.

    The start: one Map Run, one child, one new Lambda environment. All that comes on top (the workflow's other steps,
    uneven shares, CPU, requests that were refused) is the program's.
    """
    return Ideal(
        s3=_one(workload.size, speeds, at_once) if workload.objects == 1 else _many(workload, speeds, at_once),
        start=speeds.map_start + speeds.child_start + speeds.cold_start,
    )


def _one(size: int, speeds: Speeds, at_once: int) -> float:
    whole = 2 * speeds.latency + size / speeds.rate if size <= published.LARGEST_COPY else math.inf
    slots = max(1, min(at_once, size // published.SMALLEST_PART))
    requests = math.ceil(size / slots / published.LARGEST_PART)  # one after the other, in each slot
    by_parts = 3 * speeds.latency + requests * speeds.latency + size / slots / speeds.rate
    return min(whole, by_parts)


def _many(workload: Workload, speeds: Speeds, at_once: int) -> float:
    """Each object by one request: they are too small to gain by parts."""
    look = math.ceil(workload.objects / 1000) * speeds.latency
    request = speeds.latency + workload.size / speeds.rate
    by_slots = math.ceil(workload.objects / at_once) * request
    at_the_limit = (workload.objects - speeds.writes_per_second * speeds.burst) / speeds.writes_per_second + request
    return look + max(by_slots, at_the_limit)
