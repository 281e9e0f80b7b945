"""Plan the copy: look at every object once more, open the uploads, cut the work into units of similar cost."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

from lambdas.promotion.artifacts import partitioning, s3_copy
from lambdas.promotion.artifacts.access import as_copier
from lambdas.promotion.aws import concurrency, work_lists
from lambdas.promotion.contract.document import CopyPlan, Promotion, Transfer, Way
from lambdas.promotion.runtime.deadline import Clock
from lambdas.promotion.runtime.handler import s3_of_hub, step_with_clock

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_AT_ONCE = 50


@step_with_clock
def handler(promotion: Promotion, clock: Clock) -> Promotion:
    hub = s3_of_hub()
    at_once = functools.partial(concurrency.run, at_once=_AT_ONCE, until=clock.until)
    looked_for = work_lists.read(work_lists.LOOKED_FOR, Transfer, promotion, s3=hub)
    s3 = as_copier(promotion, [transfer.artifact for transfer in looked_for]).s3
    transfers = at_once(
        [functools.partial(_prepare, transfer, promotion.way, s3=s3) for transfer in looked_for],
        doing=f"Looking at the {len(looked_for)} objects of {promotion.model.arn}",
    )
    units = partitioning.units(transfers)
    at_once(
        [
            lambda: work_lists.write(work_lists.TRANSFERS, transfers, promotion, s3=hub),
            lambda: work_lists.write(work_lists.UNITS, units, promotion, s3=hub),
            lambda: work_lists.write_manifest(units, promotion, s3=hub),
        ],
        doing="Writing the plan of the copy",
    )
    missing = [transfer.artifact.source.size for transfer in transfers if not transfer.there]
    return replace(
        promotion,
        copy=CopyPlan(
            objects=len(missing),
            bytes=sum(missing),
            units=len(units),
            manifest=f"{promotion.lists}{work_lists.MANIFEST}",
        ),
    )


def _prepare(transfer: Transfer, way: Way, *, s3: S3Client) -> Transfer:
    seen = s3_copy.look_at_source(transfer.artifact, way, s3=s3)
    found = replace(transfer, artifact=replace(transfer.artifact, source=seen.object))
    size = partitioning.part_size(found.artifact, whole_if_possible=way.annotations)
    if found.there or size is None:
        return found
    if way.annotations:
        s3_copy.require_no_annotations(found.artifact, way, s3=s3)
    return replace(found, part_size=size, upload_id=s3_copy.open_upload(found.artifact, seen.kept, way, s3=s3))
