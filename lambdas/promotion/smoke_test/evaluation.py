"""Whether a response is as expected, and whether a stage's smoke tests pass. Pure: no AWS calls."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.promotion.contract.errors import SmokeTestFailed
from lambdas.promotion.contract.jsonata.expressions import BadExpression, Evaluator, TooCostly
from lambdas.promotion.contract.smoke_test_report import SmokeReport, SmokeTestResult, readable, shortened, shown
from lambdas.promotion.contract.smoke_test_settings import RESPONSE_SECONDS, SmokeTest
from lambdas.promotion.contract.text import in_lines
from lambdas.promotion.smoke_test import strict_json
from lambdas.promotion.smoke_test.json_differences import differences

_PERCENTILE = re.compile(r"p([0-9]+)")
_SHOWN = ("p50", "p95", "max")
# A failure's cause has 32,768 characters (API: Step Functions, SensitiveCause).
_MOST_CHARACTERS = 20_000


@dataclass(frozen=True, kw_only=True)
class Response:
    """The response to one request.

    `status` and `body` are the model's own, also if SageMaker responds with 424 (ModelError); `message` is then
    SageMaker's. A status of None: there was no response, or none of the model; `body` is then the container's message,
    if there is one, and `milliseconds` how long a request that hangs was waited for, or 0.
    """

    status: int | None
    body: bytes = b""
    content_type: str = ""
    milliseconds: float = 0.0
    message: str | None = None


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One test with its result, and its problems as text; none if it passed."""

    result: SmokeTestResult
    problems: tuple[str, ...]


def evaluate(test: SmokeTest, payload: bytes, responses: Iterable[Response]) -> Evaluation:
    """Evaluate the responses as they arrive. No body is kept."""
    with Evaluator() as evaluator:
        return _evaluated(test, payload, responses, evaluator)


def _evaluated(test: SmokeTest, payload: bytes, responses: Iterable[Response], evaluator: Evaluator) -> Evaluation:
    received: str | None = None
    first_mismatch: str | None = None
    count = failures = 0
    milliseconds: list[float] = []
    for response in responses:
        count += 1
        if response.status is not None or response.milliseconds:
            milliseconds.append(response.milliseconds)
        mismatch = mismatch_in(test, response, evaluator)
        if received is None or (mismatch and not failures):
            received = _received(test, response)
        if mismatch:
            failures += 1
            first_mismatch = first_mismatch or mismatch
    unsent = test.requests - count
    problems = []
    # Rounded: 29% of 100 is 28.999999999999996.
    if first_mismatch and failures > round(test.expect.error_rate * test.requests, 6):
        allowed = f"; {test.expect.error_rate:.4g} of them may fail" if test.expect.error_rate else ""
        problems.append(
            f"{failures} of {test.requests} requests failed{allowed}. The first that failed: {first_mismatch}"
        )
    if unsent:
        problems.append(f"{unsent} of {test.requests} requests were not sent within {test.timeout_seconds} s")
    problems += too_slow(test.expect.latency, milliseconds)
    result = SmokeTestResult(
        sent=shown(payload, test.content_type, record=test.record),
        received=received,
        requests=test.requests,
        failures=failures + unsent,
        milliseconds=latencies(milliseconds),
    )
    return Evaluation(result=result, problems=tuple(problems))


def require_passed(
    evaluations: Sequence[Evaluation], *, endpoint: str, config: str, preview_for: str | None = None
) -> SmokeReport:
    """Return the report of the tests if all have passed. Raises SmokeTestFailed with every test that has not.

    `preview_for`: the tests ran on a preview endpoint, and this is the live endpoint, which was not changed.
    """
    failed = [(number, evaluation) for number, evaluation in enumerate(evaluations, start=1) if evaluation.problems]
    if not failed:
        return SmokeReport(tests=tuple(evaluation.result for evaluation in evaluations))
    of = f" of {len(evaluations)}" if len(evaluations) > 1 else ""
    longest = _MOST_CHARACTERS // len(failed)
    failures = [_failure(f"test {number}{of}", evaluation)[:longest] for number, evaluation in failed]
    subject = f"The {'preview ' if preview_for else ''}endpoint {endpoint}"
    unchanged = f"This was a preview: the endpoint {preview_for} was not changed. " if preview_for else ""
    raise SmokeTestFailed(
        in_lines(
            f"{subject} reached InService on {config} and failed its smoke test:",
            failures,
            f"{unchanged}Fix the model, or what promotion.yaml expects of it (smoke_test), then promote again.",
        )
    )


