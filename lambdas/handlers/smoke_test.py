"""Send the stage's smoke tests to the endpoint, or to its preview, and fail if an answer is not as expected."""

from __future__ import annotations

import time
from dataclasses import replace

from lambdas.promotion.aws.logs import logger
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Outcome, PreviewProgress, Promotion
from lambdas.promotion.contract.settings import Stage
from lambdas.promotion.contract.smoke_test_settings import SmokeTest
from lambdas.promotion.runtime.deadline import Clock
from lambdas.promotion.runtime.handler import now, step_with_clock
from lambdas.promotion.smoke_test import async_invocation, evaluation, payloads, real_time_invocation
from lambdas.promotion.smoke_test.access import invoker_session, payload_reader_session
from lambdas.promotion.smoke_test.evaluation import Evaluation


@step_with_clock
def handler(promotion: Promotion, clock: Clock) -> Promotion:
    preview = (
        promotion.preview if promotion.preview and promotion.preview.progress is PreviewProgress.IN_SERVICE else None
    )
    stage = promotion.stage
    endpoint = preview.endpoint if preview else stage.endpoint
    target = invoker_session(promotion, endpoint=endpoint)
    readers = {False: target}
    if any(place.in_source for place in payloads.locations(promotion)):
        readers[True] = payload_reader_session(promotion)
    judged = [
        _run(test, payloads.content_of(test.payload, promotion, readers=readers), endpoint, target, clock, stage)
        for test in stage.smoke_tests
    ]
    report = evaluation.require_passed(
        judged,
        endpoint=endpoint,
        config=preview.config if preview else promotion.desired_config.name,
        preview_for=stage.endpoint if preview else None,
    )
    if preview:
        return replace(promotion, preview=replace(preview, smoke=report))
    adopted = promotion.change is not None and promotion.change.adopted
    return replace(promotion, smoke=report).with_outcome(Outcome.UNCHANGED if adopted else Outcome.PROMOTED, at=now())


def _run(test: SmokeTest, content: bytes, endpoint: str, target: RoleSession, clock: Clock, stage: Stage) -> Evaluation:
    until = min(clock.until, time.monotonic() + test.timeout_seconds)
    runtime = target.sagemaker_runtime
    real_time_invocation.accept_any_encoding(runtime)
    if stage.response_uris:
        answers = async_invocation.invoke(endpoint, test, content, runtime=runtime, s3=target.s3, until=until)
    else:
        answers = real_time_invocation.invoke(endpoint, test, content, runtime=runtime, until=until)
    judged = evaluation.evaluate(test, content, answers)
    logger.info("Smoke test evaluated", extra={"requests": judged.result.requests, "failures": judged.result.failures})
    return judged
