"""What a smoke test's answers are worth: each one for itself, and all of them together."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion.contract.errors import SmokeTestFailed
from lambdas.promotion.contract.smoke_test_report import LONGEST, shown
from lambdas.promotion.contract.smoke_test_settings import Expectation, Payload, SmokeTest
from lambdas.promotion.smoke_test import evaluation
from lambdas.promotion.smoke_test.evaluation import Evaluation, Response

TEST = SmokeTest(payload=Payload(text="a fine film"), content_type="text/csv")


def asking(record: bool = True, requests: int = 1, **expect: Any) -> SmokeTest:
    return replace(TEST, requests=requests, record=record, expect=Expectation(**expect))


def answer(body: object = None, **fields: Any) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(**{"status": 200, "body": content, "content_type": "application/json", **fields})


def judged(test: SmokeTest, *answers: Response) -> Evaluation:
    return evaluation.evaluate(test, b"a fine film", answers)


@pytest.mark.parametrize(
    ("expect", "good", "bad"),
    [
        ({}, answer({"label": "any"}), answer(b"broken", status=500)),
        ({"status": 400}, answer(b"no CSV", status=400), answer(b"")),
        ({"body": "yes"}, answer(b"yes"), answer(b"yes\n")),
        ({"json": '{"a": 1}'}, answer(b'{ "a" : 1 }'), answer({"a": 2})),
        ({"json": "null"}, answer(b"null"), answer(b"0")),
        ({"json": '{"a": 1}'}, answer({"a": 1.0}), answer(b"a: 1")),
        ({"json": "1", "absolute": 0.1}, answer(1.1), answer(1.11)),
        ({"json": "200", "relative": 0.01}, answer(198), answer(197)),
        ({"jsonata": "label = 'positive'"}, answer([{"label": "positive"}]), answer({"label": "negative"})),
        ({"jsonata": "label = 'positive'"}, answer({"label": "positive"}), answer({})),
        # What is merely like true is not true.
        ({"jsonata": "score"}, answer({"score": True}), answer({"score": 1})),
        ({"jsonata": "score > 0.5"}, answer({"score": 0.6}), answer({"score": "0.6"})),
    ],
)
def test_an_answer_is_as_expected_or_not(expect: dict[str, Any], good: Response, bad: Response) -> None:
    assert judged(asking(**expect), good).problems == ()
    assert len(judged(asking(**expect), bad).problems) == 1


def test_a_wrong_response_is_reported_with_the_expected_one() -> None:
    message = judged(asking(json='{"label": "positive"}'), answer({"label": "negative"})).problems
    assert message == (
        "1 of 1 requests failed. The first that failed: the body's JSON is not the expected one: "
        '$.label is "negative", not "positive"',
    )


def test_a_model_error_is_reported_with_sagemakers_message() -> None:
    broken = answer(
        b"boom", status=500, message='ModelError: Received server error (500) from primary with message "boom"'
    )
    assert "the status is 500, not 200 (ModelError: Received server error" in judged(TEST, broken).problems[0]


def test_no_answer_is_a_failure() -> None:
    assert "no answer within 70 s" in judged(TEST, Response(status=None)).problems[0]


def test_as_many_may_fail_as_the_error_rate_allows_and_no_more() -> None:
    tolerant = asking(requests=100, error_rate=0.29)
    good, bad = [answer("x")], [answer("x", status=500)]
    assert judged(tolerant, *good * 71, *bad * 29).problems == ()
    assert judged(tolerant, *good * 70, *bad * 30).problems[0].startswith("30 of 100 requests failed; 0.29 of them may")


def test_requests_that_were_not_sent_in_time_are_failures() -> None:
    found = judged(asking(requests=3), answer("x"))
    assert found.problems == ("2 of 3 requests were not sent within 120 s",)
    assert found.result.failures == 2


@pytest.mark.parametrize(
    ("name", "values", "found"),
    [
        ("p50", [3.0, 1.0, 2.0], 2.0),
        ("p50", [1.0, 2.0, 3.0, 4.0], 2.0),
        ("p95", [float(one) for one in range(1, 101)], 95.0),
        ("p95", [1.0, 2.0], 2.0),
        ("p99", [7.0], 7.0),
        ("max", [1.0, 9.0, 2.0], 9.0),
    ],
)
def test_a_percentile_is_a_value_that_was_measured(name: str, values: list[float], found: float) -> None:
    assert evaluation.percentile(name, values) == found


def test_a_slow_model_fails_by_the_percentile_that_is_limited() -> None:
    times = [answer("x", milliseconds=ms) for ms in (10.0, 20.0, 900.0)]
    found = judged(asking(requests=3, latency={"p50": 100, "max": 500}), *times)
    assert found.problems == ("max of the answers' times is 900 ms, more than 500 ms",)
    assert found.result.milliseconds == {"min": 10.0, "p50": 20.0, "p95": 900.0, "max": 900.0}


def test_the_report_keeps_the_first_bad_answer_else_the_first() -> None:
    bad, worse = answer("bad", status=400), answer("worse", status=500)
    assert (
        judged(asking(requests=3), answer("good"), bad, worse).result.received
        == 'status 400, "bad" (application/json, 5 bytes)'
    )
    assert judged(asking(requests=2), answer("one"), answer("two")).result.received == (
        'status 200, "one" (application/json, 5 bytes)'
    )


def test_a_test_that_is_not_to_be_recorded_leaves_no_content_anywhere() -> None:
    """Neither what was asked nor what came back; what the configuration expects is no secret of anybody's."""
    for expect in ({"json": '{"a": "x"}'}, {"body": "x"}, {"status": 201}, {"jsonata": "secret = 1"}, {"json": "1"}):
        for body in ({"secret": "hush"}, b"hush"):
            said = answer(body, message="ModelError: hush")
            found = evaluation.evaluate(asking(record=False, **expect), b"hush hush", [said])
            assert found.problems
            assert "hush" not in f"{found}"


