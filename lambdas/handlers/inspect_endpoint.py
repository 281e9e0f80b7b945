"""Is the endpoint in service on our configuration? Not yet, yes, or an error that says what happened instead."""

from __future__ import annotations

from dataclasses import replace

from lambdas.promotion.contract.document import Change, Outcome, Progress, Promotion
from lambdas.promotion.contract.errors import Transient
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint import state as endpoint_state
from lambdas.promotion.endpoint.access import deployer_session
from lambdas.promotion.runtime.handler import now, step


@step
def handler(promotion: Promotion) -> Promotion:
    try:
        observed = endpoint_client.observe(promotion.stage.endpoint, sagemaker=deployer_session(promotion).sagemaker)
    except Transient as error:
        endpoint_state.require_time_to_observe(promotion, str(error), now=now())
        raise
    progress = endpoint_state.after_change(promotion, observed, now=now())
    previous = promotion.change or Change(progress=progress)
    failures = previous.capacity_failures + (progress is Progress.NO_CAPACITY)
    change = replace(previous, progress=progress, capacity_failures=failures, poll_count=previous.poll_count + 1)
    inspected = promotion.with_change(change)
    if progress is previous.progress is Progress.IN_SERVICE:
        endpoint_state.require_time_to_test(promotion, now=now())
    if progress is not Progress.IN_SERVICE or promotion.stage.smoke_tests:
        return inspected
    return inspected.with_outcome(Outcome.UNCHANGED if change.adopted else Outcome.PROMOTED, at=now())
