"""Run the preflight checks, and report every finding at once, before anything is created.

A dry run ends here, with the plan of the promotion.
"""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.aws import work_lists
from lambdas.promotion.aws.logs import logger
from lambdas.promotion.contract.document import Progress, Promotion, Transfer, to_json
from lambdas.promotion.preflight import dry_run_plan, findings
from lambdas.promotion.preflight import run as preflight
from lambdas.promotion.preflight.run import PreflightResult
from lambdas.promotion.runtime.deadline import Clock
from lambdas.promotion.runtime.handler import hub_s3, now, step_with_clock


@step_with_clock
def handler(promotion: Promotion, clock: Clock) -> Promotion:
    transfers = []
    if not promotion.request.roll_back:  # its artifacts were copied by the promotion that it restores
        transfers = work_lists.read(work_lists.COPY_STATUS, Transfer, promotion, s3=hub_s3())
    checked = _check(promotion, transfers, clock)
    if not promotion.request.dry_run:
        return promotion
    planned = dry_run_plan.plan_of(promotion, transfers, checked, at=now())
    return replace(promotion, plan=to_json(planned))


def _check(promotion: Promotion, transfers: list[Transfer], clock: Clock) -> PreflightResult:
    if promotion.change and promotion.change.progress is Progress.NOTHING_TO_DO:
        return preflight.observe_only(promotion)
    if promotion.request.roll_back:
        return preflight.observe_rollback(promotion)
    checked = preflight.run(promotion, transfers, until=clock.until)
    for finding in checked.findings:
        logger.warning("Preflight finding", extra={"finding": findings.to_json(finding)})
    for inconclusive in checked.inconclusive:
        logger.info("Preflight check inconclusive", extra={"inconclusive": str(inconclusive)})
    target = promotion.target
    findings.require_ready(
        checked.findings,
        subject=f"the promotion of {promotion.model.arn} to {target.name} ({target.account}, {target.region})",
    )
    return checked
