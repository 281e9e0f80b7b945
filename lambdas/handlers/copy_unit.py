"""Copy a work unit on S3's side, many requests at once: its objects through both legs, parts of shared ones in one.

Each object is looked at just before. The list of what was observed is what the verification compares the copies with.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lambdas.promotion.artifacts import checks as artifact_checks
from lambdas.promotion.artifacts import incoming, large_objects, partitioning, s3_copy, source_checksums
from lambdas.promotion.artifacts.access import copier_session, receiver_session
from lambdas.promotion.artifacts.large_objects import LargeObject
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
    """S3 as the role of this leg, and as the receiver."""

    leg: S3Client
    receiver: S3Client


@dataclass(frozen=True, kw_only=True)
class _Taken:
    """An artifact as it was observed, and what was copied of it. `large`: it is still to be copied by parts."""

    artifact: Artifact
    copied: Copied = field(default_factory=Copied)
    large: LargeObject | None = None


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """The answer is what was copied."""
    item = from_event(event, CopyUnitEvent)
    promotion, offset = item.promotion, item.work_unit.offset
    log_about(promotion, unit=offset)
    unit, receiver = _unit_and_receiver(item, until=Clock.of(context).until)
    sessions = _Sessions(leg=receiver, receiver=receiver)
    if promotion.leg is Leg.BRING:
        artifacts = [segment.transfer.artifact for segment in unit.segments]
        sessions = _Sessions(leg=copier_session(promotion, artifacts).s3, receiver=receiver)
    observed = work_lists.of_unit(work_lists.OBSERVED, offset)
    copied = copy(
        unit,
        promotion,
        sessions,
        write=lambda artifacts: work_lists.write(observed, artifacts, promotion, s3=hub_s3()),
        until=Clock.of(context).until,
        again=item.retry_count > 0,
    )
    metrics.count_copied(copied, application=promotion.request.application, stage=promotion.stage.name)
    return to_json(copied)


def _unit_and_receiver(item: CopyUnitEvent, *, until: float) -> tuple[WorkUnit, S3Client]:
    """Return the work unit, and S3 as the receiver, which nearly every unit needs; both at the same time."""
    promotion, hub = item.promotion, hub_s3()
    units, span = (
        work_lists.of_leg(work_lists.WORK_UNITS, promotion.leg),
        (item.work_unit.offset, item.work_unit.length),
    )
    calls: list[Callable[[], Any]] = [
        lambda: work_lists.read_one(units, WorkUnit, span, promotion, s3=hub),
        lambda: receiver_session(promotion).s3,
    ]
    unit, receiver = concurrency.run(calls, at_once=len(calls), until=until, doing="Beginning a unit")
    return unit, receiver


def copy(
    unit: WorkUnit,
    promotion: Promotion,
    sessions: _Sessions,
    *,
    write: Callable[[list[Artifact]], None],
    until: float,
    again: bool,
) -> Copied:
    """Copy what of the work unit does not exist yet, and `write` the unit's own artifacts as observed.

    A shared object is counted when it is received. `again`: an earlier run may have copied parts, so they are listed
    first.
    """
    run = functools.partial(concurrency.run, until=until, doing="Copying a unit")
    by_parts = functools.partial(run, at_once=partitioning.PARTS_IN_FLIGHT)
    own = [segment.transfer for segment in unit.segments if segment.first is None]
    shared = [segment for segment in unit.segments if segment.first is not None]
    existing: list[set[int]] = [set() for _ in shared]
    if again:
        existing = by_parts([functools.partial(_existing_parts, part, promotion, s3=sessions.leg) for part in shared])
    taken = run(
        [functools.partial(_take, transfer, promotion, sessions=sessions) for transfer in own],
        at_once=partitioning.IN_FLIGHT,
    )
    observed = [each.artifact for each in taken]
    copied = by_parts(
        [
            call
            for segment, parts in zip(shared, existing, strict=True)
            for call in _parts(segment, parts, promotion, s3=sessions.leg)
        ]
    )
    meanwhile: list[Callable[[], Any]] = [functools.partial(write, observed)] if promotion.leg is Leg.BRING else []
    large = []
    for number, batch in enumerate(large_objects.batches(each.large for each in taken if each.large)):
        large.append(
            large_objects.take_all(
                batch,
                promotion,
                again=again,
                meanwhile=[] if number else meanwhile,
                at_once=by_parts,
                copier_s3=sessions.leg,
                receiver_s3=sessions.receiver,
            )
        )
    return _sum([*large, *copied, *(each.copied for each in taken)])


def _take(transfer: Transfer, promotion: Promotion, *, sessions: _Sessions) -> _Taken:
    """Look at an object; copy it through both legs, unless it has a copy or is copied by parts."""
    head = s3_copy.head_source(transfer.artifact, promotion.route, s3=sessions.leg)
    artifact = replace(transfer.artifact, source=head.object)
    if transfer.exists:
        return _Taken(artifact=_comparable(replace(transfer, artifact=artifact), promotion, s3=sessions.leg))
    if large_objects.part_size(artifact, promotion, copier_s3=sessions.leg):
        return _Taken(artifact=artifact, large=LargeObject(artifact=artifact, metadata=head.metadata))
    made = incoming.take_whole(artifact, promotion, copier_s3=sessions.leg, receiver_s3=sessions.receiver)
    return _Taken(artifact=artifact, copied=Copied(objects=1, bytes=artifact.source.size) if made else Copied())


def _comparable(transfer: Transfer, promotion: Promotion, *, s3: S3Client) -> Artifact:
    """Return the artifact of an existing copy with the checksum of its source that the copy's can be compared with."""
    artifact, algorithm = transfer.artifact, artifact_checks.other_algorithm(transfer)
    if algorithm is None:
        return artifact
    brought = incoming.brought(artifact, promotion)
    return replace(artifact, source=source_checksums.with_algorithm(brought, algorithm, promotion.route, s3=s3).source)


def _existing_parts(segment: Segment, promotion: Promotion, *, s3: S3Client) -> set[int]:
    assert segment.first and segment.last  # noqa: S101 - it is of a shared object
    transfer, route = incoming.in_leg(segment.transfer, promotion), incoming.route_of_leg(promotion)
    return s3_copy.existing_parts(transfer, route, first=segment.first, last=segment.last, s3=s3)


def _parts(segment: Segment, existing: set[int], promotion: Promotion, *, s3: S3Client) -> Iterator[_Call]:
    assert segment.first and segment.last  # noqa: S101 - it is of a shared object
    for part in range(segment.first, segment.last + 1):
        if part not in existing:
            yield functools.partial(_part, segment.transfer, part, promotion, s3=s3)


def _part(transfer: Transfer, part: int, promotion: Promotion, *, s3: S3Client) -> Copied:
    route = incoming.route_of_leg(promotion)
    with incoming.loss_reported(promotion.leg):
        copied = s3_copy.copy_part(incoming.in_leg(transfer, promotion), part, route, s3=s3)
    return Copied(bytes=copied) if promotion.leg is Leg.BRING else Copied()


def _sum(all_copied: Iterable[Copied]) -> Copied:
    objects, size = 0, 0
    for copied in all_copied:
        objects, size = objects + copied.objects, size + copied.bytes
    return Copied(objects=objects, bytes=size)
