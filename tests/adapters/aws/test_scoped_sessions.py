"""Scoped sessions: a role's session has no more permissions than the promotion requires."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion.artifacts import incoming
from lambdas.promotion.artifacts.access import copier_session, receiver_session
from lambdas.promotion.contract.document import Artifact, ImageCopy, Promotion
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.smoke_test_settings import Payload, SmokeTest
from lambdas.promotion.endpoint.access import deployer_session
from lambdas.promotion.images.access import image_reader_session, pusher_session
from lambdas.promotion.preflight.access import query_session
from lambdas.promotion.resolve.access import reader_session
from lambdas.promotion.scaling.access import scaler_session
from lambdas.promotion.smoke_test.access import invoker_session
from tests.adapters.conftest import CREDENTIALS, Stubs
from tests.unit.builders import BUCKET, DEV, EXECUTION, QA, REQUEST, STAGE, artifact, promotion

PLAIN = promotion()
ARTIFACT = artifact()
IMAGE = ImageCopy(
    source=f"222222222222.dkr.ecr.us-east-1.amazonaws.com/team/model@sha256:{'0' * 64}",
    target=f"333333333333.dkr.ecr.us-east-1.amazonaws.com/promote/team/model@sha256:{'0' * 64}",
)
# AWS: AssumeRole, "The plaintext that you use for both inline and managed session policies can't exceed 2,048".
LONGEST_POLICY = 2048
# API: AssumeRole, Policy
POLICY = re.compile(r"[\t\n\r\x20-\xff]+")
# AWS: S3, bucket naming rules.
LONGEST_BUCKET = 63
# Characters that are longer in JSON, or in a policy, than they are themselves.
ODD_CHARACTERS = ["k", "/", '"', "\\", "$", "*", "?", "\x01", "ü", "模", "🤖"]


def session_of(aws: Stubs, promotion: Promotion = PLAIN, *artifacts: Artifact) -> dict[str, Any]:
    """Return the AssumeRole request of the deployer's session, or with artifacts of the copier's."""
    sent: list[dict[str, Any]] = []
    aws.sts.client.meta.events.register("provide-client-params", lambda params, **_: sent.append(dict(params)))
    aws.allow_assume_role()
    if artifacts:
        copier_session(promotion, artifacts)
    else:
        deployer_session(promotion)
    return sent[0]


def resources_of(request: dict[str, Any], action: str) -> list[str]:
    statements = json.loads(request["Policy"])["Statement"]
    return [arn for statement in statements if action in statement["Action"] for arn in statement["Resource"]]


def test_the_reader_is_assumed_in_the_source_without_a_session_policy(aws: Stubs) -> None:
    aws.sts.add_response(
        "assume_role",
        {"Credentials": CREDENTIALS},
        {
            "RoleArn": "arn:aws:iam::222222222222:role/promote-dev-reader",
            "RoleSessionName": "release-7",
            "ExternalId": "an-id",
        },
    )
    reader_session(DEV, execution=EXECUTION, external_id="an-id")


def test_the_copier_is_assumed_in_the_source(aws: Stubs) -> None:
    assert session_of(aws, PLAIN, ARTIFACT)["RoleArn"] == "arn:aws:iam::222222222222:role/promote-dev-copier"


def test_the_deployer_is_assumed_in_the_target(aws: Stubs) -> None:
    assert session_of(aws)["RoleArn"] == "arn:aws:iam::333333333333:role/promote-qa-deployer"


@pytest.mark.parametrize("artifacts", [(ARTIFACT,), ()], ids=["copier", "deployer"])
def test_a_configured_external_id_is_sent_with_every_role(aws: Stubs, artifacts: tuple[Artifact, ...]) -> None:
    assert session_of(aws, replace(PLAIN, external_id="an-id"), *artifacts)["ExternalId"] == "an-id"


# The scaler


def scaler_session_of(
    aws: Stubs, promotion: Promotion = PLAIN, *alarms: str, deregistered: Sequence[str] = ()
) -> dict[str, Any]:
    sent: list[dict[str, Any]] = []
    aws.sts.client.meta.events.register("provide-client-params", lambda params, **_: sent.append(dict(params)))
    aws.allow_assume_role()
    scaler_session(promotion, alarms=alarms, deregistered=deregistered)
    return sent[0]


def test_the_scaler_is_assumed_in_the_target_for_this_endpoint_and_these_alarms(aws: Stubs) -> None:
    request = scaler_session_of(aws, PLAIN, "busy", "what*?")
    alarm = "arn:aws:cloudwatch:us-east-1:333333333333:alarm:"

    assert request["RoleArn"] == "arn:aws:iam::333333333333:role/promote-qa-scaler"
    assert resources_of(request, "cloudwatch:PutMetricAlarm") == [
        f"{alarm}TargetTracking-endpoint/reviews-qa/variant/*",
        f"{alarm}busy",
        f"{alarm}what${{*}}${{?}}",
    ]
    assert "arn:aws:sagemaker:us-east-1:333333333333:endpoint/reviews-qa" in resources_of(request, "sagemaker:*")


def test_the_scaler_deregisters_the_targets_that_were_looked_up_and_no_other(aws: Stubs) -> None:
    targets = [f"arn:aws:application-autoscaling:us-east-1:333333333333:scalable-target/{number}" for number in "ab"]
    every = [f"{targets[0][:-1]}*"]
    action = "application-autoscaling:DeregisterScalableTarget"
    for named, allowed in ((targets, targets), ((), []), ([*targets, ""], every), (targets * 9, every)):
        request = scaler_session_of(aws, PLAIN, deregistered=named)
        assert resources_of(request, action) == allowed
        assert resources_of(request, "application-autoscaling:*") == []
        assert len(request["Policy"]) <= LONGEST_POLICY


def test_of_very_many_alarms_none_is_named(aws: Stubs) -> None:
    target = replace(QA, name="e" * 20, region="ap-southeast-1")
    longest = promotion(target=target, stage=replace(STAGE, environment="e" * 20, endpoint="E" * 63))
    request = scaler_session_of(aws, longest, "🤖" * 255, "b" * 255)
    assert resources_of(request, "cloudwatch:PutMetricAlarm")[1:] == [
        "arn:aws:cloudwatch:ap-southeast-1:333333333333:alarm:*"
    ]


def test_the_longest_alarm_names_stay_within_the_session_policy_limit(aws: Stubs) -> None:
    target = replace(QA, name="e" * 20, region="ap-southeast-1")
    longest = promotion(target=target, stage=replace(STAGE, environment="e" * 20, endpoint="E" * 63))
    request = scaler_session_of(aws, longest, *["a" * 15] * 9)
    assert resources_of(request, "cloudwatch:PutMetricAlarm")[1].endswith("a" * 15)
    assert len(request["Policy"]) <= LONGEST_POLICY


# The copier


def read_and_written(request: dict[str, Any]) -> tuple[list[str], list[str]]:
    # Objects and annotations are read of the same objects.
    assert resources_of(request, "s3:GetObject*") == resources_of(request, "s3:ListObjectAnnotations")
    return resources_of(request, "s3:GetObject*"), resources_of(request, "s3:PutObject*")


def test_for_one_object_the_copier_reads_one_and_writes_one(aws: Stubs) -> None:
    assert read_and_written(session_of(aws, PLAIN, ARTIFACT)) == (
        [f"arn:aws:s3:::{BUCKET}/{ARTIFACT.source.key}"],
        [f"arn:aws:s3:::{QA.artifact_bucket}/{incoming.brought(ARTIFACT, PLAIN).key}"],
    )


def test_for_several_objects_the_copier_has_their_common_prefix(aws: Stubs) -> None:
    several = [artifact("llm/a", key="v7/llm/a"), artifact("llm/b", key="v7/llm/b"), artifact("lm/c", key="v7/lm/c")]
    assert read_and_written(session_of(aws, PLAIN, *several)) == (
        [f"arn:aws:s3:::{BUCKET}/v7/l*"],
        [f"arn:aws:s3:::{QA.artifact_bucket}/incoming/dev/reviews/qa/{'0' * 32}/*"],
    )


def test_the_receiver_reads_what_arrived_for_the_stage_and_writes_the_stages_artifacts(aws: Stubs) -> None:
    sent: list[dict[str, Any]] = []
    aws.sts.client.meta.events.register("provide-client-params", lambda params, **_: sent.append(dict(params)))
    aws.allow_assume_role()
    receiver_session(PLAIN)
    bucket = f"arn:aws:s3:::{QA.artifact_bucket}"
    assert sent[0]["RoleArn"] == "arn:aws:iam::333333333333:role/promote-qa-receiver"
    assert read_and_written(sent[0]) == ([f"{bucket}/incoming/dev/reviews/qa/*"], [f"{bucket}/artifacts/reviews/qa/*"])


def test_one_object_twice_is_one_object(aws: Stubs) -> None:
    read, _ = read_and_written(session_of(aws, PLAIN, ARTIFACT, ARTIFACT))
    assert read == [f"arn:aws:s3:::{BUCKET}/{ARTIFACT.source.key}"]


def test_each_bucket_has_its_own_objects(aws: Stubs) -> None:
    request = session_of(aws, PLAIN, artifact("b", bucket="two", key="b"), artifact("a", bucket="one", key="a"))
    assert resources_of(request, "s3:GetObject*") == ["arn:aws:s3:::one/a", "arn:aws:s3:::two/b"]
    assert resources_of(request, "s3:ListBucket") == ["arn:aws:s3:::one", "arn:aws:s3:::two"]


def test_of_very_many_buckets_only_the_prefix_is_named(aws: Stubs) -> None:
    """The role's own policy still limits the buckets."""
    request = session_of(aws, PLAIN, *(artifact(bucket=f"models-{number}") for number in range(90)))
    assert resources_of(request, "s3:GetObject*") == ["arn:aws:s3:::models-*"]
    assert resources_of(request, "s3:ListBucket") == ["arn:aws:s3:::models-*"]


