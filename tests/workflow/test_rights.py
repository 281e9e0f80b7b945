"""Each right that the stacks give to a role is taken away, alone: the promotion says who may not do what, where."""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pytest

from lambdas.promotion.names import STEPS_OF_DUTY, Duty, Step, function
from sandbox import data_scientist
from tests.workflow.given import World, input_of, run
from tests.workflow.journeys import (
    PRODUCTION,
    QA,
    Journey,
    Place,
    again,
    approved_version,
    first_deployment,
    new_model,
    promote,
    update,
    with_own_image,
    with_versions,
    without_archive,
)
from tests.workflow.rights import Right, deployed_rights, role_like, without


@dataclass(frozen=True)
class Needed:
    """A right, and where (in the promotion's words) it is lacking. Names of the stage stand in braces."""

    role: str
    sid: str
    action: str
    where: str
    shown_by: Journey = new_model
    on: str = "*"
    stages: tuple[Place, ...] = (QA, PRODUCTION)
    error: str = "AccessDenied"

    def taken_away(self, world: World, place: Place) -> AbstractContextManager[None]:
        environment = {"{source}": place.source, "{target}": place.target}
        where = next((name for end, name in environment.items() if end in self.role), "hub")
        role = role_like(world, where, place.fill(self.role))
        return without(world, where, role, place.fill(self.sid), self.action, on=place.fill(self.on))

    def stands_for(self, right: Right, place: Place) -> bool:
        return (
            fnmatchcase(right.role, place.fill(self.role))
            and (right.sid, right.action) == (place.fill(self.sid), self.action)
            and fnmatchcase(right.resource, place.fill(self.on))
        )


def shown_by(step: Step) -> Journey:
    """A promotion that comes to the step."""
    return with_own_image if step is Step.COPY_IMAGE else new_model


READER = "promote-{source}-reader"
COPIER = "promote-{source}-copier"
PUSHER = "promote-{target}-pusher"
DEPLOYER = "promote-{target}-deployer"
EXECUTION = "promote-{target}-execution"
STATE_MACHINE = "promote-hub-StateMachineRole*"
WRITTEN = "s3://{target_bucket}/artifacts/"
MODEL, CONFIG = ":model/text-classifier-{target}-", ":endpoint-config/text-classifier-{target}-"
ENDPOINT = ":endpoint/{endpoint}"
AWS_IMAGE = "the repository sagemaker-scikit-learn of account 683313688378"
COPIED_IMAGE = "the repository promote/team/{model} of account"
NO_DATA = "ModelDataNotAccessible"

