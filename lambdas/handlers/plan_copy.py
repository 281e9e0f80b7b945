"""Plan a leg of the copy: check every object again, open the uploads, partition the work into units of similar cost.

The first leg has all objects that have no copy yet; the second has those that the first one copied by parts.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lambdas.promotion.artifacts import checks as artifact_checks
from lambdas.promotion.artifacts import incoming, partitioning, s3_copy, source_checksums
from lambdas.promotion.artifacts.access import copier_session, receiver_session
from lambdas.promotion.aws import concurrency, work_lists
from lambdas.promotion.contract.document import CopyPlan, Leg, Promotion, Transfer
from lambdas.promotion.contract.time_limits import CONNECTIONS
from lambdas.promotion.runtime.deadline import Clock
from lambdas.promotion.runtime.handler import hub_s3, step_with_clock

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_AT_ONCE = CONNECTIONS
AtOnce = Callable[..., list[Any]]


@step_with_clock
def handler(promotion: Promotion, clock: Clock) -> Promotion:
    at_once = functools.partial(concurrency.run, at_once=_AT_ONCE, until=clock.until)
    if promotion.copy is None:
        leg, transfers = Leg.BRING, _to_bring(promotion, at_once)
    else:
        leg, transfers = Leg.RECEIVE, _to_receive(promotion, at_once)
    hub, units = hub_s3(), partitioning.work_units(transfers)
    of_leg = functools.partial(work_lists.of_leg, leg=leg)
    at_once(
        [
            lambda: work_lists.write(of_leg(work_lists.COPY_PLAN), transfers, promotion, s3=hub),
            lambda: work_lists.write(of_leg(work_lists.WORK_UNITS), units, promotion, s3=hub),
            lambda: work_lists.write_manifest(of_leg(work_lists.MANIFEST), units, promotion, s3=hub),
        ],
        doing="Writing the plan of the copy",
    )
    missing = [transfer.artifact.source.size for transfer in transfers if not transfer.exists]
    return replace(
        promotion,
        copy=CopyPlan(
            leg=leg,
            objects=len(missing),
            bytes=sum(missing),
            uploads=sum(transfer.upload_id is not None for transfer in transfers),
            work_units=len(units),
            manifest=f"{promotion.work_lists_prefix}{of_leg(work_lists.MANIFEST)}",
        ),
    )


def _to_bring(promotion: Promotion, at_once: AtOnce) -> list[Transfer]:
    statuses = work_lists.read(work_lists.COPY_STATUS, Transfer, promotion, s3=hub_s3())
    s3 = copier_session(promotion, [transfer.artifact for transfer in statuses]).s3
    return at_once(
        [functools.partial(_prepare, transfer, promotion, s3=s3) for transfer in statuses],
        doing=f"Looking at the {len(statuses)} objects of {promotion.model.arn}",
    )


def _prepare(transfer: Transfer, promotion: Promotion, *, s3: S3Client) -> Transfer:
    route = promotion.route
    head = s3_copy.head_source(transfer.artifact, route, s3=s3)
    prepared = replace(transfer, artifact=replace(transfer.artifact, source=head.object))
    brought = incoming.brought(prepared.artifact, promotion)
    if prepared.exists and (algorithm := artifact_checks.other_algorithm(prepared)):
        source = source_checksums.with_algorithm(brought, algorithm, route, s3=s3).source
        return replace(prepared, artifact=replace(prepared.artifact, source=source))
    size = partitioning.part_size(prepared.artifact, whole_if_possible=route.annotations)
    if prepared.exists or size is None:
        return prepared
    if route.annotations:
        s3_copy.require_no_annotations(prepared.artifact, route, s3=s3)
    return replace(prepared, part_size=size, upload_id=s3_copy.open_upload(brought, head.metadata, route, s3=s3))


def _to_receive(promotion: Promotion, at_once: AtOnce) -> list[Transfer]:
    planned = work_lists.read(work_lists.COPY_PLAN, Transfer, promotion, s3=hub_s3())
    by_parts = [transfer for transfer in planned if transfer.upload_id]
    s3 = receiver_session(promotion).s3
    return at_once(
        [functools.partial(_prepare_to_receive, transfer, promotion, s3=s3) for transfer in by_parts],
        doing=f"Looking at the {len(by_parts)} objects of {promotion.model.arn} that have arrived",
    )


def _prepare_to_receive(transfer: Transfer, promotion: Promotion, *, s3: S3Client) -> Transfer:
    artifact, observed = incoming.arrived(transfer.artifact, promotion, s3=s3)
    upload_id = s3_copy.open_upload(artifact, observed.metadata, promotion.receiving_route, s3=s3)
    return replace(transfer, artifact=artifact, upload_id=upload_id)
