"""Copy a work unit: whole objects and parts of objects, many requests at once, on S3's side."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from lambdas.promotion.artifacts import partitioning, s3_copy
from lambdas.promotion.artifacts.access import copier_session
from lambdas.promotion.aws import concurrency, work_lists
from lambdas.promotion.aws.logs import log_about
from lambdas.promotion.contract.document import Copied, CopyRoute, Segment, WorkUnit, to_json
from lambdas.promotion.contract.step_events import CopyUnitEvent, from_event
from lambdas.promotion.outcome import metrics
from lambdas.promotion.runtime.deadline import Clock
from lambdas.promotion.runtime.handler import Event, errors_by_name, hub_s3

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """The answer is what was copied."""
    item = from_event(event, CopyUnitEvent)
    promotion = item.promotion
    span = (item.work_unit.offset, item.work_unit.length)
    log_about(promotion, unit=item.work_unit.offset)
    unit = work_lists.read_one(work_lists.WORK_UNITS, WorkUnit, span, promotion, s3=hub_s3())
    s3 = copier_session(promotion, [piece.transfer.artifact for piece in unit.segments]).s3
    copied = copy(unit, promotion.route, until=Clock.of(context).until, again=item.retry_count > 0, s3=s3)
    metrics.count_copied(copied, application=promotion.request.application, stage=promotion.stage.name)
    return to_json(copied)


def copy(unit: WorkUnit, route: CopyRoute, *, until: float, again: bool, s3: S3Client) -> Copied:
    """Copy what of the unit is not there yet. An object made of parts is counted when it is completed.

    `again`: an earlier run may have left parts, so it is worth asking for them.
    """
    run = functools.partial(concurrency.run, at_once=partitioning.IN_FLIGHT, until=until, doing="Copying a unit")
    there: list[set[int]] = [set() for _ in unit.segments]
    if again:
        there = run([functools.partial(_existing_parts, piece, route, s3=s3) for piece in unit.segments])
    calls = [
        call for piece, parts in zip(unit.segments, there, strict=True) for call in _calls(piece, parts, route, s3=s3)
    ]
    done = run(calls)
    return Copied(objects=sum(one.objects for one in done), bytes=sum(one.bytes for one in done))


def _existing_parts(piece: Segment, route: CopyRoute, *, s3: S3Client) -> set[int]:
    if piece.first is None or piece.last is None:
        return set()
    return s3_copy.existing_parts(piece.transfer, route, first=piece.first, last=piece.last, s3=s3)


def _calls(piece: Segment, there: set[int], route: CopyRoute, *, s3: S3Client) -> Iterator[Callable[[], Copied]]:
    if piece.first is None or piece.last is None:
        yield functools.partial(_whole, piece, route, s3=s3)
        return
    for part in range(piece.first, piece.last + 1):
        if part not in there:
            yield functools.partial(_part, piece, part, route, s3=s3)


def _whole(piece: Segment, route: CopyRoute, *, s3: S3Client) -> Copied:
    artifact = piece.transfer.artifact
    if s3_copy.copy_whole(artifact, route, s3=s3):
        return Copied(objects=1, bytes=artifact.source.size)
    return Copied()


def _part(piece: Segment, part: int, route: CopyRoute, *, s3: S3Client) -> Copied:
    return Copied(bytes=s3_copy.copy_part(piece.transfer, part, route, s3=s3))
