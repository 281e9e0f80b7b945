"""The evaluation of a smoke test: each response, and all of them together."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion.contract.errors import SmokeTestFailed
from lambdas.promotion.contract.jsonata import expressions
from lambdas.promotion.contract.jsonata.expressions import Evaluator
from lambdas.promotion.contract.smoke_test_report import LONGEST, SmokeTestResult, shown
from lambdas.promotion.contract.smoke_test_settings import Expectation, Payload, SmokeTest
from lambdas.promotion.smoke_test import evaluation
from lambdas.promotion.smoke_test.evaluation import Evaluation, Response
from tests.unit.processes import children

TEST = SmokeTest(payload=Payload(text="a fine film"), content_type="text/csv")


def smoke_test(record: bool = True, requests: int = 1, **expect: Any) -> SmokeTest:
    return replace(TEST, requests=requests, record=record, expect=Expectation(**expect))


def response(body: object = None, **fields: Any) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(**{"status": 200, "body": content, "content_type": "application/json", **fields})


def evaluate(test: SmokeTest, *responses: Response) -> Evaluation:
    return evaluation.evaluate(test, b"a fine film", responses)


@pytest.mark.parametrize(
    ("expect", "good", "bad"),
    [
        ({}, response({"label": "any"}), response(b"broken", status=500)),
        ({"status": 400}, response(b"no CSV", status=400), response(b"")),
        ({"body": "yes"}, response(b"yes"), response(b"yes\n")),
        ({"json": '{"a": 1}'}, response(b'{ "a" : 1 }'), response({"a": 2})),
        ({"json": "null"}, response(b"null"), response(b"0")),
        ({"json": '{"a": 1}'}, response({"a": 1.0}), response(b"a: 1")),
        ({"json": "1", "absolute": 0.1}, response(1.1), response(1.11)),
        ({"json": "200", "relative": 0.01}, response(198), response(197)),
        ({"jsonata": "label = 'positive'"}, response([{"label": "positive"}]), response({"label": "negative"})),
        ({"jsonata": "label = 'positive'"}, response({"label": "positive"}), response({})),
        # A truthy value is not true.
        ({"jsonata": "score"}, response({"score": True}), response({"score": 1})),
        ({"jsonata": "score > 0.5"}, response({"score": 0.6}), response({"score": "0.6"})),
    ],
)
def test_a_response_is_as_expected_or_not(expect: dict[str, Any], good: Response, bad: Response) -> None:
    assert evaluate(smoke_test(**expect), good).problems == ()
    assert len(evaluate(smoke_test(**expect), bad).problems) == 1


def test_a_wrong_response_is_reported_with_the_expected_one() -> None:
    message = evaluate(smoke_test(json='{"label": "positive"}'), response({"label": "negative"})).problems
    assert message == (
        "1 of 1 requests failed. The first that failed: the body's JSON is not the expected one: "
        '$.label is "negative", not "positive"',
    )


def test_a_model_error_is_reported_with_sagemakers_message() -> None:
    broken = response(
        b"boom", status=500, message='ModelError: Received server error (500) from primary with message "boom"'
    )
    assert "the status is 500, not 200 (ModelError: Received server error" in evaluate(TEST, broken).problems[0]


@pytest.mark.parametrize(
    ("expect", "body", "mismatch"),
    [
        ({"status": 201}, b"x", "the status is 200, not 201 (ModelError: hush)"),
        ({"body": "x"}, b"y", 'the body is not the expected one, "x"'),
        ({"json": "1"}, b"NaN", "the body is not JSON (NaN is no number in JSON)"),
        ({"json": "1"}, b"[" * 100_000, "the body is not JSON (it is nested too deeply)"),
        (
            {"json": "1"},
            b'{"b": 1, "a": 1, "a": 2}',
            'the body is not JSON (the member "a" stands twice in an object)',
        ),
        ({"json": "1"}, b"2", "the body's JSON is not the expected one: $ is 2, not 1"),
        ({"jsonata": "$error('hush')"}, b"1", "the expression $error('hush') cannot be applied: hush"),
    ],
)
def test_what_is_wrong_is_reported_and_quoted_only_if_recording_is_allowed(
    expect: dict[str, Any], body: bytes, mismatch: str
) -> None:
    wrong = response(body, message="ModelError: hush")
    unquoted = re.sub(r"(?<=the expected one), .*|(?<=one|ied): .*| \(.*", "", mismatch)
    with Evaluator() as evaluator:
        assert evaluation.mismatch_in(smoke_test(**expect), wrong, evaluator) == mismatch
        assert evaluation.mismatch_in(smoke_test(record=False, **expect), wrong, evaluator) == unquoted


def test_a_status_without_a_message_is_reported_alone() -> None:
    assert evaluation.mismatch_in(TEST, response(b"", status=500), Evaluator()) == "the status is 500, not 200"


@pytest.mark.parametrize(("content_type", "shown_as"), [("text/csv", "text/csv"), ("", "no type")])
def test_a_containers_message_is_reported_with_its_type(content_type: str, shown_as: str) -> None:
    failed = Response(status=None, body=b"why", content_type=content_type, message="it failed")
    assert evaluation.mismatch_in(TEST, failed, Evaluator()) == f"it failed: why ({shown_as}, 3 bytes)"


def test_a_missing_response_is_a_failure() -> None:
    assert "no response within 70 s" in evaluate(TEST, Response(status=None)).problems[0]


def test_as_many_requests_may_fail_as_the_error_rate_allows_and_no_more() -> None:
    tolerant = smoke_test(requests=100, error_rate=0.29)
    good, bad = [response("x")], [response("x", status=500)]
    assert evaluate(tolerant, *good * 71, *bad * 29).problems == ()
    assert (
        evaluate(tolerant, *good * 70, *bad * 30).problems[0].startswith("30 of 100 requests failed; 0.29 of them may")
    )


def test_a_share_of_failures_is_no_whole_number() -> None:
    half = smoke_test(requests=3, error_rate=0.5)
    good, bad = response("x"), response("x", status=500)
    assert evaluate(half, good, good, bad).problems == ()
    assert evaluate(half, good, bad, bad).problems != ()


def test_the_requests_that_a_test_has_are_counted() -> None:
    assert evaluate(smoke_test(requests=2), response("x"), response("x")).result.requests == 2


def test_requests_that_were_not_sent_in_time_are_failures() -> None:
    result = evaluate(smoke_test(requests=3), response("x"))
    assert result.problems == ("2 of 3 requests were not sent within 120 s",)
    assert result.result.failures == 2


@pytest.mark.parametrize(
    ("name", "values", "result"),
    [
        ("p50", [3.0, 1.0, 2.0], 2.0),
        ("p50", [1.0, 2.0, 3.0, 4.0], 2.0),
        ("p95", [float(value) for value in range(1, 101)], 95.0),
        ("p95", [1.0, 2.0], 2.0),
        ("p99", [7.0], 7.0),
        ("p100", [1.0, 2.0], 2.0),
        ("p50", [float(value) for value in range(1, 203)], 101.0),
        ("max", [1.0, 9.0, 2.0], 9.0),
    ],
)
def test_a_percentile_is_a_measured_value(name: str, values: list[float], result: float) -> None:
    assert evaluation.percentile(name, values) == result


def test_a_slow_model_fails_by_the_percentile_that_is_limited() -> None:
    times = [response("x", milliseconds=ms) for ms in (10.04, 20.06, 900.0)]
    result = evaluate(smoke_test(requests=3, latency={"p50": 100, "max": 500}), *times)
    assert result.problems == ("max latency is 900 ms, limit 500 ms",)
    assert result.result.milliseconds == {"min": 10.0, "p50": 20.1, "p95": 900.0, "max": 900.0}
    assert evaluate(smoke_test(requests=3, latency={"max": 900}), *times).problems == ()


def test_the_report_keeps_the_first_mismatch_else_the_first_response() -> None:
    bad, worse = response("bad", status=400), response("worse", status=500)
    assert (
        evaluate(smoke_test(requests=3), response("good"), bad, worse).result.received
        == 'status 400, "bad" (application/json, 5 bytes)'
    )
    assert evaluate(smoke_test(requests=2), response("one"), response("two")).result.received == (
        'status 200, "one" (application/json, 5 bytes)'
    )


def test_a_test_that_is_not_to_be_recorded_leaves_no_content_anywhere() -> None:
    """Neither the payload nor the response; what the configuration expects is not secret."""
    for expect in ({"json": '{"a": "x"}'}, {"body": "x"}, {"status": 201}, {"jsonata": "secret = 1"}, {"json": "1"}):
        for body in ({"secret": "hush"}, b"hush"):
            message = response(body, message="ModelError: hush")
            result = evaluation.evaluate(smoke_test(record=False, **expect), b"hush hush", [message])
            assert result.problems
            assert "hush" not in f"{result}"


def test_a_long_or_binary_payload_is_shortened() -> None:
    assert len(shown(b"x" * 10_000, "text/csv", record=True)) < LONGEST + 50
    assert len(shown("ü".encode() * 10_000, "text/csv", record=True)) < LONGEST + 50
    assert shown(b"\x89PNG\xff", "image/png", record=True) == "(image/png, 5 bytes)"
    assert shown(b"a\n\tb\x00", "text/csv", record=True) == "(text/csv, 5 bytes)"
    for size in (1, 1_000):
        assert shown(b"caf\xe9" * size, "text/csv", record=True) == f"(text/csv, {4 * size} bytes)"
        assert shown("ab€".encode() * size + b"c", "text/csv", record=True).startswith("ab€")


def test_every_failed_test_is_reported_and_passed_ones_are_not() -> None:
    good, bad = evaluate(TEST, response("x")), evaluate(smoke_test(body="y"), response("x", milliseconds=7.04))
    with pytest.raises(SmokeTestFailed) as message:
        evaluation.require_passed([good, bad, bad], endpoint="reviews-qa", config="reviews-qa-1")
    text = str(message.value)
    assert "reviews-qa reached InService on reviews-qa-1 and failed its smoke test:\n- test 2 of 3 sent" in text
    assert "test 3 of 3 sent a fine film (text/csv, 11 bytes); received status 200" in text
    assert "p95 7 ms" in text
    assert "test 1" not in text


@pytest.mark.parametrize("number", [1, 2])
def test_the_message_of_a_failed_test_has_what_was_sent_received_and_measured(number: int) -> None:
    result = SmokeTestResult(sent="a", received="b", requests=1, failures=1, milliseconds={"min": 1.5, "max": 7.0})
    failed = Evaluation(result=result, problems=("no", "not at all"))
    silent = Evaluation(result=replace(result, received=None, milliseconds={}), problems=("no",))

    def failures(text: str) -> str:
        if number == 1:
            return f" test 1 sent {text}. "
        return f"\n- test 1 of 2 sent {text}\n- test 2 of 2 sent {text}\n"

    for failure, text in ((failed, "a; received b: no; not at all (min 1.5 ms, max 7 ms)"), (silent, "a: no")):
        with pytest.raises(SmokeTestFailed) as message:
            evaluation.require_passed([failure] * number, endpoint="e", config="c")
        assert str(message.value) == (
            f"The endpoint e reached InService on c and failed its smoke test:{failures(text)}"
            "Fix the model, or what promotion.yaml expects of it (smoke_test), then promote again."
        )


def test_the_message_of_a_preview_has_the_live_endpoint() -> None:
    bad = evaluate(smoke_test(body="y"), response("x"))
    with pytest.raises(SmokeTestFailed) as message:
        evaluation.require_passed([bad], endpoint="e-preview", config="c", preview_for="e")
    assert str(message.value).startswith("The preview endpoint e-preview reached InService on c and failed")
    assert ". This was a preview: the endpoint e was not changed. Fix the model" in str(message.value)


def test_passed_tests_are_reported_in_order() -> None:
    first, second = evaluate(TEST, response("one")), evaluate(TEST, response("two"))
    report = evaluation.require_passed([first, second], endpoint="e", config="c")
    assert report.tests == (first.result, second.result)


def test_the_message_of_many_long_failures_stays_within_the_cause_limit() -> None:
    bad = evaluate(replace(smoke_test(body="y" * 9000)), response("x" * 9000))
    with pytest.raises(SmokeTestFailed) as message:
        evaluation.require_passed([bad] * 10, endpoint="e", config="c")
    assert len(str(message.value)) < 32_000


def test_an_expression_that_does_not_end_fails_the_test_immediately(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expressions, "SECONDS", 0.2)
    endless = smoke_test(requests=2, jsonata="( $f := function($x){ $f($x) }; $f(1) )")
    with pytest.raises(SmokeTestFailed, match=r"cannot be evaluated: it did not end within 0\.2 seconds"):
        evaluate(endless, response({}), response({}))


def test_an_expression_that_needs_too_much_memory_fails_the_test_immediately() -> None:
    large = smoke_test(requests=2, jsonata="$pad('x', 2000000000) = 'x'")
    with pytest.raises(SmokeTestFailed, match="cannot be evaluated: it needs more than 512 MB of memory"):
        evaluate(large, response({}), response({}))


def test_no_process_is_left_after_an_evaluation() -> None:
    before = children()
    for expression in ("a = 1", "$error('x')"):
        evaluate(smoke_test(jsonata=expression), response({"a": 1}))
    with pytest.raises(SmokeTestFailed):
        evaluate(smoke_test(jsonata="$pad('x', 2000000000) = 'x'"), response({}))
    assert children() == before


def test_a_member_that_stands_twice_among_very_many_is_reported_in_time() -> None:
    body = json.dumps({f"{number}": 1 for number in range(200_000)})[:-1] + ', "199999": 2}'
    started = time.monotonic()
    (problem,) = evaluate(smoke_test(json="1"), response(body.encode())).problems
    assert 'the member "199999" stands twice' in problem
    assert time.monotonic() - started < 30


def test_a_containers_failure_message_is_shortened_and_reported_only_if_recording_is_allowed() -> None:
    failed = Response(
        status=None, body=b"bad row: Jane Doe " * 100, message="the asynchronous request failed (s3://a/b)"
    )
    for record in (True, False):
        test = replace(TEST, record=record)
        (problem,) = evaluation.evaluate(test, b"x", [failed]).problems
        received = evaluation.evaluate(test, b"x", [failed]).result.received or ""
        for message in (problem, received):
            assert "the asynchronous request failed (s3://a/b): " in message
            assert ("Jane Doe" in message) is record
            assert len(message) < 500


# JSON


@pytest.mark.parametrize(
    "body",
    [
        b"NaN",
        b'{"score": NaN}',
        b'{"score": Infinity}',
        b"[1, -Infinity]",
        b'{"a": 1, "a": 2}',
        b'{"a": 1, "a": 1}',
        b'[{"b": {"a": 1, "c": 2, "a": 1}}]',
        b'{"a": 1, "\\u0061": 1}',
        b"[" * 100_000 + b"]" * 100_000,
        b"",
        *('{"a": 1}'.encode(encoding) for encoding in ("utf-16", "utf-16-le", "utf-32")),
        b'{"a": "\xed\xa0\xbd"}',
    ],
)
@pytest.mark.parametrize("expect", [{"json": '{"a": 1}'}, {"json": "NaN"}, {"jsonata": "true"}])
def test_what_is_no_json_is_no_json(body: bytes, expect: dict[str, Any]) -> None:
    """RFC 8259: there are no such numbers. The names of an object should be unique: parsers choose different values."""
    (problem,) = evaluate(smoke_test(**expect), response(body)).problems
    assert "the body is not JSON" in problem


def test_a_member_that_stands_twice_is_named_only_if_recording_is_allowed() -> None:
    for record in (True, False):
        (problem,) = evaluate(smoke_test(record=record, json="1"), response(b'{"Jane": 1, "Jane": 2}')).problems
        assert ("Jane" in problem) is record


def test_numbers_and_names_that_only_look_odd_are_json() -> None:
    body = b'\xef\xbb\xbf{"a": -0, "b": 1E+2, "c": [{"a": 1}, {"a": 1}], "NaN": "Infinity"}'
    assert evaluate(smoke_test(jsonata="b = 100"), response(body)).problems == ()


# Requests that hang


def test_a_request_that_hangs_counts_in_the_latency_as_long_as_it_was_waited_for() -> None:
    hanging = Response(status=None, milliseconds=70_000.0)
    times = [*[response("x", milliseconds=10.0)] * 9, hanging]
    result = evaluate(smoke_test(requests=10, error_rate=0.1, latency={"p50": 100, "max": 500}), *times)
    assert result.problems == ("max latency is 70000 ms, limit 500 ms",)
    assert result.result.milliseconds == {"min": 10.0, "p50": 10.0, "p95": 70_000.0, "max": 70_000.0}


def test_a_refusal_has_no_latency() -> None:
    refused = Response(status=None, message="SageMaker responded with ValidationError: no such variant")
    test = smoke_test(requests=2, error_rate=0.5, latency={"max": 500})
    result = evaluate(test, response("x", milliseconds=10.0), refused)
    assert result.problems == ()
    assert result.result.milliseconds == dict.fromkeys(("min", "p50", "p95", "max"), 10.0)


# Odd characters


@pytest.mark.parametrize("expect", [{"json": '{"a": 1}'}, {"jsonata": "$error($keys($)[0])"}, {"status": 201}])
def test_an_odd_character_is_reported_in_a_text_that_every_service_takes(expect: dict[str, Any]) -> None:
    half = "\ud83d"
    message = evaluate(smoke_test(**expect), response(b'{"\\ud83d": 1}', message=half))
    assert message.problems
    for text in (*message.problems, message.result.received or ""):
        assert text.encode().decode() == text
