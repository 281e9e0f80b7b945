"""Is the endpoint in service on our configuration? Not yet, yes, or an error that says what happened instead."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.contract.document import Change, Outcome, Progress, Promotion
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint import state as endpoint_state
from lambdas.promotion.endpoint.access import as_deployer
from lambdas.promotion.runtime.handler import now, step


@step
def handler(promotion: Promotion) -> Promotion:
    seen = endpoint_client.see(promotion.stage.endpoint, sagemaker=as_deployer(promotion).sagemaker)
    progress = endpoint_state.after_change(promotion, seen, now=now())
    known = promotion.change or Change(progress=progress)
    failures = known.capacity_failures + (progress is Progress.NO_CAPACITY)
    change = replace(known, progress=progress, capacity_failures=failures, looks=known.looks + 1)
    inspected = promotion.with_change(change)
    if progress is not Progress.IN_SERVICE or promotion.stage.smoke_tests:
        return inspected
    return inspected.ended(Outcome.UNCHANGED if change.joined else Outcome.PROMOTED, at=now())