RIGHTS = [
    Needed(READER, "SeeModels", "sagemaker:DescribeModel", ":model/{model}"),
    Needed(READER, "SeeModels", "sagemaker:ListTags", ":model/{model}"),
    Needed(READER, "SeeModelPackages", "sagemaker:DescribeModelPackage", "{model}", approved_version, stages=(QA,)),
    Needed(READER, "SeeImages", "ecr:BatchGetImage", AWS_IMAGE),
    Needed(READER, "FetchImages", "ecr:GetDownloadUrlForLayer", "the repository team/{model} of", with_own_image),
    Needed(READER, "TellMissingFromDenied", "s3:ListBucket", "{uri}", without_archive),
    Needed(READER, "ReadArtifacts", "s3:GetObject", "{uri}"),
    Needed(READER, "DecryptArtifacts", "kms:Decrypt", "{uri}", stages=(PRODUCTION,)),
    Needed(COPIER, "ReadArtifacts", "s3:GetObject", "{uri}", stages=(QA,)),
    Needed(COPIER, "ReadArtifacts", "s3:GetObjectVersion", "{uri}", with_versions, stages=(QA,)),
    Needed(COPIER, "ReadPromotedArtifacts", "s3:GetObjectVersion", "{uri}", stages=(PRODUCTION,)),
    Needed(COPIER, "DecryptArtifacts", "kms:Decrypt", "{uri}", stages=(PRODUCTION,)),
    Needed(COPIER, "PutInto{Target}", "s3:PutObject", WRITTEN),
    Needed(COPIER, "EncryptFor{Target}", "kms:GenerateDataKey", WRITTEN),
    Needed(PUSHER, "MakeRepositories", "ecr:CreateRepository", COPIED_IMAGE, with_own_image),
    *(
        Needed(PUSHER, "PushImages", f"ecr:{action}", COPIED_IMAGE, with_own_image)
        for action in (
            *("BatchGetImage", "BatchCheckLayerAvailability", "InitiateLayerUpload", "UploadLayerPart"),
            *("CompleteLayerUpload", "PutImage"),
        )
    ),
    Needed(DEPLOYER, "SeeImages", "ecr:BatchGetImage", AWS_IMAGE, error="ImageNotAccessible"),
    Needed(DEPLOYER, "SeeArtifacts", "s3:GetObject", WRITTEN),
    Needed(DEPLOYER, "ReadChecksums", "kms:Decrypt", WRITTEN),
    Needed(DEPLOYER, "MakeModels", "sagemaker:CreateModel", MODEL),
    Needed(DEPLOYER, "MakeModels", "sagemaker:AddTags", MODEL),
    Needed(DEPLOYER, "MakeModels", "sagemaker:DescribeModel", MODEL, again),
    Needed(DEPLOYER, "MakeConfigurations", "sagemaker:CreateEndpointConfig", CONFIG),
    Needed(DEPLOYER, "MakeConfigurations", "sagemaker:AddTags", CONFIG),
    Needed(DEPLOYER, "MakeConfigurations", "sagemaker:DescribeEndpointConfig", CONFIG, again),
    Needed(DEPLOYER, "MakeEndpoints", "sagemaker:CreateEndpoint", ENDPOINT, first_deployment, f"*{ENDPOINT}"),
    Needed(DEPLOYER, "MakeEndpoints", "sagemaker:CreateEndpoint", CONFIG, first_deployment, f"*{CONFIG}[*]"),
    Needed(DEPLOYER, "MakeEndpoints", "sagemaker:UpdateEndpoint", ENDPOINT, update, f"*{ENDPOINT}"),
    Needed(DEPLOYER, "MakeEndpoints", "sagemaker:UpdateEndpoint", CONFIG, update, f"*{CONFIG}[*]"),
    Needed(DEPLOYER, "SeeEndpoints", "sagemaker:DescribeEndpoint", ENDPOINT),
    Needed(DEPLOYER, "SeeEndpoints", "sagemaker:AddTags", ENDPOINT, first_deployment),
    Needed(DEPLOYER, "PassTheExecutionRole", "iam:PassRole", f":role/{EXECUTION}"),
    Needed(EXECUTION, "ReadModels", "s3:GetObject", WRITTEN, error=NO_DATA),
    Needed(EXECUTION, "DecryptModels", "kms:Decrypt", WRITTEN, error=NO_DATA),
    *(
        Needed(function(step), "WorkInOtherAccounts", "sts:AssumeRole", role, shown_by(step), on=f"*:role/{role}")
        for duty, role in (
            *((Duty.READER, READER), (Duty.COPIER, COPIER)),
            *((Duty.PUSHER, PUSHER), (Duty.DEPLOYER, DEPLOYER)),
        )
        for step in STEPS_OF_DUTY[duty]
    ),
    *(
        Needed(
            STATE_MACHINE,
            "",
            "lambda:InvokeFunction",
            f":function:{function(step)}",
            shown_by(step),
            on=f"*:function:{function(step)}",
            stages=(QA,),
            error="Lambda.AWSLambdaException",
        )
        for step in Step
        if step is not Step.EXPLAIN_FAILURE
    ),
]
# What a test of its own shows.
LIST_ARRIVED = Needed(DEPLOYER, "TellMissingFromDenied", "s3:ListBucket", WRITTEN)
EXPLAIN = Needed(
    STATE_MACHINE,
    "",
    "lambda:InvokeFunction",
    "",
    on=f"*:function:{function(Step.EXPLAIN_FAILURE)}",
    stages=(QA,),
)
FORWARD = Needed("promote-{source}-forwarder", "", "events:PutEvents", ":event-bus/promote", stages=(QA,))
START = Needed(
    "promote-hub-StateMachineEventsRole*", "", "states:StartExecution", ":stateMachine:promote", stages=(QA,)
)
ALL = [*RIGHTS, LIST_ARRIVED, EXPLAIN, FORWARD, START]

# Role, Sid, action and resource, as patterns, and why no promotion in the sandbox can show that they are needed.
NOT_SHOWN = {
    ("promote-*-execution", "PullImages", "ecr:*", "*"): "The sandbox pulls no images: a process plays the container.",
    ("promote-*-execution", "LogInToRegistries", "ecr:GetAuthorizationToken", "*"): "The same.",
    ("promote-*-execution", "WriteLogs", "logs:*", "*"): "The sandbox writes a container's log for it, asking nobody.",
    ("promote-*-execution", "PutMetrics", "cloudwatch:PutMetricData", "*"): "The sandbox's containers measure nothing.",
    ("promote-*", "", "xray:*", "*"): "There is no X-Ray in the sandbox, and a trace that is lost fails nothing.",
    ("promote-*", "", "logs:*", "*"): "Lambda and Step Functions work on without their logs, there and here.",
    (STATE_MACHINE, "", "lambda:InvokeFunction", "*:[*]"): "CDK grants a function's versions with it; none are made.",
}


