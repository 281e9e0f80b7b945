"""Complete the copy: make the objects that were copied by parts of their parts."""

from __future__ import annotations

import functools
from dataclasses import replace

from lambdas.promotion.artifacts import s3_copy
from lambdas.promotion.artifacts.access import as_copier
from lambdas.promotion.aws import concurrency, work_lists
from lambdas.promotion.contract.document import Copied, Promotion, Transfer
from lambdas.promotion.runtime.deadline import Clock
from lambdas.promotion.runtime.handler import s3_of_hub, step_with_clock

_AT_ONCE = 16


@step_with_clock
def handler(promotion: Promotion, clock: Clock) -> Promotion:
    transfers = work_lists.read(work_lists.TRANSFERS, Transfer, promotion, s3=s3_of_hub())
    uploads = [transfer for transfer in transfers if transfer.upload_id]
    if not uploads:
        return promotion
    s3 = as_copier(promotion, [upload.artifact for upload in uploads]).s3
    completed = concurrency.run(
        [functools.partial(s3_copy.complete_upload, upload, promotion.way, s3=s3) for upload in uploads],
        at_once=_AT_ONCE,
        until=clock.until,
        doing=f"Completing {len(uploads)} uploads",
    )
    copied = promotion.copied
    return replace(promotion, copied=Copied(objects=copied.objects + sum(completed), bytes=copied.bytes))
