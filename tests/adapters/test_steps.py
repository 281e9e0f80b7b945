"""The remaining steps: which call each makes, and what it makes of the answer."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas import (
    compare_endpoint,
    copy_artifact,
    create_endpoint_config,
    create_model,
    explain_failure,
    verify_artifacts,
)
from lambdas.promotion.document import Outcome, Progress, Promotion
from lambdas.promotion.errors import ArtifactMismatch, NameTaken, PromotionError
from tests.adapters.conftest import Stubs
from tests.unit.given import BEGUN, OLD_CONFIG, TRAINED, promotion

PLAIN = promotion()
MODEL: dict[str, Any] = {**PLAIN.wanted_model.request, "ModelArn": "arn:aws:sagemaker:x:3:m/m", "CreationTime": TRAINED}
CONFIG: dict[str, Any] = {
    **PLAIN.wanted_config.request,
    "EndpointConfigArn": "arn:aws:sagemaker:x:3:endpoint-config/c",
    "CreationTime": BEGUN,
}


def run(handler: Callable[..., dict[str, Any]], **more: Any) -> dict[str, Any]:
    event = {"promotion": PLAIN.to_json(), "attempt": 0, **more}
    return handler(json.loads(json.dumps(event)), None)


def copies_are_there(aws: Stubs, *, missing: int | None = None) -> None:
    """What the target answers when it is asked for each copy."""
    for number, artifact in enumerate(PLAIN.artifacts):
        source = artifact.source
        asked = {
            "Bucket": artifact.bucket,
            "Key": artifact.key,
            "ChecksumMode": "ENABLED",
            "ExpectedBucketOwner": "333333333333",
        }
        if number == missing:
            aws.s3.add_client_error("head_object", "404", "Not Found", 404, expected_params=asked)
            continue
        checksum = (source.checksum or "").removeprefix("CRC64NVME:")
        answer = {"ETag": '"new"', "ContentLength": source.size, "ChecksumCRC64NVME": checksum}
        aws.s3.add_response("head_object", answer, asked)


def endpoint_is(aws: Stubs, config: str) -> None:
    aws.let_in()
    answer = {
        "EndpointName": "reviews-qa",
        "EndpointArn": "arn:aws:sagemaker:us-east-1:333333333333:endpoint/reviews-qa",
        "EndpointStatus": "InService",
        "EndpointConfigName": config,
        "CreationTime": BEGUN,
        "LastModifiedTime": BEGUN - timedelta(days=1),
    }
    aws.sagemaker.add_response("describe_endpoint", answer, {"EndpointName": "reviews-qa"})


# Comparing


def test_an_endpoint_that_serves_exactly_this_ends_unchanged(aws: Stubs) -> None:
    endpoint_is(aws, PLAIN.wanted_config.name)
    aws.sagemaker.add_response("describe_model", MODEL, {"ModelName": PLAIN.wanted_model.name})
    aws.sagemaker.add_response("describe_endpoint_config", CONFIG, {"EndpointConfigName": PLAIN.wanted_config.name})
    copies_are_there(aws)
    result = Promotion.from_json(run(compare_endpoint.handler)).result
    assert result is not None
    assert result.outcome is Outcome.UNCHANGED


def test_an_endpoint_that_serves_another_configuration_is_to_be_changed(aws: Stubs) -> None:
    endpoint_is(aws, OLD_CONFIG)
    compared = Promotion.from_json(run(compare_endpoint.handler))
    assert compared.change is not None
    assert (compared.change.progress, compared.result) == (Progress.CHANGE_WANTED, None)


def test_our_name_over_another_model_is_not_unchanged(aws: Stubs) -> None:
    endpoint_is(aws, PLAIN.wanted_config.name)
    aws.sagemaker.add_response("describe_model", {**MODEL, "EnableNetworkIsolation": True})
    with pytest.raises(NameTaken):
        run(compare_endpoint.handler)


def test_our_name_over_another_configuration_is_not_unchanged(aws: Stubs) -> None:
    endpoint_is(aws, PLAIN.wanted_config.name)
    aws.sagemaker.add_response("describe_model", MODEL)
    (variant,) = PLAIN.wanted_config.request["ProductionVariants"]
    aws.sagemaker.add_response(
        "describe_endpoint_config", {**CONFIG, "ProductionVariants": [{**variant, "InitialInstanceCount": 2}]}
    )
    with pytest.raises(NameTaken):
        run(compare_endpoint.handler)


@pytest.mark.parametrize("missing", ["model", "configuration", "artifact"])
def test_what_was_deleted_under_a_serving_endpoint_is_made_again(aws: Stubs, missing: str) -> None:
    endpoint_is(aws, PLAIN.wanted_config.name)
    gone = "ValidationException"
    if missing == "model":
        aws.sagemaker.add_client_error("describe_model", gone, 'Could not find model "arn".')
    else:
        aws.sagemaker.add_response("describe_model", MODEL)
    if missing == "configuration":
        aws.sagemaker.add_client_error("describe_endpoint_config", gone, 'Could not find endpoint configuration "arn".')
    else:
        aws.sagemaker.add_response("describe_endpoint_config", CONFIG)
    copies_are_there(aws, missing=1 if missing == "artifact" else None)
    compared = Promotion.from_json(run(compare_endpoint.handler))
    assert compared.result is None
    assert compared.change is not None
    assert compared.change.progress is Progress.CHANGE_WANTED


# Copying and verifying


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("there", [False, True])
def test_one_artifact_is_copied_unless_it_is_there(aws: Stubs, index: int, there: bool) -> None:
    artifact = PLAIN.artifacts[index]
    aws.let_in()
    if there:
        aws.s3.add_client_error("copy_object", "PreconditionFailed", "said", 412)
        aws.s3.add_response("head_object", {"ETag": artifact.source.etag, "ContentLength": 1})
    else:
        aws.s3.add_response("copy_object", {})
    assert run(copy_artifact.handler, index=index) == replace(artifact, copied=not there).to_json()


def test_what_the_target_sees_is_compared_with_what_was_resolved(aws: Stubs) -> None:
    aws.let_in()
    copies_are_there(aws)
    assert Promotion.from_json(run(verify_artifacts.handler)) == PLAIN


@pytest.mark.parametrize("answer", [{"ContentLength": 9}, {"ContentLength": 10, "ChecksumCRC64NVME": "other"}, None])
def test_what_did_not_arrive_whole_stops_the_promotion(aws: Stubs, answer: dict[str, Any] | None) -> None:
    aws.let_in()
    if answer:
        aws.s3.add_response("head_object", {"ETag": '"new"', **answer})
    else:
        aws.s3.add_client_error("head_object", "404", "Not Found", 404)
    with pytest.raises(ArtifactMismatch):
        run(verify_artifacts.handler)


# Creating


def test_the_model_is_made_by_the_deployer(aws: Stubs) -> None:
    aws.let_in()
    aws.sagemaker.add_response("create_model", {"ModelArn": MODEL["ModelArn"]})
    assert Promotion.from_json(run(create_model.handler)) == PLAIN


def test_the_configuration_is_made_by_the_deployer(aws: Stubs) -> None:
    aws.let_in()
    aws.sagemaker.add_response("create_endpoint_config", {"EndpointConfigArn": CONFIG["EndpointConfigArn"]})
    assert Promotion.from_json(run(create_endpoint_config.handler)) == PLAIN


@pytest.mark.parametrize(
    "handler",
    [create_model.handler, create_endpoint_config.handler, verify_artifacts.handler, compare_endpoint.handler],
)
def test_every_step_may_be_refused_its_role(aws: Stubs, handler: Callable[..., dict[str, Any]]) -> None:
    aws.sts.add_client_error("assume_role", "AccessDenied", "not authorized", 403)
    with pytest.raises(PromotionError, match="sts:AssumeRole on arn:aws:iam::333333333333:role/promote-qa-deployer"):
        run(handler)


# Explaining


def explained(failed: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = explain_failure.handler({"failed": failed, "execution": {"arn": "arn:x:release-7"}}, None)
    return told


@pytest.mark.parametrize(
    ("failed", "told"),
    [
        ({"Error": "NameTaken", "Cause": '{"errorMessage": "it exists"}'}, ("NameTaken", "Refused", "it exists")),
        ({"Error": "Odd", "Cause": "text"}, ("Odd", "Errored", "text")),
        ({"Error": "Odd", "Cause": '["a"]'}, ("Odd", "Errored", '["a"]')),
    ],
)
def test_a_failure_is_a_name_a_family_and_a_text(failed: dict[str, Any], told: tuple[str, ...]) -> None:
    assert tuple(explained(failed).values()) == told


@pytest.mark.parametrize("failed", [{}, {"Error": "Odd"}, {"Cause": ""}, {"Error": "", "Cause": ""}])
def test_a_failure_without_words_is_explained_all_the_same(failed: dict[str, Any]) -> None:
    assert all(explained(failed).values())


def test_one_failures_count_does_not_name_the_one_before(capsys: pytest.CaptureFixture[str]) -> None:
    for error in ("NameTaken", "AccessDenied"):
        capsys.readouterr()
        explained({"Error": error, "Cause": "x"})
    counts = [json.loads(line) for line in io.StringIO(capsys.readouterr().out) if '"_aws"' in line]
    assert [count["error"] for count in counts] == ["AccessDenied"]


def test_a_good_ending_is_counted_by_its_outcome(aws: Stubs, capsys: pytest.CaptureFixture[str]) -> None:
    endpoint_is(aws, PLAIN.wanted_config.name)
    aws.sagemaker.add_response("describe_model", MODEL)
    aws.sagemaker.add_response("describe_endpoint_config", CONFIG)
    copies_are_there(aws)
    run(compare_endpoint.handler)
    counts = [json.loads(line) for line in io.StringIO(capsys.readouterr().out) if '"_aws"' in line]
    assert {count["outcome"] for count in counts} == {"Unchanged"}


def test_a_client_error_is_never_what_the_workflow_sees(aws: Stubs) -> None:
    aws.let_in()
    aws.sagemaker.add_client_error("describe_endpoint", "ValidationException", "odd", 400)
    with pytest.raises(Exception, match="odd") as raised:
        run(compare_endpoint.handler)
    assert not isinstance(raised.value, ClientError)