@pytest.fixture(scope="module")
def world(lasting_world: World) -> World:
    return lasting_world


CASES = [(place, needed) for needed in RIGHTS for place in needed.stages]


def title(place: Place, needed: Needed) -> str:
    return f"{place.target}: {place.fill(needed.role)} {needed.action} {place.fill(needed.on).strip('*')}".strip()


@pytest.mark.parametrize(("place", "needed"), CASES, ids=[title(*case) for case in CASES])
def test_without_one_right_a_promotion_says_who_may_not_do_what_where(
    world: World, place: Place, needed: Needed
) -> None:
    subject = needed.shown_by(world, place)
    with needed.taken_away(world, place):
        ended = promote(world, place, subject)

    assert (ended.status, ended.error) == ("FAILED", needed.error), ended.cause
    assert place.fill(needed.role).rstrip("*") in ended.cause
    assert needed.action in ended.cause
    assert place.fill(needed.where, model=subject.model, uri=subject.uri) in ended.cause


@pytest.mark.parametrize("place", LIST_ARRIVED.stages, ids=lambda place: place.target)
def test_only_who_may_list_can_tell_a_missing_copy_from_a_missing_right(world: World, place: Place) -> None:
    with without(world, place.target, place.fill(DEPLOYER), "SeeArtifacts"):
        ended = promote(world, place, new_model(world, place))
    promotion = input_of(world, ended.arn, "Verify the artifacts")
    (artifact,) = promotion.artifacts
    world.client("s3", place.target).delete_object(Bucket=artifact.bucket, Key=artifact.key)

    assert run(world, Step.VERIFY_ARTIFACTS, promotion)["errorType"] == "ArtifactMismatch"
    with LIST_ARRIVED.taken_away(world, place):
        failure = run(world, Step.VERIFY_ARTIFACTS, promotion)
    assert failure["errorType"] == "AccessDenied"
    for words in (place.fill(DEPLOYER), LIST_ARRIVED.action, artifact.uri):
        assert words in failure["errorMessage"]


def test_without_the_step_that_explains_a_promotion_fails_with_what_it_would_have_explained(world: World) -> None:
    with EXPLAIN.taken_away(world, QA):
        ended = world.wait(world.start_with({}))
    assert (ended.status, ended.error) == ("FAILED", "InvalidInput")
    assert json.loads(ended.cause)["Error"] == "InvalidInput"


@pytest.mark.parametrize(("needed", "kept_in"), [(FORWARD, "dev"), (START, "hub")], ids=["forward", "start"])
def test_an_approval_that_lacks_a_right_on_its_way_starts_nothing_and_is_kept_with_the_reason(
    world: World, needed: Needed, kept_in: str
) -> None:
    """That it starts a promotion otherwise is shown in test_triggers."""
    version, before = world.version(), world.executions()
    with needed.taken_away(world, QA):
        data_scientist.approve(world.sandbox, version)
        said = dead_letter(world, kept_in, version)["error"]

    assert world.executions() == before
    for words in (QA.fill(needed.role).rstrip("*"), needed.action, needed.where):
        assert words in said


def test_every_right_that_is_deployed_is_taken_away_alone_by_one_case_or_has_a_reason_why_not(world: World) -> None:
    deployed = deployed_rights(world)
    shown = [[r for r in deployed if needed.stands_for(r, place)] for needed in ALL for place in needed.stages]
    excused = [[r for r in deployed if _like(r, pattern)] for pattern in NOT_SHOWN]

    assert [rights for rights in shown if len(rights) != 1] == []
    assert all(excused), "an excuse is for no right at all"
    assert sorted(deployed.difference(*shown, *excused)) == []


def dead_letter(world: World, environment: str, version: str, *, seconds: float = 2) -> dict[str, Any]:
    """The undelivered approval of the version, from the environment's queue."""
    sqs, deadline = world.client("sqs", environment), time.monotonic() + seconds
    (queue,) = sqs.list_queues(QueueNamePrefix="promote-")["QueueUrls"]
    while time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=queue).get("Messages", []):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            if version in message["Body"]:
                found: dict[str, Any] = json.loads(message["Body"])
                return found
        time.sleep(0.05)
    raise AssertionError(f"no approval of {version} came to {queue}")


def _like(right: Right, pattern: tuple[str, str, str, str]) -> bool:
    values = (right.role, right.sid, right.action, right.resource)
    return all(fnmatchcase(value, part) for value, part in zip(values, pattern, strict=True))