def test_a_long_or_binary_payload_is_shortened() -> None:
    assert len(shown(b"x" * 10_000, "text/csv", record=True)) < LONGEST + 50
    assert len(shown("ü".encode() * 10_000, "text/csv", record=True)) < LONGEST + 50
    assert shown(b"\x89PNG\xff", "image/png", record=True) == "(image/png, 5 bytes)"
    assert shown(b"a\n\tb\x00", "text/csv", record=True) == "(text/csv, 5 bytes)"


def test_every_failed_test_is_reported_and_passed_ones_are_not() -> None:
    good, bad = judged(TEST, answer("x")), judged(asking(body="y"), answer("x", milliseconds=7.04))
    with pytest.raises(SmokeTestFailed) as message:
        evaluation.require_passed([good, bad, bad], endpoint="reviews-qa", config="reviews-qa-1")
    text = str(message.value)
    assert "reviews-qa came into service on reviews-qa-1 and did not pass its smoke test: test 2 of 3 asked" in text
    assert "test 3 of 3 asked a fine film (text/csv, 11 bytes); it got status 200" in text
    assert "p95 7 ms" in text
    assert "test 1" not in text


def test_passed_tests_are_reported_in_order() -> None:
    one, two = judged(TEST, answer("one")), judged(TEST, answer("two"))
    report = evaluation.require_passed([one, two], endpoint="e", config="c")
    assert report.tests == (one.result, two.result)


def test_the_message_of_many_long_failures_stays_within_the_cause_limit() -> None:
    bad = judged(replace(asking(body="y" * 9000)), answer("x" * 9000))
    with pytest.raises(SmokeTestFailed) as message:
        evaluation.require_passed([bad] * 10, endpoint="e", config="c")
    assert len(str(message.value)) < 32_000


def test_an_expression_that_does_not_end_fails_the_test_at_once() -> None:
    endless = asking(requests=2, jsonata="( $f := function($x){ $f($x) }; $f(1) )")
    with pytest.raises(SmokeTestFailed, match="cannot be evaluated: it did not end within 2 seconds"):
        judged(endless, answer({}), answer({}))


def test_a_containers_failure_message_is_shortened_and_reported_only_if_recording_is_allowed() -> None:
    answer = Response(
        status=None, body=b"bad row: Jane Doe " * 100, message="the asynchronous request failed (s3://a/b)"
    )
    for record in (True, False):
        test = replace(TEST, record=record)
        (problem,) = evaluation.evaluate(test, b"x", [answer]).problems
        got = evaluation.evaluate(test, b"x", [answer]).result.received or ""
        for said in (problem, got):
            assert "the asynchronous request failed (s3://a/b): " in said
            assert ("Jane Doe" in said) is record
            assert len(said) < 500
