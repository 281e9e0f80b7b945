"""Plan a leg of a copy in which work units share objects: open their uploads, and partition the work.

The first leg has all objects; those that no work units share are looked at and taken through both legs by their unit.
The second has those that the first one copied by parts in several units.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lambdas.promotion.artifacts import incoming, partitioning, s3_copy
from lambdas.promotion.artifacts.access import copier_session, receiver_session
from lambdas.promotion.aws import concurrency, work_lists
from lambdas.promotion.contract.document import Leg, Promotion, Transfer
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
    leg = Leg.BRING if promotion.copy is None else Leg.RECEIVE
    transfers = _to_bring(promotion, at_once) if leg is Leg.BRING else _to_receive(promotion, at_once)
    units = partitioning.work_units(transfers)
    at_once(work_lists.plan_writes(transfers, units, leg, promotion, s3=hub_s3()), doing="Writing the plan of the copy")
    in_units = partitioning.is_verified_in_units(transfers, units)
    first = f"{promotion.work_lists_prefix}{work_lists.MANIFEST}"
    to_verify = promotion.copy.to_verify if promotion.copy else first if in_units else ""
    manifest = f"{promotion.work_lists_prefix}{work_lists.of_leg(work_lists.MANIFEST, leg)}"
    return replace(
        promotion, copy=partitioning.summary(transfers, units, leg=leg, manifest=manifest, to_verify=to_verify)
    )


def _to_bring(promotion: Promotion, at_once: AtOnce) -> list[Transfer]:
    transfers = work_lists.read(work_lists.COPY_STATUS, Transfer, promotion, s3=hub_s3())
    keys = partitioning.shared(transfers)
    shared = [transfer for transfer in transfers if transfer.artifact.key in keys]
    if not shared:
        return transfers
    s3 = copier_session(promotion, [transfer.artifact for transfer in shared]).s3
    prepared = at_once(
        [functools.partial(_prepare, transfer, promotion, s3=s3) for transfer in shared],
        doing=f"Looking at {len(shared)} objects of {promotion.model.arn}",
    )
    by_key = {transfer.artifact.key: transfer for transfer in prepared}
    return [by_key.get(transfer.artifact.key, transfer) for transfer in transfers]


def _prepare(transfer: Transfer, promotion: Promotion, *, s3: S3Client) -> Transfer:
    """Open the upload of an object that work units share; if S3 can only copy it whole, one of them does."""
    route = promotion.route
    head = s3_copy.head_source(transfer.artifact, route, s3=s3)
    artifact = replace(transfer.artifact, source=head.object)
    size = partitioning.part_size(artifact, whole_if_possible=route.annotations)
    if size is None:
        return transfer
    if route.annotations:
        s3_copy.require_no_annotations(artifact, route, s3=s3)
    upload_id = s3_copy.open_upload(incoming.brought(artifact, promotion), head.metadata, route, s3=s3)
    return replace(transfer, artifact=artifact, part_size=size, upload_id=upload_id)


def _to_receive(promotion: Promotion, at_once: AtOnce) -> list[Transfer]:
    planned = work_lists.read(work_lists.COPY_PLAN, Transfer, promotion, s3=hub_s3())
    by_parts = [transfer for transfer in planned if transfer.upload_id]
    s3 = receiver_session(promotion).s3
    return at_once(
        [functools.partial(_prepare_to_receive, transfer, promotion, s3=s3) for transfer in by_parts],
        doing=f"Looking at the {len(by_parts)} objects of {promotion.model.arn} that have arrived",
    )


def _prepare_to_receive(transfer: Transfer, promotion: Promotion, *, s3: S3Client) -> Transfer:
    artifact, metadata = incoming.arrived(transfer.artifact, promotion, s3=s3)
    upload_id = s3_copy.open_upload(artifact, metadata, promotion.receiving_route, s3=s3)
    return replace(transfer, artifact=artifact, upload_id=upload_id)