def test_the_copier_lists_only_the_parts_of_what_it_writes(aws: Stubs) -> None:
    request = session_of(aws, PLAIN, ARTIFACT)
    assert resources_of(request, "s3:ListMultipartUploadParts") == resources_of(request, "s3:PutObject*")


def test_the_copier_may_neither_delete_nor_read_back(aws: Stubs) -> None:
    policy = json.loads(session_of(aws, PLAIN, ARTIFACT)["Policy"])
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert not [action for action in actions if "Delete" in action or "Abort" in action]
    assert not [arn for arn in resources_of({"Policy": json.dumps(policy)}, "s3:GetObject*") if "promote-qa" in arn]


def test_without_artifacts_the_copier_has_no_access_to_objects(aws: Stubs) -> None:
    aws.allow_assume_role()
    sent: list[dict[str, Any]] = []
    aws.sts.client.meta.events.register("provide-client-params", lambda params, **_: sent.append(dict(params)))
    copier_session(PLAIN, [])
    assert "s3:" not in sent[0]["Policy"]


def test_the_same_objects_in_another_order_have_the_same_session(aws: Stubs) -> None:
    several = [artifact(name, bucket=name, key=name) for name in ("c", "a", "b")]
    assert session_of(aws, PLAIN, *several)["Policy"] == session_of(aws, PLAIN, *several[::-1])["Policy"]


