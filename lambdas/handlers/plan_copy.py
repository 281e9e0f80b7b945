"""Plan the copy: check every object again, open the uploads, partition the work into units of similar cost."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

from lambdas.promotion.artifacts import checks as artifact_checks
from lambdas.promotion.artifacts import partitioning, s3_copy, source_checksums
from lambdas.promotion.artifacts.access import copier_session
from lambdas.promotion.aws import concurrency, work_lists
from lambdas.promotion.contract.document import CopyPlan, CopyRoute, Promotion, Transfer
from lambdas.promotion.contract.time_limits import CONNECTIONS
from lambdas.promotion.runtime.deadline import Clock
from lambdas.promotion.runtime.handler import hub_s3, step_with_clock

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_AT_ONCE = CONNECTIONS


@step_with_clock
def handler(promotion: Promotion, clock: Clock) -> Promotion:
    hub = hub_s3()
    at_once = functools.partial(concurrency.run, at_once=_AT_ONCE, until=clock.until)
    statuses = work_lists.read(work_lists.COPY_STATUS, Transfer, promotion, s3=hub)
    s3 = copier_session(promotion, [transfer.artifact for transfer in statuses]).s3
    transfers = at_once(
        [functools.partial(_prepare, transfer, promotion.route, s3=s3) for transfer in statuses],
        doing=f"Looking at the {len(statuses)} objects of {promotion.model.arn}",
    )
    units = partitioning.work_units(transfers)
    at_once(
        [
            lambda: work_lists.write(work_lists.COPY_PLAN, transfers, promotion, s3=hub),
            lambda: work_lists.write(work_lists.WORK_UNITS, units, promotion, s3=hub),
            lambda: work_lists.write_manifest(units, promotion, s3=hub),
        ],
        doing="Writing the plan of the copy",
    )
    missing = [transfer.artifact.source.size for transfer in transfers if not transfer.exists]
    return replace(
        promotion,
        copy=CopyPlan(
            objects=len(missing),
            bytes=sum(missing),
            work_units=len(units),
            manifest=f"{promotion.work_lists_prefix}{work_lists.MANIFEST}",
        ),
    )


def _prepare(transfer: Transfer, route: CopyRoute, *, s3: S3Client) -> Transfer:
    head = s3_copy.head_source(transfer.artifact, route, s3=s3)
    prepared = replace(transfer, artifact=replace(transfer.artifact, source=head.object))
    if prepared.exists and (algorithm := artifact_checks.other_algorithm(prepared)):
        return replace(prepared, artifact=source_checksums.with_algorithm(prepared.artifact, algorithm, route, s3=s3))
    size = partitioning.part_size(prepared.artifact, whole_if_possible=route.annotations)
    if prepared.exists or size is None:
        return prepared
    if route.annotations:
        s3_copy.require_no_annotations(prepared.artifact, route, s3=s3)
    return replace(
        prepared, part_size=size, upload_id=s3_copy.open_upload(prepared.artifact, head.metadata, route, s3=s3)
    )
