"""The step itself: whose sessions it takes, how narrow they are, and what it leaves in the document."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.response import StreamingBody

from lambdas.handlers import inspect_endpoint, smoke_test
from lambdas.promotion.contract.document import Change, Progress, Promotion, S3Object
from lambdas.promotion.contract.errors import SmokeTestFailed
from lambdas.promotion.contract.smoke_test_settings import Expectation, Payload, SmokeTest
from tests.adapters.conftest import Stubs
from tests.unit.builders import BUCKET, promotion
from tests.unit.smoke_test.test_sample_archive import FILE, archive

TEST = SmokeTest(payload=Payload(text="x"), content_type="text/csv", expect=Expectation(body="yes"))
IN_QA = Payload(bucket="payloads", key="a$b.csv")
SAMPLE = S3Object(bucket=BUCKET, key="sample.tar.gz", etag='"ss"', size=100)


def with_tests(*tests: SmokeTest, adopted: bool = False) -> Promotion:
    plain = promotion(change=Change(progress=Progress.IN_SERVICE, adopted=adopted))
    model = replace(plain.model, sample_payload=SAMPLE)
    return replace(plain, model=model, stage=replace(plain.stage, smoke_tests=tests))


def run(given: Promotion) -> dict[str, Any]:
    event = {"promotion": given.to_json(), "retry_count": 0}
    return smoke_test.handler(json.loads(json.dumps(event)), None)


def sessions(aws: Stubs) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    aws.sts.client.meta.events.register("provide-client-params", lambda params, **_: sent.append(dict(params)))
    return sent


def answers(aws: Stubs, body: bytes) -> None:
    answer = {"Body": StreamingBody(io.BytesIO(body), len(body)), "ContentType": "text/plain"}
    aws.sagemaker_runtime.add_response("invoke_endpoint", answer)


def content(aws: Stubs, body: bytes) -> None:
    aws.s3.add_response("get_object", {"Body": StreamingBody(io.BytesIO(body), len(body)), "ContentLength": len(body)})


def statements(session: dict[str, Any]) -> list[tuple[list[str], list[str]]]:
    return [(statement["Action"], statement["Resource"]) for statement in json.loads(session["Policy"])["Statement"]]


def test_the_session_may_invoke_this_endpoint_and_nothing_else(aws: Stubs) -> None:
    taken = sessions(aws)
    aws.allow_assume_role()
    answers(aws, b"yes")
    run(with_tests(TEST))
    assert [request["RoleArn"] for request in taken] == ["arn:aws:iam::333333333333:role/promote-qa-invoker"]
    endpoint = "arn:aws:sagemaker:us-east-1:333333333333:endpoint/reviews-qa"
    assert statements(taken[0]) == [(["sagemaker:InvokeEndpoint"], [endpoint])]


def test_a_payload_in_the_target_is_read_by_the_invoker_and_is_all_that_it_may_read(aws: Stubs) -> None:
    taken = sessions(aws)
    aws.allow_assume_role()
    content(aws, b"x")
    answers(aws, b"yes")
    run(with_tests(replace(TEST, payload=IN_QA)))
    assert statements(taken[0])[1:] == [
        (["s3:GetObject"], ["arn:aws:s3:::payloads/a${$}b.csv"]),
        (["kms:Decrypt"], ["*"]),
    ]


def test_a_sample_is_read_by_the_sources_reader_with_a_session_for_it_alone(aws: Stubs) -> None:
    taken = sessions(aws)
    aws.allow_assume_role()
    aws.allow_assume_role()
    content(aws, archive(FILE))
    answers(aws, b"yes")
    run(with_tests(replace(TEST, payload=Payload(sample=True))))
    assert taken[1]["RoleArn"] == "arn:aws:iam::222222222222:role/promote-dev-reader"
    assert statements(taken[1]) == [
        (["s3:GetObject"], [f"arn:aws:s3:::{BUCKET}/sample.tar.gz"]),
        (["s3:ListBucket"], [f"arn:aws:s3:::{BUCKET}"]),
        (["kms:Decrypt"], ["*"]),
    ]


@pytest.mark.parametrize(("adopted", "outcome"), [(False, "Promoted"), (True, "Unchanged")])
def test_passed_tests_end_the_promotion_with_their_report(aws: Stubs, adopted: bool, outcome: str) -> None:
    aws.allow_assume_role()
    answers(aws, b"yes")
    done = run(with_tests(TEST, adopted=adopted))
    assert done["result"]["outcome"] == outcome
    assert done["result"]["smoke"] == done["smoke"]
    (report,) = done["smoke"]["tests"]
    assert report.pop("milliseconds").keys() == {"min", "p50", "p95", "max"}
    assert report == {
        "sent": "x (text/csv, 1 bytes)",
        "received": "status 200, yes (text/plain, 3 bytes)",
        "requests": 1,
        "failures": 0,
    }


def test_every_test_is_made_before_the_promotion_fails(aws: Stubs) -> None:
    aws.allow_assume_role()
    answers(aws, b"no")
    answers(aws, b"yes")
    answers(aws, b"never")
    with pytest.raises(SmokeTestFailed, match=r"(?s)test 1 of 3 sent.*test 3 of 3 sent"):
        run(with_tests(TEST, TEST, TEST))


def test_an_endpoint_in_service_is_not_the_end_while_it_is_to_be_tested(aws: Stubs) -> None:
    given = with_tests(TEST).with_change(Change(progress=Progress.IN_PROGRESS))
    for stage in (given.stage, replace(given.stage, smoke_tests=())):
        aws.allow_assume_role()
        aws.sagemaker.add_response(
            "describe_endpoint",
            {
                "EndpointName": "reviews-qa",
                "EndpointArn": "arn:aws:sagemaker:us-east-1:333333333333:endpoint/reviews-qa",
                "EndpointConfigName": given.desired_config.name,
                "EndpointStatus": "InService",
                "CreationTime": given.execution.started_at,
                "LastModifiedTime": given.execution.started_at,
            },
        )
        event = {"promotion": replace(given, stage=stage).to_json(), "retry_count": 0}
        done = inspect_endpoint.handler(json.loads(json.dumps(event)), None)
        assert done["change"]["progress"] == "InService"
        assert (done["result"] is None) is bool(stage.smoke_tests)