@pytest.mark.parametrize("buckets", [1, 2, 3, 4, 5, 90])
@pytest.mark.parametrize("several", [False, True], ids=["one each", "several each"])
@pytest.mark.parametrize("character", ODD_CHARACTERS, ids=ascii)
def test_the_longest_keys_in_the_longest_buckets_stay_within_the_copiers_session_policy_limit(
    aws: Stubs, character: str, several: bool, buckets: int
) -> None:
    target = replace(QA, name="t" * 20, region="ap-southeast-1")
    longest = promotion(target=target, request=replace(REQUEST, application="a" * 40))
    key = character * (1000 // len(character.encode()))
    objects = [
        artifact(f"{key}{suffix}", key=f"{key}{suffix}", bucket=f"{number:02}".rjust(LONGEST_BUCKET, "b"))
        for number in range(buckets)
        for suffix in (["", "2"] if several else [""])
    ]
    assert len(session_of(aws, longest, *objects)["Policy"]) <= LONGEST_POLICY


@pytest.mark.parametrize("character", ODD_CHARACTERS, ids=ascii)
def test_a_long_key_is_cut_no_further_than_required(aws: Stubs, character: str) -> None:
    """The ARN must be a prefix of the key, and end with one wildcard."""
    key = character * (1024 // len(character.encode()))
    ((arn,), _) = read_and_written(session_of(aws, PLAIN, artifact(key=key)))
    literal = arn.removeprefix(f"arn:aws:s3:::{BUCKET}/").removesuffix("*")
    for escaped, plain in (("${*}", "*"), ("${?}", "?"), ("${$}", "$")):
        literal = literal.replace(escaped, plain)
    assert key.startswith(literal)
    assert len(literal) >= 30


@pytest.mark.parametrize(
    "name",
    ["model.tar.gz", "größe.tar.gz", "a b\n.tar.gz", "модель.tar.gz", "模型.tar.gz", "\u2028.tar.gz", "🤖.tar.gz"],
)
def test_a_session_policy_has_only_characters_that_sts_takes(aws: Stubs, name: str) -> None:
    assert POLICY.fullmatch(session_of(aws, PLAIN, artifact(name, key=f"v7/{name}"))["Policy"])


@pytest.mark.parametrize("key", ["v*/model.tar.gz", "v?/model.tar.gz", "${aws:username}/model.tar.gz"])
def test_a_key_is_taken_literally_by_the_copiers_session(aws: Stubs, key: str) -> None:
    """AWS: IAM policy elements, variables: ${*}, ${?} and ${$} stand for the characters themselves."""
    literal = key.replace("$", "${$}").replace("*", "${*}").replace("?", "${?}")
    read, _ = read_and_written(session_of(aws, PLAIN, artifact(key=key)))
    assert read == [f"arn:aws:s3:::{BUCKET}/{literal}"]


# The deployer


def test_the_deployer_has_access_to_this_promotions_resources_only(aws: Stubs) -> None:
    resource = "arn:aws:sagemaker:us-east-1:333333333333"
    assert resources_of(session_of(aws), "sagemaker:*") == [
        f"{resource}:model/{PLAIN.desired_model.name}",
        f"{resource}:endpoint-config/{PLAIN.desired_config.name}",
        f"{resource}:endpoint/{STAGE.endpoint}",
    ]


def test_the_deployer_passes_the_execution_role_only(aws: Stubs) -> None:
    assert resources_of(session_of(aws), "iam:PassRole") == ["arn:aws:iam::333333333333:role/promote-qa-execution"]


def test_the_deployer_reads_this_stages_artifacts_only(aws: Stubs) -> None:
    bucket = f"arn:aws:s3:::{QA.artifact_bucket}"
    for action in ("s3:GetObject", "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:AbortMultipartUpload"):
        assert resources_of(session_of(aws), action) == [
            bucket,
            f"{bucket}/artifacts/reviews/qa/*",
            f"{bucket}/incoming/dev/reviews/qa/*",
        ]


def test_an_image_is_fetched_in_the_source_and_pushed_in_the_target_each_in_one_repository(aws: Stubs) -> None:
    sent: list[dict[str, Any]] = []
    aws.sts.client.meta.events.register("provide-client-params", lambda params, **_: sent.append(dict(params)))
    for role in (image_reader_session, pusher_session):
        aws.allow_assume_role()
        role(replace(PLAIN, external_id="an-id"), IMAGE)
    assert [request["RoleArn"] for request in sent] == [
        "arn:aws:iam::222222222222:role/promote-dev-reader",
        "arn:aws:iam::333333333333:role/promote-qa-pusher",
    ]
    assert [request["ExternalId"] for request in sent] == ["an-id", "an-id"]
    assert [[s["Resource"] for s in json.loads(request["Policy"])["Statement"]] for request in sent] == [
        [["arn:aws:ecr:us-east-1:222222222222:repository/team/model"]],
        [["arn:aws:ecr:us-east-1:333333333333:repository/promote/team/model"]],
    ]


def test_an_endpoint_is_allowed_by_the_name_that_is_sent(aws: Stubs) -> None:
    stage = replace(STAGE, endpoint="Reviews-QA")
    arn = "arn:aws:sagemaker:us-east-1:333333333333:endpoint/Reviews-QA"
    assert arn in resources_of(session_of(aws, promotion(stage=stage)), "sagemaker:*")


def test_the_longest_names_stay_within_the_deployers_session_policy_limit(aws: Stubs) -> None:
    stage = replace(STAGE, name="s" * 20, endpoint="e" * 63)
    target = replace(QA, name="t" * 20, region="ap-southeast-1")
    longest = promotion(stage=stage, target=target, request=replace(REQUEST, application="a" * 40))
    assert len(session_of(aws, longest)["Policy"]) <= LONGEST_POLICY


# The invoker


@pytest.mark.parametrize("character", ODD_CHARACTERS, ids=ascii)
@pytest.mark.parametrize("payloads", [0, 1, 4])
def test_the_longest_response_s3_uris_stay_within_the_invokers_session_policy_limit(
    aws: Stubs, payloads: int, character: str
) -> None:
    target = replace(QA, name="t" * 20, region="ap-southeast-1")
    tests = tuple(
        SmokeTest(
            payload=Payload(bucket=f"{number}".rjust(LONGEST_BUCKET, "b"), key=character * 200), content_type="a/b"
        )
        for number in range(payloads)
    )
    uris = [f"s3://{end.rjust(LONGEST_BUCKET, 'b')}/{'f' * 440}" for end in "12"]
    output = {"S3OutputPath": uris[0], "S3FailurePath": uris[1]}
    config = {"AsyncInferenceConfig": {"OutputConfig": output}}
    stage = replace(STAGE, endpoint="E" * 63, smoke_tests=tests, endpoint_config=config)
    sent: list[dict[str, Any]] = []
    aws.sts.client.meta.events.register("provide-client-params", lambda params, **_: sent.append(dict(params)))
    aws.allow_assume_role()
    invoker_session(promotion(stage=stage, target=target))
    assert len(sent[0]["Policy"]) <= LONGEST_POLICY


def test_objects_below_the_response_s3_uris_are_readable(aws: Stubs) -> None:
    output = {"S3OutputPath": "s3://answers/reviews/", "S3FailurePath": "s3://failures"}
    stage = replace(STAGE, endpoint_config={"AsyncInferenceConfig": {"OutputConfig": output}})
    sent: list[dict[str, Any]] = []
    aws.sts.client.meta.events.register("provide-client-params", lambda params, **_: sent.append(dict(params)))
    aws.allow_assume_role()
    invoker_session(promotion(stage=stage))
    assert resources_of(sent[0], "s3:GetObject") == ["arn:aws:s3:::answers/reviews/*", "arn:aws:s3:::failures/*"]
    assert resources_of(sent[0], "s3:ListBucket") == ["arn:aws:s3:::answers", "arn:aws:s3:::failures"]


# Queries


def query_session_of(
    aws: Stubs, promotion: Promotion, role: Role, *statements: tuple[list[str], list[str]]
) -> dict[str, Any]:
    sent: list[dict[str, Any]] = []
    aws.sts.client.meta.events.register("provide-client-params", lambda params, **_: sent.append(dict(params)))
    aws.allow_assume_role()
    query_session(promotion, promotion.target, role, *statements)
    return sent[0]


def test_the_preflight_session_can_only_simulate_its_own_role_and_the_passed_role(aws: Stubs) -> None:
    request = query_session_of(aws, replace(PLAIN, external_id="an-id"), Role.DEPLOYER)
    own = "arn:aws:iam::333333333333:role/promote-qa-"
    assert (request["RoleArn"], request["ExternalId"]) == (f"{own}deployer", "an-id")
    assert json.loads(request["Policy"])["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["iam:SimulatePrincipalPolicy"],
            "Resource": [f"{own}deployer", f"{own}execution"],
        }
    ]


def test_any_other_role_simulates_itself_only(aws: Stubs) -> None:
    request = query_session_of(aws, PLAIN, Role.PUSHER)
    assert resources_of(request, "iam:SimulatePrincipalPolicy") == ["arn:aws:iam::333333333333:role/promote-qa-pusher"]
