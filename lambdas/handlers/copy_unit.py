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
    s3 = copier_session(promotion, [segment.transfer.artifact for segment in unit.segments]).s3
    copied = copy(unit, promotion.route, until=Clock.of(context).until, again=item.retry_count > 0, s3=s3)
    metrics.count_copied(copied, application=promotion.request.application, stage=promotion.stage.name)
    return to_json(copied)


def copy(unit: WorkUnit, route: CopyRoute, *, until: float, again: bool, s3: S3Client) -> Copied:
    """Copy what of the work unit does not exist yet. An object copied by parts is counted when it is completed.

    `again`: an earlier run may have copied parts, so they are listed first.
    """
    run = functools.partial(concurrency.run, at_once=partitioning.IN_FLIGHT, until=until, doing="Copying a unit")
    existing: list[set[int]] = [set() for _ in unit.segments]
    if again:
        existing = run([functools.partial(_existing_parts, segment, route, s3=s3) for segment in unit.segments])
    calls = [
        call
        for segment, parts in zip(unit.segments, existing, strict=True)
        for call in _calls(segment, parts, route, s3=s3)
    ]
    copied = run(calls)
    return Copied(objects=sum(each.objects for each in copied), bytes=sum(each.bytes for each in copied))


def _existing_parts(segment: Segment, route: CopyRoute, *, s3: S3Client) -> set[int]:
    if segment.first is None or segment.last is None:
        return set()
    return s3_copy.existing_parts(segment.transfer, route, first=segment.first, last=segment.last, s3=s3)


def _calls(segment: Segment, existing: set[int], route: CopyRoute, *, s3: S3Client) -> Iterator[Callable[[], Copied]]:
    if segment.first is None or segment.last is None:
        yield functools.partial(_whole, segment, route, s3=s3)
        return
    for part in range(segment.first, segment.last + 1):
        if part not in existing:
            yield functools.partial(_part, segment, part, route, s3=s3)


def _whole(segment: Segment, route: CopyRoute, *, s3: S3Client) -> Copied:
    artifact = segment.transfer.artifact
    if s3_copy.copy_whole(artifact, route, s3=s3):
        return Copied(objects=1, bytes=artifact.source.size)
    return Copied()


def _part(segment: Segment, part: int, route: CopyRoute, *, s3: S3Client) -> Copied:
    return Copied(bytes=s3_copy.copy_part(segment.transfer, part, route, s3=s3))
