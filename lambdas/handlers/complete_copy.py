"""Complete a leg of the copy: make the objects that were copied by parts of their parts."""

from __future__ import annotations

import functools
from dataclasses import replace

from lambdas.promotion.artifacts import completion, incoming
from lambdas.promotion.artifacts.access import leg_session
from lambdas.promotion.aws import concurrency, work_lists
from lambdas.promotion.contract.document import Copied, Leg, Promotion, Transfer
from lambdas.promotion.runtime.deadline import Clock
from lambdas.promotion.runtime.handler import hub_s3, step_with_clock

_AT_ONCE = 16


@step_with_clock
def handler(promotion: Promotion, clock: Clock) -> Promotion:
    plan = work_lists.of_leg(work_lists.COPY_PLAN, promotion.leg)
    transfers = work_lists.read(plan, Transfer, promotion, s3=hub_s3())
    uploads = [transfer for transfer in transfers if transfer.upload_id]
    if not uploads:
        return promotion
    s3 = leg_session(promotion, [upload.artifact for upload in uploads]).s3
    at_once = functools.partial(
        concurrency.run, at_once=_AT_ONCE, until=clock.until, doing=f"Completing {len(uploads)} uploads"
    )
    with incoming.loss_reported(promotion.leg):
        completed = completion.complete_all(
            [incoming.in_leg(upload, promotion) for upload in uploads],
            incoming.route_of_leg(promotion),
            at_once=at_once,
            s3=s3,
        )
    if promotion.leg is Leg.BRING:
        return promotion  # they are counted when they are received
    copied = promotion.copied
    return replace(promotion, copied=Copied(objects=copied.objects + completed, bytes=copied.bytes))
