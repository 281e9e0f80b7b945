"""Copy a work unit: whole objects through both legs, parts of objects through one, on S3's side, many at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambdas.promotion.artifacts import incoming, partitioning, s3_copy
from lambdas.promotion.artifacts.access import leg_session, receiver_session
from lambdas.promotion.aws import concurrency, work_lists
from lambdas.promotion.aws.logs import log_about
from lambdas.promotion.contract.document import Artifact, Copied, Leg, Promotion, Segment, Transfer, WorkUnit, to_json
from lambdas.promotion.contract.step_events import CopyUnitEvent, from_event
from lambdas.promotion.outcome import metrics
from lambdas.promotion.runtime.deadline import Clock
from lambdas.promotion.runtime.handler import Event, errors_by_name, hub_s3

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_Call = Callable[[], Copied]


@dataclass(frozen=True)
class _Sessions:
    """S3 as the role of this leg, and as the receiver, which a unit with whole objects needs too."""

    leg: S3Client
    receiver: S3Client


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """The answer is what was copied."""
    item = from_event(event, CopyUnitEvent)
    promotion = item.promotion
    span = (item.work_unit.offset, item.work_unit.length)
    log_about(promotion, unit=item.work_unit.offset)
    units = work_lists.of_leg(work_lists.WORK_UNITS, promotion.leg)
    unit = work_lists.read_one(units, WorkUnit, span, promotion, s3=hub_s3())
    copied = copy(unit, promotion, until=Clock.of(context).until, again=item.retry_count > 0)
    metrics.count_copied(copied, application=promotion.request.application, stage=promotion.stage.name)
    return to_json(copied)


def copy(unit: WorkUnit, promotion: Promotion, *, until: float, again: bool) -> Copied:
    """Copy what of the work unit does not exist yet. An object copied by parts is counted when it is received.

    `again`: an earlier run may have copied parts, so they are listed first.
    """
    run = functools.partial(concurrency.run, at_once=partitioning.IN_FLIGHT, until=until, doing="Copying a unit")
    sessions = _sessions(unit, promotion)
    existing: list[set[int]] = [set() for _ in unit.segments]
    if again:
        existing = run([functools.partial(_existing_parts, part, promotion, s3=sessions.leg) for part in unit.segments])
    calls = [
        call
        for segment, parts in zip(unit.segments, existing, strict=True)
        for call in _calls(segment, parts, promotion, sessions=sessions)
    ]
    copied = run(calls)
    return Copied(objects=sum(each.objects for each in copied), bytes=sum(each.bytes for each in copied))


def _sessions(unit: WorkUnit, promotion: Promotion) -> _Sessions:
    leg = leg_session(promotion, [segment.transfer.artifact for segment in unit.segments]).s3
    has_whole = any(segment.first is None for segment in unit.segments)
    return _Sessions(leg=leg, receiver=receiver_session(promotion).s3 if has_whole else leg)


def _existing_parts(segment: Segment, promotion: Promotion, *, s3: S3Client) -> set[int]:
    if segment.first is None or segment.last is None:
        return set()
    transfer, route = incoming.in_leg(segment.transfer, promotion), incoming.route_of_leg(promotion)
    return s3_copy.existing_parts(transfer, route, first=segment.first, last=segment.last, s3=s3)


def _calls(segment: Segment, existing: set[int], promotion: Promotion, *, sessions: _Sessions) -> Iterator[_Call]:
    if segment.first is None or segment.last is None:
        yield functools.partial(_whole, segment.transfer.artifact, promotion, sessions=sessions)
        return
    for part in range(segment.first, segment.last + 1):
        if part not in existing:
            yield functools.partial(_part, segment.transfer, part, promotion, s3=sessions.leg)


def _whole(artifact: Artifact, promotion: Promotion, *, sessions: _Sessions) -> Copied:
    """Copy an object through both legs. What is written and not copied needs the second one only."""
    if artifact.text is None:
        s3_copy.copy_whole(incoming.brought(artifact, promotion), promotion.route, s3=sessions.leg)
    if incoming.receive_whole(artifact, promotion, s3=sessions.receiver):
        return Copied(objects=1, bytes=artifact.source.size)
    return Copied()


def _part(transfer: Transfer, part: int, promotion: Promotion, *, s3: S3Client) -> Copied:
    route = incoming.route_of_leg(promotion)
    with incoming.loss_reported(promotion.leg):
        copied = s3_copy.copy_part(incoming.in_leg(transfer, promotion), part, route, s3=s3)
    return Copied(bytes=copied) if promotion.leg is Leg.BRING else Copied()
