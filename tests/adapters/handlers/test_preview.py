"""The steps of a preview: what they send, how narrow their sessions are, and that a killed one can be run again."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.response import StreamingBody

from lambdas.handlers import create_preview, delete_preview, smoke_test
from lambdas.promotion.contract.document import PreviewEndpoint, PreviewProgress, Promotion
from lambdas.promotion.contract.errors import (
    DeploymentTimedOut,
    OutOfTime,
    PreviewNotDeleted,
    SmokeTestFailed,
    Throttled,
)
from lambdas.promotion.contract.settings import Preview
from lambdas.promotion.contract.smoke_test_settings import Expectation, Payload, SmokeTest
from lambdas.promotion.preview import cleanup as preview_cleanup
from lambdas.promotion.preview import state as preview_state
from tests.adapters.conftest import Stubs
from tests.unit.builders import BEGUN, STAGE, promotion

TEST = SmokeTest(payload=Payload(text="x"), content_type="text/csv", expect=Expectation(body="yes"))
FAR = datetime.fromisoformat("2999-01-01T00:00:00+00:00")
GIVEN = replace(promotion(stage=replace(STAGE, smoke_tests=(TEST,), preview=Preview())), deadline=FAR)
NEW = preview_state.begin(GIVEN)
NAME = {"EndpointName": NEW.endpoint}
TAGS = [{"Key": key, "Value": GIVEN.tags[key]} for key in GIVEN.tags]
ARN = f"arn:aws:sagemaker:us-east-1:333333333333:endpoint/{NEW.endpoint}"
CONFIG_ARN = f"arn:aws:sagemaker:us-east-1:333333333333:endpoint-config/{NEW.config}"


def found(aws: Stubs, status: str, *, created: datetime = BEGUN) -> None:
    answer = {
        "EndpointName": NEW.endpoint,
        "EndpointArn": ARN,
        "EndpointStatus": status,
        "EndpointConfigName": NEW.config,
        "CreationTime": created,
        "LastModifiedTime": created,
    }
    aws.sagemaker.add_response("describe_endpoint", answer, NAME)


def nothing(aws: Stubs) -> None:
    aws.sagemaker.add_client_error("describe_endpoint", "ValidationException", 'Could not find endpoint "arn".')


def run(
    step: Callable[[dict[str, Any], object], dict[str, Any]], existing: PreviewEndpoint | None, *, retry_count: int = 0
) -> PreviewEndpoint:
    event = {"promotion": replace(GIVEN, preview=existing).to_json(), "retry_count": retry_count}
    preview = Promotion.from_json(step(json.loads(json.dumps(event)), None)).preview
    assert preview is not None
    return preview


def sessions(aws: Stubs) -> list[list[tuple[list[str], list[str]]]]:
    taken: list[list[tuple[list[str], list[str]]]] = []

    def remember(params: dict[str, Any], **_: Any) -> None:
        taken.append(
            [(statement["Action"], statement["Resource"]) for statement in json.loads(params["Policy"])["Statement"]]
        )

    aws.sts.client.meta.events.register("provide-client-params", remember)
    return taken


def test_the_preview_is_created_from_its_own_configuration_with_the_promotions_tags(aws: Stubs) -> None:
    aws.allow_assume_role()
    nothing(aws)
    config = preview_state.config(GIVEN)
    asked = config.request | {"Tags": TAGS}
    aws.sagemaker.add_response("create_endpoint_config", {"EndpointConfigArn": CONFIG_ARN}, asked)
    aws.sagemaker.add_response(
        "create_endpoint", {"EndpointArn": ARN}, {**NAME, "EndpointConfigName": NEW.config, "Tags": TAGS}
    )
    assert run(create_preview.handler, None) == NEW


def test_the_session_reaches_the_preview_and_not_the_live_endpoint(aws: Stubs) -> None:
    taken = sessions(aws)
    aws.allow_assume_role()
    found(aws, "Creating")
    run(create_preview.handler, NEW)
    ((grants, on_all), (actions, on)) = taken[0]
    assert (grants, on_all, actions) == (["kms:CreateGrant"], ["*"], ["sagemaker:*"])
    assert sorted(on) == sorted([CONFIG_ARN, ARN])


def test_what_a_killed_step_made_is_its_own_and_serves(aws: Stubs) -> None:
    aws.allow_assume_role()
    found(aws, "InService")
    assert run(create_preview.handler, None, retry_count=1) == replace(NEW, progress=PreviewProgress.IN_SERVICE)


def test_the_preview_is_deleted_polled_and_then_its_configuration_is_deleted(aws: Stubs) -> None:
    for _ in range(3):
        aws.allow_assume_role()
    found(aws, "InService")
    aws.sagemaker.add_response("delete_endpoint", {}, NAME)
    deleting = run(delete_preview.handler, NEW)
    found(aws, "Deleting")
    waiting = run(delete_preview.handler, deleting)
    nothing(aws)
    aws.sagemaker.add_response("delete_endpoint_config", {}, {"EndpointConfigName": NEW.config})
    gone = run(delete_preview.handler, waiting)

    assert [preview.progress.value for preview in (deleting, waiting, gone)] == ["InProgress", "InProgress", "Deleted"]
    assert gone.deletion_began_at == deleting.deletion_began_at


def test_a_configuration_that_is_gone_already_is_no_error(aws: Stubs) -> None:
    aws.allow_assume_role()
    nothing(aws)
    aws.sagemaker.add_client_error("delete_endpoint_config", "ValidationException", "Could not find it.")
    assert run(delete_preview.handler, NEW, retry_count=1).progress is PreviewProgress.DELETED


def answers(aws: Stubs, body: bytes, *, endpoint: str) -> None:
    answer = {"Body": StreamingBody(io.BytesIO(body), len(body)), "ContentType": "text/plain"}
    asked = {"EndpointName": endpoint, "Body": b"x", "ContentType": "text/csv"}
    aws.sagemaker_runtime.add_response("invoke_endpoint", answer, asked)


def test_the_smoke_test_invokes_the_preview_while_it_serves_and_ends_nothing(aws: Stubs) -> None:
    taken = sessions(aws)
    aws.allow_assume_role()
    answers(aws, b"yes", endpoint=NEW.endpoint)
    event = {
        "promotion": replace(GIVEN, preview=replace(NEW, progress=PreviewProgress.IN_SERVICE)).to_json(),
        "retry_count": 0,
    }
    done = Promotion.from_json(smoke_test.handler(event, None))

    assert done.preview
    assert done.preview.smoke
    assert (done.smoke, done.result) == (None, None)
    assert taken == [[(["sagemaker:InvokeEndpoint"], [ARN])]]


def test_the_smoke_test_invokes_the_endpoint_after_the_preview_and_both_reports_are_the_output(aws: Stubs) -> None:
    aws.allow_assume_role()
    answers(aws, b"yes", endpoint="reviews-qa")
    event = {
        "promotion": replace(GIVEN, preview=replace(NEW, progress=PreviewProgress.DELETED)).to_json(),
        "retry_count": 0,
    }
    done = Promotion.from_json(smoke_test.handler(event, None))
    assert done.result
    assert (done.result.smoke, done.result.preview) == (done.smoke, None)


def test_a_model_that_fails_its_preview_is_distinguished_from_one_that_served(aws: Stubs) -> None:
    aws.allow_assume_role()
    answers(aws, b"no", endpoint=NEW.endpoint)
    event = {
        "promotion": replace(GIVEN, preview=replace(NEW, progress=PreviewProgress.IN_SERVICE)).to_json(),
        "retry_count": 0,
    }
    with pytest.raises(SmokeTestFailed, match=f"^The preview endpoint {NEW.endpoint} .* reviews-qa was not changed"):
        smoke_test.handler(event, None)


def remove(aws: Stubs, *, until: float = float("inf"), may_be_created_until: datetime = BEGUN) -> bool:
    sagemaker: Any = aws.sagemaker.client
    return preview_cleanup.delete(
        GIVEN, may_be_created_until=may_be_created_until, until=until, sagemaker=sagemaker, pause=lambda _: None
    )


def test_the_preview_of_an_aborted_promotion_is_deleted_as_soon_as_possible(aws: Stubs) -> None:
    found(aws, "Creating")
    found(aws, "InService")
    aws.sagemaker.add_response("delete_endpoint", {}, NAME)
    nothing(aws)
    aws.sagemaker.add_response("delete_endpoint_config", {}, {"EndpointConfigName": NEW.config})
    assert remove(aws)


def test_a_missing_preview_is_polled_twice(aws: Stubs) -> None:
    nothing(aws)
    nothing(aws)
    aws.sagemaker.add_response("delete_endpoint_config", {}, {"EndpointConfigName": NEW.config})
    assert not remove(aws)


def test_what_a_step_of_the_stopped_promotion_still_makes_is_waited_for(aws: Stubs) -> None:
    for _ in range(3):
        nothing(aws)
    found(aws, "InService")
    aws.sagemaker.add_response("delete_endpoint", {}, NAME)
    nothing(aws)
    aws.sagemaker.add_response("delete_endpoint_config", {}, {"EndpointConfigName": NEW.config})
    assert remove(aws, may_be_created_until=FAR)


def test_a_creation_that_does_not_end_in_time_is_retried_by_the_caller(aws: Stubs) -> None:
    found(aws, "Creating")
    with pytest.raises(OutOfTime, match=f"{NEW.endpoint} of an aborted promotion is Creating"):
        remove(aws, until=0)


def test_a_preview_endpoint_that_cannot_be_described_is_polled_until_the_deadline(aws: Stubs) -> None:
    for _ in range(2):
        aws.allow_assume_role()
        aws.sagemaker.add_client_error("describe_endpoint", "ThrottlingException", "Rate exceeded", 400)
    with pytest.raises(Throttled):
        run(create_preview.handler, NEW)
    late = replace(GIVEN, deadline=BEGUN - timedelta(days=365), preview=NEW)
    with pytest.raises(DeploymentTimedOut, match="could not be described"):
        create_preview.handler(json.loads(json.dumps({"promotion": late.to_json(), "retry_count": 0})), None)


def test_a_deletion_that_cannot_be_observed_goes_on_for_hours_and_no_longer(aws: Stubs) -> None:
    for _ in range(2):
        aws.allow_assume_role()
        aws.sagemaker.add_client_error("describe_endpoint", "ThrottlingException", "Rate exceeded", 400)
    polled = run(delete_preview.handler, NEW)
    assert polled.deletion_began_at is not None
    with pytest.raises(PreviewNotDeleted, match="cannot be described"):
        run(delete_preview.handler, replace(NEW, deletion_began_at=BEGUN - timedelta(days=365)))
