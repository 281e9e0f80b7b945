"""What every step shares: the document in and out, errors with names, logs that name the promotion."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import botocore.exceptions
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.promotion.aws.logs import log_about, logger
from lambdas.promotion.contract.document import Change, Progress, Promotion, Rollback, RollbackProgress
from lambdas.promotion.contract.errors import (
    CallRefused,
    NameTaken,
    OutOfTime,
    PromotionError,
    ServiceUnavailable,
    Transient,
    UnexpectedFault,
)
from lambdas.promotion.runtime import deadline
from lambdas.promotion.runtime.deadline import Clock
from lambdas.promotion.runtime.handler import Event, errors_by_name, step, step_with_clock, step_with_retry_count
from tests import PROJECT
from tests.unit.builders import BEGUN, REQUEST, STAGE, promotion

PLAIN = promotion()
EVENT: Event = {"promotion": json.loads(json.dumps(PLAIN.to_json())), "retry_count": 0}
NOWHERE = "https://api.sagemaker.us-east-1.amazonaws.com/"


def raised_for(error: Exception) -> BaseException:
    @errors_by_name
    def action(event: Event, context: object) -> dict[str, Any]:
        raise error

    try:
        action({}, None)
    except Exception as raised:
        return raised
    raise AssertionError("nothing was raised")


def made(name: str) -> BotoCoreError:
    """Return one of botocore's errors; each wants other keywords for its message."""
    words = {"endpoint_url": NOWHERE, "error": "x", "proxy_url": NOWHERE, "actual_bytes": 1, "expected_bytes": 2}
    error: BotoCoreError = getattr(botocore.exceptions, name)(**words)
    return error


def test_a_step_takes_the_document_and_gives_it_back() -> None:
    handler = step(lambda given: given.with_change(Change(progress=Progress.BUSY)))
    assert Promotion.from_json(handler(EVENT, None)) == PLAIN.with_change(Change(progress=Progress.BUSY))


def test_a_steps_answer_is_json() -> None:
    answer = step(lambda given: given)(EVENT, None)
    assert json.loads(json.dumps(answer)) == answer


@pytest.mark.parametrize("attempt", [0, 3])
def test_a_step_can_read_its_retry_count(attempt: int) -> None:
    retries: list[int] = []

    def action(given: Promotion, retry_count: int) -> Promotion:
        retries.append(retry_count)
        return given

    step_with_retry_count(action)({**EVENT, "retry_count": attempt}, None)
    assert retries == [attempt]


# Time


class Invocation:
    """Lambda's context, as far as it is asked."""

    def __init__(self, seconds_left: float) -> None:
        self._left = int(seconds_left * 1000)

    def get_remaining_time_in_millis(self) -> int:
        return self._left


@pytest.mark.parametrize("text", ["x" * 7_000_000, "\U0001f600" * 20_000], ids=["long", "of many bytes"])
def test_a_message_of_any_length_can_be_posted(text: str) -> None:
    """Lambda takes 6 MB of a response, and Step Functions shows 32,768 characters of a cause (their quotas)."""
    assert len(str(raised_for(NameTaken(text))).encode()) <= 32_000
    assert len(str(raised_for(KeyError(text))).encode()) <= 32_000


