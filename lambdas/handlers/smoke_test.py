"""Ask the endpoint, or its trial, what its stage's smoke tests ask, and fail if the answers are not as expected."""

from __future__ import annotations

import time
from dataclasses import replace

from lambdas.promotion.aws.logs import logger
from lambdas.promotion.aws.sessions import Account
from lambdas.promotion.contract.document import Outcome, Promotion, TrialProgress
from lambdas.promotion.contract.settings import Stage
from lambdas.promotion.contract.smoke_test_settings import SmokeTest
from lambdas.promotion.runtime.deadline import Clock
from lambdas.promotion.runtime.handler import now, step_with_clock
from lambdas.promotion.smoke_test import async_invocation, evaluation, payloads, real_time_invocation
from lambdas.promotion.smoke_test.access import as_invoker, as_payload_reader
from lambdas.promotion.smoke_test.evaluation import Judged


@step_with_clock
def handler(promotion: Promotion, clock: Clock) -> Promotion:
    trial = promotion.trial if promotion.trial and promotion.trial.progress is TrialProgress.SERVES else None
    stage = promotion.stage
    endpoint = trial.endpoint if trial else stage.endpoint
    target = as_invoker(promotion, endpoint=endpoint)
    readers = {False: target}
    if any(place.in_source for place in payloads.places(promotion)):
        readers[True] = as_payload_reader(promotion)
    judged = [
        _run(test, payloads.content_of(test.payload, promotion, readers=readers), endpoint, target, clock, stage)
        for test in stage.smoke_tests
    ]
    report = evaluation.require_passed(
        judged,
        endpoint=endpoint,
        config=trial.config if trial else promotion.wanted_config.name,
        trial_for=stage.endpoint if trial else None,
    )
    if trial:
        return replace(promotion, trial=replace(trial, smoke=report))
    joined = promotion.change is not None and promotion.change.joined
    return replace(promotion, smoke=report).ended(Outcome.UNCHANGED if joined else Outcome.PROMOTED, at=now())


def _run(test: SmokeTest, content: bytes, endpoint: str, target: Account, clock: Clock, stage: Stage) -> Judged:
    until = min(clock.until, time.monotonic() + test.timeout_seconds)
    runtime = target.sagemaker_runtime
    if stage.answers_to:
        answers = async_invocation.ask(endpoint, test, content, runtime=runtime, s3=target.s3, until=until)
    else:
        answers = real_time_invocation.ask(endpoint, test, content, runtime=runtime, until=until)
    judged = evaluation.judge(test, content, answers)
    logger.info("Tested", extra={"requests": judged.tested.requests, "failures": judged.tested.failures})
    return judged
