"""Partition a copy into work units of similar cost, within S3's limits. Pure: no AWS calls.

A work unit is what one invocation of copy_unit does; AT_ONCE work units run concurrently. It looks at each of its
objects and takes it through both legs; only parts of an object that is shared by several units pass one.
A cost is the time of a unit at S3's published rates. They are used for balance only: no result depends on them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lambdas.promotion.contract.document import Artifact, CopyPlan, Leg, Segment, Transfer, WorkUnit, to_line

# Work units: the Map's concurrency. A new account has 10 concurrent Lambda invocations in all (AWS: Lambda quotas);
# this leaves it some.
AT_ONCE = 7
# Requests of a work unit. S3 allows a prefix 3,500 writes a second (AWS: S3, "Performance guidelines"). The requests
# for whole objects are short: of all units together these are as many as that permits. Those for parts last longer.
IN_FLIGHT = 100
PARTS_IN_FLIGHT = 200

_MIB = 1024**2
# AWS: Amazon S3 multipart upload limits, and the CopyObject API ("up to 5 GB"; the number that is enforced).
_MOST_PARTS = 10_000
_LARGEST_PART = LARGEST_COPY = 5 * 1024**3
# Large enough that a request's latency is a small part of its time. An object has as many parts as fill whole rounds of
# all concurrent requests, so that none is idle at the end.
_PART = 256 * _MIB
_SMALLEST_PART = 8 * _MIB
_BY_PARTS_ABOVE = 256 * _MIB
# AWS: S3, "Performance guidelines": 85 to 90 MB/s a request, 100 to 200 ms to its first byte.
_BYTES_A_SECOND = 85e6
_LATENCY = 0.15  # seconds
# A work unit lasts about this long at these rates (seconds), and at most the longest request more: progress is visible
# per work unit, and Lambda ends an invocation after 15 minutes.
_LONGEST_WORK_UNIT = 120.0
# One step verifies so many copies in about the time that a Map takes to start.
MOST_VERIFIED_BY_ONE_STEP = 2000
# What one work unit does in this time (seconds) is not worth a Map, which takes some seconds to start.
_NOT_WORTH_A_MAP = 4.0
# An object that takes one work unit longer (seconds) is shared by several: a unit that runs again begins it anew.
_LONGEST_OF_ONE_UNIT = 10.0
_ROUNDING = 1e-6
# S3 repeats the key in its answers about an upload, and encodes only lists (API: ListMultipartUploads, EncodingType).
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, Char
# The algorithms whose checksum of a whole object S3 can compute from parts (AWS: S3, "Checking object integrity").
_WHOLE_FROM_PARTS = ("CRC64NVME", "CRC32", "CRC32C")


@dataclass(frozen=True)
class _Request:
    transfer: Transfer
    part: int | None
    cost: float


def part_size(
    artifact: Artifact, *, whole_if_possible: bool = False, slots: int = AT_ONCE * PARTS_IN_FLIGHT
) -> int | None:
    """Return the size of the parts to copy an object by, in bytes, or None if it is copied by one request.

    It depends on the object alone, so a later invocation can continue with the parts of an earlier one.
    `whole_if_possible`: the copy includes something that S3 copies with whole objects only. `slots`: how many of the
    parts are copied at once.
    """
    size, checksum = artifact.source.size, artifact.source.checksum
    if not _is_large(artifact):
        return None
    if size <= LARGEST_COPY and (
        whole_if_possible
        or not has_readable_uploads(artifact.key)
        # A copy by parts could not have the checksum that verifies it.
        or (checksum and not checksum.startswith(_WHOLE_FROM_PARTS))
    ):
        return None
    rounds = min(max(1, round(size / (_PART * slots))), max(1, _MOST_PARTS // slots))
    in_rounds = size / (rounds * slots)
    size_of_part = max(_SMALLEST_PART, size / _MOST_PARTS, in_rounds if in_rounds <= _LARGEST_PART - _MIB else 0)
    return math.ceil(size_of_part / _MIB) * _MIB


def _is_large(artifact: Artifact) -> bool:
    return artifact.source.size > _BY_PARTS_ABOVE and artifact.text is None


def has_readable_uploads(key: str) -> bool:
    """Whether S3's answers about an upload to the key can be read: the key has only characters that XML allows."""
    return not _NOT_IN_XML.search(key)


