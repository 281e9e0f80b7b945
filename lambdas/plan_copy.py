"""Plan the copy: look at every object once more, open the uploads, cut the work into units of similar cost."""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from lambdas.promotion import copy_plan, copying, duties, lists, parallel
from lambdas.promotion.document import Artifact, CopyPlan, Promotion, Transfer, Way
from lambdas.promotion.step import Clock, s3_of_hub, step_with_clock

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_AT_ONCE = 50


@step_with_clock
def handler(promotion: Promotion, clock: Clock) -> Promotion:
    hub = s3_of_hub()
    lists.write(lists.PROMOTION, [promotion], promotion, s3=hub)
    artifacts = lists.read(lists.INVENTORY, Artifact, promotion, s3=hub)
    there = set(lists.read(lists.THERE, str, promotion, s3=hub))
    s3 = duties.as_copier(promotion, artifacts).s3
    prepare = functools.partial(_prepare, there=there, way=promotion.way, s3=s3)
    transfers = parallel.run(
        [functools.partial(prepare, artifact) for artifact in artifacts],
        at_once=_AT_ONCE,
        until=clock.until,
        doing=f"Looking at the {len(artifacts)} objects of {promotion.model.arn}",
    )
    lists.write(lists.TRANSFERS, transfers, promotion, s3=hub)
    units = copy_plan.units(transfers)
    spans = lists.write(lists.UNITS, units, promotion, s3=hub)
    missing = [transfer.artifact.source.size for transfer in transfers if not transfer.there]
    return replace(
        promotion,
        copy=CopyPlan(
            objects=len(missing),
            bytes=sum(missing),
            units=len(units),
            manifest=lists.write_manifest(spans, promotion, s3=hub),
        ),
    )


def _prepare(artifact: Artifact, *, there: Collection[str], way: Way, s3: S3Client) -> Transfer:
    seen = copying.look_at_source(artifact, way, s3=s3)
    found = replace(artifact, source=seen.object)
    if artifact.key in there:
        return Transfer(artifact=found, there=True)
    size = copy_plan.part_size(found, whole_if_possible=way.annotations)
    if size is None:
        return Transfer(artifact=found)
    if way.annotations:
        copying.require_no_annotations(found, way, s3=s3)
    return Transfer(artifact=found, part_size=size, upload_id=copying.open_upload(found, seen.kept, way, s3=s3))
