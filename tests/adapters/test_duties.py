"""Entering an account for one duty, with a session that is no wider than this promotion."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion import duties
from lambdas.promotion.document import Artifact, Promotion
from tests.adapters.conftest import CREDENTIALS, Stubs
from tests.unit.given import DEV, EXECUTION, QA, REQUEST, STAGE, promotion

PLAIN = promotion()
ARTIFACT = PLAIN.artifacts[0]
# AWS: AssumeRole, "The plaintext that you use for both inline and managed session policies can't exceed 2,048".
LONGEST_POLICY = 2048
# API: AssumeRole, Policy
POLICY = re.compile(r"[\t\n\r\x20-\xff]+")


def session_of(aws: Stubs, promotion: Promotion = PLAIN, artifact: Artifact | None = None) -> dict[str, Any]:
    """Return the AssumeRole request by which the deployer, or with an artifact the copier, is entered."""
    sent: list[dict[str, Any]] = []
    aws.sts.client.meta.events.register("provide-client-params", lambda params, **_: sent.append(dict(params)))
    aws.sts.add_response("assume_role", {"Credentials": CREDENTIALS})
    if artifact:
        duties.as_copier(promotion, artifact)
    else:
        duties.as_deployer(promotion)
    return sent[0]


def resources_of(request: dict[str, Any], action: str) -> list[str]:
    statements = json.loads(request["Policy"])["Statement"]
    return [arn for one in statements if action in one["Action"] for arn in one["Resource"]]


def test_the_reader_is_entered_in_the_source_without_a_narrower_session(aws: Stubs) -> None:
    aws.sts.add_response(
        "assume_role",
        {"Credentials": CREDENTIALS},
        {
            "RoleArn": "arn:aws:iam::222222222222:role/promote-dev-reader",
            "RoleSessionName": "release-7",
            "ExternalId": "an-id",
        },
    )
    duties.as_reader(DEV, execution=EXECUTION, external_id="an-id")


def test_the_copier_is_entered_in_the_source(aws: Stubs) -> None:
    assert session_of(aws, artifact=ARTIFACT)["RoleArn"] == "arn:aws:iam::222222222222:role/promote-dev-copier"


def test_the_deployer_is_entered_in_the_target(aws: Stubs) -> None:
    assert session_of(aws)["RoleArn"] == "arn:aws:iam::333333333333:role/promote-qa-deployer"


@pytest.mark.parametrize("artifact", [ARTIFACT, None], ids=["copier", "deployer"])
def test_a_configured_external_id_is_sent_with_every_duty(aws: Stubs, artifact: Artifact | None) -> None:
    assert session_of(aws, replace(PLAIN, external_id="an-id"), artifact)["ExternalId"] == "an-id"


def test_the_copier_reads_one_object_and_writes_one(aws: Stubs) -> None:
    request = session_of(aws, artifact=ARTIFACT)
    source = f"arn:aws:s3:::{ARTIFACT.source.bucket}/{ARTIFACT.source.key}"
    assert resources_of(request, "s3:GetObject") == [source]
    aws.let_in()
    duties.as_copier(PLAIN, ARTIFACT)
    assert resources_of(request, "s3:PutObject") == [f"arn:aws:s3:::{ARTIFACT.bucket}/{ARTIFACT.key}"]


def test_the_deployer_touches_this_promotions_resources_only(aws: Stubs) -> None:
    made = "arn:aws:sagemaker:us-east-1:333333333333"
    assert resources_of(session_of(aws), "sagemaker:*") == [
        f"{made}:model/{PLAIN.wanted_model.name}",
        f"{made}:endpoint-config/{PLAIN.wanted_config.name}",
        f"{made}:endpoint/{STAGE.endpoint}",
    ]


def test_the_deployer_passes_the_execution_role_only(aws: Stubs) -> None:
    assert resources_of(session_of(aws), "iam:PassRole") == ["arn:aws:iam::333333333333:role/promote-qa-execution"]


def test_the_deployer_sees_this_stages_artifacts_only(aws: Stubs) -> None:
    bucket = f"arn:aws:s3:::{QA.artifact_bucket}"
    assert resources_of(session_of(aws), "s3:GetObject") == [bucket, f"{bucket}/artifacts/reviews/qa/*"]


def test_an_endpoint_may_be_touched_by_the_name_that_is_sent(aws: Stubs) -> None:
    stage = replace(STAGE, endpoint="Reviews-QA")
    arn = "arn:aws:sagemaker:us-east-1:333333333333:endpoint/Reviews-QA"
    assert arn in resources_of(session_of(aws, promotion(stage=stage)), "sagemaker:*")


def test_the_longest_names_fit_into_the_deployers_session(aws: Stubs) -> None:
    stage = replace(STAGE, name="s" * 20, endpoint="e" * 63)
    target = replace(QA, name="t" * 20, region="ap-southeast-1")
    longest = promotion(stage=stage, target=target, request=replace(REQUEST, application="a" * 40))
    assert len(session_of(aws, longest)["Policy"]) <= LONGEST_POLICY


@pytest.mark.parametrize(
    "character",
    [
        "k",
        "/",
        '"',
        "\\",
        *("$", "*", "\x01"),
    ],
)
def test_the_longest_key_fits_into_the_copiers_session(aws: Stubs, character: str) -> None:
    key = (character * 1024)[:1024]
    target = f"artifacts/reviews/qa/{'0' * 32}/{key}"[:1024]
    long = replace(ARTIFACT, source=replace(ARTIFACT.source, key=key), key=target)
    assert len(session_of(aws, artifact=long)["Policy"]) <= LONGEST_POLICY


@pytest.mark.parametrize(
    "name",
    [
        "model.tar.gz",
        "größe.tar.gz",
        "a b\n.tar.gz",
        *("модель.tar.gz", "模型.tar.gz", "\u2028.tar.gz", "🤖.tar.gz"),
    ],
)
def test_a_session_policy_has_only_characters_that_sts_takes(aws: Stubs, name: str) -> None:
    odd = replace(ARTIFACT, source=replace(ARTIFACT.source, key=f"v7/{name}"), key=f"artifacts/reviews/qa/0/{name}")
    assert POLICY.fullmatch(session_of(aws, artifact=odd)["Policy"])


@pytest.mark.parametrize("key", ["v*/model.tar.gz", "v?/model.tar.gz", "${aws:username}/model.tar.gz"])
def test_a_key_is_taken_literally_by_the_copiers_session(aws: Stubs, key: str) -> None:
    """AWS: IAM policy elements, variables: ${*}, ${?} and ${$} stand for the characters themselves."""
    odd = replace(ARTIFACT, source=replace(ARTIFACT.source, key=key))
    literal = key.replace("$", "${$}").replace("*", "${*}").replace("?", "${?}")
    bucket = ARTIFACT.source.bucket
    assert resources_of(session_of(aws, artifact=odd), "s3:GetObject") == [f"arn:aws:s3:::{bucket}/{literal}"]