def parts(transfer: Transfer) -> int:
    """Return how many parts an upload has."""
    return -(-transfer.artifact.source.size // _size(transfer))


def span(transfer: Transfer, part: int) -> tuple[int, int]:
    """Return the first and last byte of a part; parts count from 1."""
    begin = (part - 1) * _size(transfer)
    return begin, min(begin + _size(transfer), transfer.artifact.source.size) - 1


def shared(transfers: Iterable[Transfer]) -> set[str]:
    """Return the keys of the missing copies that are too large for one work unit, so their parts are shared."""
    costs = {transfer.artifact.key: _cost(transfer) for transfer in transfers}
    largest = min(_share(sum(costs.values())), _LONGEST_OF_ONE_UNIT)
    return {
        transfer.artifact.key
        for transfer in transfers
        if not transfer.exists and _is_large(transfer.artifact) and costs[transfer.artifact.key] > largest
    }


def is_short(artifacts: Iterable[Artifact]) -> bool:
    """Whether a work unit takes the objects through both legs in the time that it may take for one."""
    return sum(_cost(Transfer(artifact=artifact)) for artifact in artifacts) <= _LONGEST_OF_ONE_UNIT


def work_units(transfers: Iterable[Transfer]) -> list[WorkUnit]:
    """Partition the transfers into work units, in order, none of them empty. What exists is only looked at."""
    requests = [request for transfer in transfers for request in _requests(transfer)]
    total = sum(request.cost for request in requests)
    share = total / _units(total)
    groups: list[list[_Request]] = []
    # By the running total and not group by group: rounding errors then do not add up to another group.
    assigned, limit = 0.0, 0.0
    for request in requests:
        if assigned + request.cost / 2 > limit or not groups:
            groups.append([])
            limit = len(groups) * share
        groups[-1].append(request)
        assigned += request.cost
    return [WorkUnit(segments=tuple(_segments(group))) for group in groups]


def summary(
    transfers: Sequence[Transfer], units: Sequence[WorkUnit], *, leg: Leg, manifest: str, to_verify: str
) -> CopyPlan:
    """Return what the document has of a leg's plan; `to_verify`: as CopyPlan has it."""
    missing = [transfer.artifact.source.size for transfer in transfers if not transfer.exists]
    return CopyPlan(
        leg=leg,
        objects=len(missing),
        bytes=sum(missing),
        uploads=sum(transfer.upload_id is not None for transfer in transfers),
        work_units=len(units),
        manifest=manifest,
        only_unit=len(to_line(units[0])) if len(units) == 1 else 0,
        to_verify=to_verify,
    )


def is_verified_in_units(transfers: Sequence[Transfer], units: Sequence[WorkUnit]) -> bool:
    """Whether a Map verifies the copies: there are more than one step verifies while a Map starts."""
    return len(transfers) > MOST_VERIFIED_BY_ONE_STEP and len(units) > 1


def _units(total: float) -> int:
    """Return how many work units a total cost makes: more than are copied at once in whole rounds of those."""
    units = max(1, math.ceil(total / _share(total) - _ROUNDING))
    return units if units <= AT_ONCE else math.ceil(units / AT_ONCE) * AT_ONCE


def _share(total: float) -> float:
    """Return how much of a total cost one work unit takes."""
    return total or 1.0 if total <= _NOT_WORTH_A_MAP else min(total / AT_ONCE, _LONGEST_WORK_UNIT)


def _requests(transfer: Transfer) -> Iterator[_Request]:
    if transfer.part_size is None:
        yield _Request(transfer, None, _cost(transfer))
        return
    for part in range(1, parts(transfer) + 1):
        first, last = span(transfer, part)
        yield _Request(transfer, part, (_LATENCY + (last - first + 1) / _BYTES_A_SECOND) / PARTS_IN_FLIGHT)


def _cost(transfer: Transfer) -> float:
    """Return the cost of looking at an object and, if it has no copy, of taking it through both legs."""
    seconds = 0.0 if transfer.exists else 2 * (_LATENCY + transfer.artifact.source.size / _BYTES_A_SECOND)
    return (_LATENCY + seconds) / (PARTS_IN_FLIGHT if _is_large(transfer.artifact) else IN_FLIGHT)


def _segments(requests: list[_Request]) -> Iterator[Segment]:
    """Join consecutive parts of one transfer."""
    begin = 0
    while begin < len(requests):
        end = begin
        while end + 1 < len(requests) and requests[end + 1].transfer is requests[begin].transfer:
            end += 1
        yield Segment(transfer=requests[begin].transfer, first=requests[begin].part, last=requests[end].part)
        begin = end + 1


def _size(transfer: Transfer) -> int:
    if transfer.part_size is None:
        raise ValueError(f"{transfer.artifact.key} is not copied by parts")
    return transfer.part_size
