"""When an answer is as expected, and when a stage's smoke tests are passed. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.promotion.contract import jsonata_expressions
from lambdas.promotion.contract.errors import SmokeTestFailed
from lambdas.promotion.contract.jsonata_expressions import BadExpression, TooSlow
from lambdas.promotion.contract.smoke_test_report import SmokeReport, SmokeTestResult, shortened, shown
from lambdas.promotion.contract.smoke_test_settings import RESPONSE_SECONDS, Expectation, SmokeTest
from lambdas.promotion.smoke_test.json_differences import differences

_PERCENTILE = re.compile(r"p([0-9]+)")
_SHOWN = ("p50", "p95", "max")
# A failure's cause has 32,768 characters (API: Step Functions, SensitiveCause).
_MOST_CHARACTERS = 20_000


@dataclass(frozen=True, kw_only=True)
class Response:
    """What came back to one request.

    `status` and `body` are the model's own, also where SageMaker's answer is 424 (ModelError); `said` is then
    SageMaker's sentence. A status of None: nothing came, or nothing of the model; `body` is then what the container
    said, if it is known.
    """

    status: int | None
    body: bytes = b""
    content_type: str = ""
    milliseconds: float = 0.0
    message: str | None = None


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One test with its report, and what is wrong, in words; empty if it passed."""

    result: SmokeTestResult
    problems: tuple[str, ...]


def evaluate(test: SmokeTest, payload: bytes, answers: Iterable[Response]) -> Evaluation:
    """Take the answers as they come and return what they are worth. No body is kept."""
    asked = shown(payload, test.content_type, record=test.record)
    got: str | None = None
    fault: str | None = None
    count = failures = 0
    milliseconds: list[float] = []
    for answer in answers:
        count += 1
        if answer.status is not None:
            milliseconds.append(answer.milliseconds)
        wrong = mismatch_in(test, answer)
        if got is None or (wrong and not failures):
            got = _received(test, answer)
        if wrong:
            failures += 1
            fault = fault or wrong
    unasked = test.requests - count
    problems = []
    # Rounded: 29% of 100 is 28.999999999999996.
    if fault and failures > round(test.expect.error_rate * test.requests, 6):
        allowed = f"; {test.expect.error_rate:.4g} of them may fail" if test.expect.error_rate else ""
        problems.append(f"{failures} of {test.requests} requests failed{allowed}. The first that failed: {fault}")
    if unasked:
        problems.append(f"{unasked} of {test.requests} requests were not sent within {test.timeout_seconds} s")
    problems += too_slow(test.expect.latency, milliseconds)
    tested = SmokeTestResult(
        sent=asked,
        received=got,
        requests=test.requests,
        failures=failures + unasked,
        milliseconds=latencies(milliseconds),
    )
    return Evaluation(result=tested, problems=tuple(problems))


def require_passed(
    judged: Sequence[Evaluation], *, endpoint: str, config: str, preview_for: str | None = None
) -> SmokeReport:
    """Return the report of tests that are passed. Raises SmokeTestFailed with all that are not.

    `preview_for`: it was a trial, and this is the endpoint that did not get the configuration.
    """
    failed = [(number, one) for number, one in enumerate(judged, start=1) if one.problems]
    if not failed:
        return SmokeReport(tests=tuple(one.result for one in judged))
    of = f" of {len(judged)}" if len(judged) > 1 else ""
    told = "; ".join(_failure(f"test {number}{of}", one) for number, one in failed)[:_MOST_CHARACTERS]
    which = f"The {'trial ' if preview_for else ''}endpoint {endpoint}"
    untouched = f"It was a trial: the endpoint {preview_for} was not changed. " if preview_for else ""
    raise SmokeTestFailed(
        f"{which} came into service on {config} and did not pass its smoke test: {told}. {untouched}Mend the "
        "model, or what promotion.yaml expects of it (smoke_test), and promote again."
    )


def _failure(which: str, one: Evaluation) -> str:
    tested = one.result
    took = ", ".join(f"{name} {value:g} ms" for name, value in tested.milliseconds.items())
    got = f"; it got {tested.received}" if tested.received else ""
    return f"{which} asked {tested.sent}{got}: {'; '.join(one.problems)}{f' ({took})' if took else ''}"


def mismatch_in(test: SmokeTest, answer: Response) -> str | None:
    """Return what is not as expected of an answer, in words. Raises SmokeTestFailed if that cannot be found out."""
    expect = test.expect
    if answer.status is None:
        return _without_status(test, answer)
    if answer.status != expect.status:
        said = f" ({shortened(answer.message)})" if answer.message and test.record else ""
        return f"the status is {answer.status}, not {expect.status}{said}"
    if expect.body is not None and answer.body != expect.body.encode():
        return "the body is not the expected one" + (f", {shortened(json.dumps(expect.body))}" if test.record else "")
    if expect.json is None and expect.jsonata is None:
        return None
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        return "the body is no JSON" + (f" ({error})" if test.record else "")
    return _wrong_document(expect, document, record=test.record)


def _without_status(test: SmokeTest, answer: Response) -> str:
    said = answer.message or f"no answer within {RESPONSE_SECONDS} s"
    if not answer.body:
        return said
    return f"{said}: {shown(answer.body, answer.content_type or 'no type', record=test.record)}"


def _wrong_document(expect: Expectation, document: Any, *, record: bool) -> str | None:
    if expect.json is not None:
        wanted = json.loads(expect.json)
        for found in differences(wanted, document, absolute=expect.absolute, relative=expect.relative):
            return f"the body's JSON is not the expected one{f': {shortened(found)}' if record else ''}"
    if expect.jsonata is not None:
        try:
            if not jsonata_expressions.is_true(expect.jsonata, document):
                return f"the expression {expect.jsonata} is not true"
        except TooSlow as error:
            # The next answer would take as long.
            raise SmokeTestFailed(
                f"The smoke test's expression {expect.jsonata} cannot be evaluated: {error}. Simplify it in "
                "promotion.yaml (smoke_test, expect, jsonata), deploy, and promote again."
            ) from error
        except BadExpression as error:
            return f"the expression {expect.jsonata} cannot be applied{f': {shortened(str(error))}' if record else ''}"
    return None


def latencies(milliseconds: Sequence[float]) -> dict[str, float]:
    """Return what a report shows of the answers' times; nothing if none came."""
    if not milliseconds:
        return {}
    found = {"min": min(milliseconds), **{name: percentile(name, milliseconds) for name in _SHOWN}}
    return {name: round(value, 1) for name, value in found.items()}


def percentile(name: str, values: Sequence[float]) -> float:
    """Return "max", or a percentile such as "p95" by the nearest rank: the value that so many percent do not exceed."""
    matched = _PERCENTILE.fullmatch(name)
    if not matched:
        return max(values)
    return sorted(values)[max(0, math.ceil(int(matched[1]) * len(values) / 100) - 1)]


def too_slow(limits: Mapping[str, int], milliseconds: Sequence[float]) -> list[str]:
    if not milliseconds:
        return []
    return [
        f"{name} of the answers' times is {found:.0f} ms, more than {limit} ms"
        for name, limit in limits.items()
        if (found := percentile(name, milliseconds)) > limit
    ]


def _received(test: SmokeTest, answer: Response) -> str:
    if answer.status is None:
        return _without_status(test, answer)
    return f"status {answer.status}, {shown(answer.body, answer.content_type or 'no type', record=test.record)}"