def _failure(test: str, evaluation: Evaluation) -> str:
    result = evaluation.result
    latency = ", ".join(f"{name} {value:g} ms" for name, value in result.milliseconds.items())
    received = f"; received {result.received}" if result.received else ""
    problems = "; ".join(evaluation.problems)
    return f"{test} sent {result.sent}{received}: {problems}{f' ({latency})' if latency else ''}"


def mismatch_in(test: SmokeTest, response: Response, evaluator: Evaluator) -> str | None:
    """Return as text what is not as expected in a response. Raises SmokeTestFailed if it cannot be evaluated."""
    expect = test.expect
    if response.status is None:
        return _without_status(test, response)
    if response.status != expect.status:
        message = f" ({shortened(response.message)})" if response.message and test.record else ""
        return f"the status is {response.status}, not {expect.status}{message}"
    if expect.body is not None and response.body != expect.body.encode():
        return "the body is not the expected one" + (f", {shortened(json.dumps(expect.body))}" if test.record else "")
    if expect.json is None and expect.jsonata is None:
        return None
    try:
        document = strict_json.parsed(response.body)
    except ValueError as error:
        return "the body is not JSON" + (f" ({shortened(str(error))})" if test.record else "")
    return _document_mismatch(test, document, response.body, evaluator)


def _without_status(test: SmokeTest, response: Response) -> str:
    message = readable(response.message) if response.message else f"no response within {RESPONSE_SECONDS} s"
    if not response.body:
        return message
    return f"{message}: {shown(response.body, response.content_type or 'no type', record=test.record)}"


def _document_mismatch(test: SmokeTest, document: Any, body: bytes, evaluator: Evaluator) -> str | None:
    expect = test.expect
    if expect.json is not None:
        expected = json.loads(expect.json)
        for difference in differences(expected, document, absolute=expect.absolute, relative=expect.relative):
            return f"the body's JSON is not the expected one{f': {shortened(difference)}' if test.record else ''}"
    return _untrue(expect.jsonata, body, evaluator, record=test.record) if expect.jsonata is not None else None


def _untrue(expression: str, body: bytes, evaluator: Evaluator, *, record: bool) -> str | None:
    try:
        if not evaluator.is_true(expression, body):
            return f"the expression {expression} is not true"
    except TooCostly as error:
        # The evaluation of the next response would take as much.
        raise SmokeTestFailed(
            f"The smoke test's expression {expression} cannot be evaluated: {error}. Simplify it in "
            "promotion.yaml (smoke_test, expect, jsonata), deploy, then promote again."
        ) from error
    except BadExpression as error:
        return f"the expression {expression} cannot be applied{f': {shortened(str(error))}' if record else ''}"
    return None


def latencies(milliseconds: Sequence[float]) -> dict[str, float]:
    """Return the latencies for the report; empty if there was no response."""
    if not milliseconds:
        return {}
    values = {"min": min(milliseconds), **{name: percentile(name, milliseconds) for name in _SHOWN}}
    return {name: round(value, 1) for name, value in values.items()}


def percentile(name: str, values: Sequence[float]) -> float:
    """Return the maximum for "max", or a percentile such as "p95" by the nearest rank."""
    matched = _PERCENTILE.fullmatch(name)
    if not matched:
        return max(values)
    return sorted(values)[max(0, math.ceil(int(matched[1]) * len(values) / 100) - 1)]


def too_slow(limits: Mapping[str, int], milliseconds: Sequence[float]) -> list[str]:
    if not milliseconds:
        return []
    return [
        f"{name} latency is {latency:.0f} ms, limit {limit} ms"
        for name, limit in limits.items()
        if (latency := percentile(name, milliseconds)) > limit
    ]


def _received(test: SmokeTest, response: Response) -> str:
    if response.status is None:
        return _without_status(test, response)
    return f"status {response.status}, {shown(response.body, response.content_type or 'no type', record=test.record)}"