NOW = 1000.0


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The monotonic clock stands still."""
    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: NOW))


def left(context: object) -> float:
    return Clock.of(context).until - NOW


@pytest.mark.parametrize(("limit", "usable"), [(900, 825), (600, 525), (300, 225), (60, 45), (1, 0.75), (0, 0)])
def test_new_work_is_begun_as_long_as_there_is_time_to_end_it(now: None, limit: float, usable: float) -> None:
    """What is under way may take more than a minute: a copy of 5 GB at 85 MB/s."""
    assert left(Invocation(limit)) == pytest.approx(usable)


def test_outside_of_lambda_there_is_as_much_time_as_lambda_gives_at_most(now: None) -> None:
    assert left(None) == pytest.approx(825)


def test_a_step_with_a_clock_has_the_invocations_own(now: None) -> None:
    message: list[float] = []

    def action(given: Promotion, clock: Clock) -> Promotion:
        message.append(clock.until - NOW)
        return given.with_change(Change(progress=Progress.BUSY))

    answer = step_with_clock(action)(EVENT, Invocation(400))
    assert message[0] == pytest.approx(325)
    assert Promotion.from_json(answer) == PLAIN.with_change(Change(progress=Progress.BUSY))


def test_a_step_with_a_deadline_raises_out_of_time() -> None:
    def action(given: Promotion, clock: Clock) -> Promotion:
        raise OutOfTime("more to do")

    with pytest.raises(OutOfTime):
        step_with_clock(action)(EVENT, None)


# Errors


def test_our_own_errors_come_out_as_they_are() -> None:
    error = NameTaken("it exists")
    assert raised_for(error) is error


def test_any_refusal_of_aws_is_quoted_with_its_call() -> None:
    error = ClientError({"Error": {"Code": "ValidationException", "Message": "said"}}, "DescribeModel")
    refused = raised_for(error)
    assert (type(refused), str(refused)) == (CallRefused, "AWS refused DescribeModel: said")


def test_a_refusal_without_a_message_is_still_named() -> None:
    assert isinstance(raised_for(ClientError({"Error": {"Code": "Odd"}}, "DescribeModel")), PromotionError)


@pytest.mark.parametrize(
    "name",
    [
        "ReadTimeoutError",
        "ConnectionClosedError",
        "HTTPClientError",
        *("EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError", "SSLError"),
    ],
)
def test_a_network_that_fails_is_retried(name: str) -> None:
    assert isinstance(raised_for(made(name)), Transient)


def test_an_unreachable_aws_is_called_unavailable() -> None:
    assert isinstance(raised_for(made("ReadTimeoutError")), ServiceUnavailable)


def test_a_call_that_cannot_be_made_is_refused() -> None:
    assert isinstance(raised_for(botocore.exceptions.ParamValidationError(report="Unknown parameter")), CallRefused)


def test_a_fault_of_ours_has_a_name_and_keeps_its_trace() -> None:
    error = KeyError("x")
    raised = raised_for(error)
    assert (type(raised), raised.__cause__) == (UnexpectedFault, error)


# Logs


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the logger writes, which took hold of the standard output when it was made."""
    written = io.StringIO()
    (handler,) = (candidate for candidate in logger.handlers if isinstance(candidate, logging.StreamHandler))
    before = handler.setStream(written)
    yield written
    handler.setStream(before)


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_every_line_names_the_promotion(log: io.StringIO) -> None:
    step(lambda given: given)(EVENT, None)
    (line,) = lines(log)
    assert (line["promotion_id"], line["application"], line["stage"]) == ("release-7", "reviews", "qa")


def test_a_failure_is_logged_with_its_name_and_its_cause(log: io.StringIO) -> None:
    raised_for(NameTaken("it exists"))
    (line,) = lines(log)
    assert (line["error"], line["cause"]) == ("NameTaken", "it exists")


def test_a_line_never_names_the_promotion_before(log: io.StringIO) -> None:
    log_about(promotion(stage=replace(STAGE, name="older"), request=replace(REQUEST, application="older")))
    raised_for(NameTaken("said before the document was read"))
    (line,) = lines(log)
    assert "older" not in {line.get("application"), line.get("stage")}


def test_a_failures_text_can_be_posted_whatever_it_quotes() -> None:
    error = raised_for(NameTaken("half a character: \ud83d"))
    assert (type(error), str(error).encode()) == (NameTaken, "half a character: \ufffd".encode())
    assert str(raised_for(KeyError("\ud83d"))).encode()


def test_an_answer_can_be_posted_whatever_it_quotes() -> None:
    rollback = Rollback(progress=RollbackProgress.BUSY, began_at=BEGUN, reason="cut inside a character: \ud83d")
    answer = step(lambda given: replace(given, rollback=rollback))(EVENT, None)
    assert Promotion.from_json(answer).rollback == replace(rollback, reason="cut inside a character: \ufffd")


def test_garbage_is_collected_from_the_first_event_on() -> None:
    """Not before, while a cold start imports, and what it imported is never looked at again."""
    program = (
        "import gc, json\n"
        "from lambdas.handlers import report_lock_age\n"
        "from lambdas.promotion.runtime.handler import errors_by_name\n"
        "before = gc.isenabled()\n"
        "errors_by_name(lambda event, context: event)({}, None)\n"
        "print(json.dumps([before, gc.isenabled(), gc.get_freeze_count() > 10_000]))\n"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, cwd=PROJECT)
    assert json.loads(process.stdout.splitlines()[-1]) == [False, True, True]
