"""Check ahead: try every edge that the promotion will need, and tell of all that is in the way at once.

A dry run ends here, with what the promotion would do.
"""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.aws import work_lists
from lambdas.promotion.aws.logs import logger
from lambdas.promotion.contract.document import Progress, Promotion, Transfer, to_json
from lambdas.promotion.preflight import dry_run_plan, findings
from lambdas.promotion.preflight import run as preflight
from lambdas.promotion.preflight.run import Checked
from lambdas.promotion.runtime.deadline import Clock
from lambdas.promotion.runtime.handler import now, s3_of_hub, step_with_clock


@step_with_clock
def handler(promotion: Promotion, clock: Clock) -> Promotion:
    transfers = work_lists.read(work_lists.LOOKED_FOR, Transfer, promotion, s3=s3_of_hub())
    checked = _check(promotion, transfers, clock)
    if not promotion.request.dry_run:
        return promotion
    planned = dry_run_plan.of(promotion, transfers, checked, at=now())
    return replace(promotion, plan=to_json(planned))


def _check(promotion: Promotion, transfers: list[Transfer], clock: Clock) -> Checked:
    if promotion.change and promotion.change.progress is Progress.NOTHING_TO_DO:
        return preflight.look_only(promotion)
    checked = preflight.check(promotion, transfers, until=clock.until)
    for finding in checked.findings:
        logger.warning("In the way", extra={"finding": findings.to_json(finding)})
    for unproved in checked.unproved:
        logger.info("Not proved", extra={"unproved": str(unproved)})
    target = promotion.target
    findings.require_ready(
        checked.findings,
        where=f"the promotion of {promotion.model.arn} to {target.name} ({target.account}, {target.region})",
    )
    return checked
