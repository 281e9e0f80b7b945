"""Ask the endpoint what its stage's smoke tests ask, and fail the promotion if the answers are not as expected."""

from __future__ import annotations

import time
from dataclasses import replace

from lambdas.promotion import duties, invocations, payloads, smoke_rules
from lambdas.promotion.accounts import Account
from lambdas.promotion.document import Outcome, Promotion
from lambdas.promotion.smoke_rules import Judged
from lambdas.promotion.smoke_settings import SmokeTest
from lambdas.promotion.step import Clock, logger, now, step_with_clock


@step_with_clock
def handler(promotion: Promotion, clock: Clock) -> Promotion:
    target = duties.as_invoker(promotion)
    readers = {False: target}
    if any(place.in_source for place in payloads.places(promotion)):
        readers[True] = duties.as_payload_reader(promotion)
    judged = [
        _run(test, payloads.content_of(test.payload, promotion, readers=readers), promotion, target, clock)
        for test in promotion.stage.smoke_tests
    ]
    report = smoke_rules.require_passed(judged, endpoint=promotion.stage.endpoint, config=promotion.wanted_config.name)
    joined = promotion.change is not None and promotion.change.joined
    return replace(promotion, smoke=report).ended(Outcome.UNCHANGED if joined else Outcome.PROMOTED, at=now())


def _run(test: SmokeTest, content: bytes, promotion: Promotion, target: Account, clock: Clock) -> Judged:
    until = min(clock.until, time.monotonic() + test.timeout_seconds)
    runtime = target.sagemaker_runtime
    judged = smoke_rules.judge(
        test, content, invocations.ask(promotion.stage.endpoint, test, content, runtime=runtime, until=until)
    )
    logger.info("Tested", extra={"requests": judged.tested.requests, "failures": judged.tested.failures})
    return judged
