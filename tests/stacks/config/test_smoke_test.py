"""smoke_test in promotion.yaml: every mistake with its path, and what the Lambdas get."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.promotion.contract.smoke_test_settings import Expectation, Payload, SmokeTest
from stacks.config.topology import Configuration
from tests.stacks.config.test_schema import STAGES, mistakes, parse

TEST: dict[str, Any] = {"payload": "a fine film", "content_type": "text/csv"}
QA, PRODUCTION = f"{STAGES}.qa.smoke_test", f"{STAGES}.production.smoke_test"
A_NUMBER = "must be text; put it in quotes, or YAML reads it as a number"
ONE_OF_THREE = "write one of payload, payload_base64, payload_from"


def with_test(path: str = QA, **changes: Any) -> tuple[str, Any]:
    test = {**TEST, **changes}
    return path, {name: value for name, value in test.items() if value is not None}


def deployed(configuration: Configuration, stage: str = "qa") -> tuple[SmokeTest, ...]:
    return configuration.deployed().applications["reviews"].stages[stage].smoke_tests


def test_a_stage_without_one_has_none() -> None:
    assert deployed(parse()) == ()


def test_a_short_test_has_its_defaults() -> None:
    assert deployed(parse(with_test())) == (
        SmokeTest(
            payload=Payload(text="a fine film"),
            content_type="text/csv",
            requests=1,
            concurrency=1,
            timeout_seconds=120,
            expect=Expectation(status=200, error_rate=0.0),
        ),
    )


def test_every_field_is_passed_to_the_lambdas() -> None:
    expect = {
        "status": 400,
        "body": "no",
        "json": {"a": [1, None]},
        "tolerance": {"absolute": 1, "relative": "0.5%"},
        "jsonata": "a = 1",
        "latency": {"p95": "500ms", "max": "2s"},
        "error_rate": "1%",
    }
    more = {
        "accept": "application/json",
        "target_variant": "All",
        "target_model": "m.tar.gz",
        "target_container_hostname": "first",
        "custom_attributes": "trace=7",
        "requests": 20,
        "concurrency": 5,
        "timeout": "90s",
        "record": False,
    }
    assert deployed(parse((QA, [{**TEST, **more, "expect": expect}]))) == (
        SmokeTest(
            payload=Payload(text="a fine film"),
            content_type="text/csv",
            accept="application/json",
            target_variant="All",
            target_model="m.tar.gz",
            target_container_hostname="first",
            custom_attributes="trace=7",
            requests=20,
            concurrency=5,
            timeout_seconds=90,
            expect=Expectation(
                status=400,
                body="no",
                json='{"a": [1, null]}',
                absolute=1.0,
                relative=0.005,
                jsonata="a = 1",
                latency={"p95": 500, "max": 2000},
                error_rate=0.01,
            ),
            record=False,
        ),
    )


def test_an_expected_null_is_not_the_same_as_nothing_expected() -> None:
    assert deployed(parse(with_test(expect={"json": None})))[0].expect.json == "null"
    assert deployed(parse(with_test(expect={})))[0].expect.json is None


@pytest.mark.parametrize(
    ("fields", "payload"),
    [
        ({"payload": ""}, Payload(text="")),
        ({"payload_base64": "AAE="}, Payload(base64="AAE=")),
        ({"payload_from": "sample"}, Payload(sample=True)),
        # This bucket is in dev's `buckets`.
        ({"payload_from": "s3://models/a/b.csv"}, Payload(bucket="models", key="a/b.csv", in_source=True)),
        ({"payload_from": "s3://other/b.csv"}, Payload(bucket="other", key="b.csv", in_source=False)),
    ],
)
def test_a_payload_comes_from_one_of_four_sources(fields: dict[str, str], payload: Payload) -> None:
    test = {"content_type": "text/csv", **fields}
    assert deployed(parse((QA, test)))[0].payload == payload


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"payload": None}, f": has no payload; {ONE_OF_THREE}"),
        ({"payload_base64": "AAE="}, f": has payload and payload_base64; {ONE_OF_THREE}"),
        ({"payload": 7}, f".payload: {A_NUMBER}"),
        ({"payload": None, "payload_base64": "no"}, ".payload_base64: must be base64: Incorrect padding"),
        (
            {"payload": None, "payload_from": "s3://models/*"},
            ".payload_from: must be sample or an object's S3 URI such as s3://bucket/key, without * ? $, not "
            "'s3://models/*'",
        ),
        ({"content_type": None}, ".content_type: is missing"),
        ({"accept": "a\r\nb"}, r".accept: must be 1 to 1024 printable ASCII characters, not 'a\r\nb'"),
        ({"session": "new"}, ".session: there is no such field"),
        ({"requests": 0}, ".requests: it should be greater than or equal to 1, not 0"),
        ({"requests": 1001}, ".requests: it should be less than or equal to 1000, not 1001"),
        ({"concurrency": 2}, ": concurrency is 2, more than the 1 requests"),
        ({"timeout": "1h"}, ".timeout: must be a duration such as 90s or 5m, not '1h'"),
        ({"target_variant": "Other"}, ".target_variant: 'Other' is no variant (there are: All)"),
        ({"expect": {"status": "200"}}, ".expect.status: must be a whole number, not '200'"),
        ({"expect": {"jsonata": "label ="}}, ".expect.jsonata: is not JSONata: Unexpected end of expression"),
        ({"expect": {"latency": {"p95": 500}}}, ".expect.latency.p95: must be a time such as 500ms or 2s, not 500"),
        ({"expect": {"latency": {"p49": "1s"}}}, ".expect.latency.p49: must be p50 to p99, or max, not 'p49'"),
        (
            {"expect": {"error_rate": "101%"}},
            ".expect.error_rate: must be a percentage such as 1% or 0.5%, in quotes, not '101%'",
        ),
        (
            {"expect": {"tolerance": {"absolute": 1}}},
            ".expect: tolerance is about the numbers in json, which is missing",
        ),
        (
            {"expect": {"json": float("nan")}},
            ".expect.json: must be JSON: Out of range float values are not JSON compliant; put a date in quotes",
        ),
        (
            {"requests": 300, "concurrency": 2, "expect": {"latency": {"p50": "1s", "p95": "10s"}}},
            ": 300 requests, 2 at once, each as slow as latency allows (1000 ms), need 150 s, and the timeout is 2m",
        ),
        (
            {"timeout": "13m"},
            ".timeout: with 70 s for its last answers, every test's timeout together is 850 s; the step has 825 s",
        ),
        (
            {"payload": "x" * 16_400},
            ": its payloads, bodies, json and expressions have 16404 bytes; the limit is 16384. Put larger "
            "payloads into S3 (payload_from)",
        ),
    ],
)
def test_each_mistake_is_reported_with_its_path(changes: dict[str, Any], message: str) -> None:
    assert mistakes(with_test(**changes)) == [f"{QA}{message}"]


def test_a_mistake_in_one_of_several_tests_is_reported_with_its_index() -> None:
    assert mistakes((QA, [TEST, {**TEST, "requests": True}])) == [f"{QA}.1.requests: must be a whole number, not True"]


def test_many_tests_must_finish_within_one_step() -> None:
    assert len(deployed(parse((QA, [TEST] * 4)))) == 4
    assert "every test's timeout together is 950 s" in mistakes((QA, [TEST] * 5))[0]


def test_no_list_is_no_test() -> None:
    assert mistakes((QA, [])) == [f"{QA}: must have at least 1, not 0"]


def test_a_sample_payload_belongs_to_versions_of_the_registry() -> None:
    assert mistakes(with_test(PRODUCTION, payload=None, payload_from="sample")) == [
        f"{PRODUCTION}.payload_from: the stage takes from qa, and the versions with their sample payloads are in dev's "
        "registry; use another payload"
    ]


def test_mistakes_elsewhere_are_reported_with_those_of_the_test() -> None:
    lines = mistakes(with_test(timeout="1h"), (f"{STAGES}.qa.endpoint", "under_score"))
    assert sorted(line.partition(":")[0] for line in lines) == [f"{STAGES}.qa.endpoint", f"{QA}.timeout"]


def test_the_environments_that_need_roles_are_computed() -> None:
    plain = parse(with_test())
    assert (plain.environments_with_smoke_tests(), plain.payload_sources()) == ({"qa"}, set())
    sampled = parse(with_test(payload=None, payload_from="sample"))
    assert (sampled.environments_with_smoke_tests(), sampled.payload_sources()) == ({"qa"}, {"dev"})


ASYNCHRONOUS = (f"{STAGES}.qa.async_inference", {"s3_output_path": "s3://answers"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target_model": "a.tar.gz"}, f"{QA}.target_model: the stage has async_inference, and an asynchronous"),
        ({"expect": {"status": 500}}, f"{QA}.expect.status: the stage has async_inference, and an answer in S3"),
    ],
)
def test_what_an_asynchronous_request_cannot_have_is_refused(changes: dict[str, Any], message: str) -> None:
    (mistake,) = mistakes(with_test(**changes), ASYNCHRONOUS)
    assert mistake.startswith(message)


def test_an_asynchronous_stage_can_have_a_smoke_test() -> None:
    stage = parse(with_test(), ASYNCHRONOUS).deployed().applications["reviews"].stages["qa"]
    assert (len(stage.smoke_tests), stage.response_uris) == (1, ("s3://answers",))
