"""Each right that the stacks give to a role is taken away, alone: the promotion says who may not do what, where."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pytest

from lambdas.promotion.names import STEPS_OF_DUTY, Duty, Step, function
from sandbox import data_scientist
from sandbox.control import Sandbox
from tests.workflow.given import World
from tests.workflow.journeys import (
    PRODUCTION,
    QA,
    Journey,
    Place,
    again,
    approved_version,
    copied_before,
    first_deployment,
    new_model,
    promote,
    update,
    with_versions,
    without_archive,
)
from tests.workflow.rights import Right, deployed_rights, role_like, without
from tests.workflow.test_copy import input_of, run


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


READER = "promote-{source}-reader"
COPIER = "promote-{source}-copier"
DEPLOYER = "promote-{target}-deployer"
EXECUTION = "promote-{target}-execution"
STATE_MACHINE = "promote-hub-StateMachineRole*"
READ, WRITTEN = "s3://{source_bucket}/", "s3://{target_bucket}/artifacts/"
MODEL, CONFIG = ":model/text-classifier-{target}-", ":endpoint-config/text-classifier-{target}-"
ENDPOINT = ":endpoint/{endpoint}"
NO_DATA = "ModelDataNotAccessible"

RIGHTS = [
    Needed(READER, "SeeModels", "sagemaker:DescribeModel", ":model/{model}"),
    Needed(READER, "SeeModels", "sagemaker:ListTags", ":model/{model}"),
    Needed(READER, "SeeModelPackages", "sagemaker:DescribeModelPackage", "{model}", approved_version, stages=(QA,)),
    Needed(READER, "TellMissingFromDenied", "s3:ListBucket", "{uri}", without_archive),
    Needed(READER, "ReadArtifacts", "s3:GetObject", "{uri}"),
    Needed(READER, "DecryptArtifacts", "kms:Decrypt", "{uri}", stages=(PRODUCTION,)),
    Needed(COPIER, "ReadArtifacts", "s3:GetObject", "{uri}", stages=(QA,)),
    Needed(COPIER, "ReadArtifacts", "s3:GetObject", "{uri}", copied_before, stages=(PRODUCTION,)),
    Needed(COPIER, "ReadArtifacts", "s3:GetObjectVersion", "{uri}", with_versions, stages=(QA,)),
    Needed(COPIER, "ReadArtifacts", "s3:GetObjectVersion", "{uri}", stages=(PRODUCTION,)),
    Needed(COPIER, "DecryptArtifacts", "kms:Decrypt", "{uri}", stages=(PRODUCTION,)),
    Needed(COPIER, "PutInto{Target}", "s3:PutObject", WRITTEN),
    Needed(COPIER, "EncryptFor{Target}", "kms:GenerateDataKey", WRITTEN),
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
        Needed(function(step), "WorkInOtherAccounts", "sts:AssumeRole", role, on=f"*:role/{role}")
        for duty, role in ((Duty.READER, READER), (Duty.COPIER, COPIER), (Duty.DEPLOYER, DEPLOYER))
        for step in STEPS_OF_DUTY[duty]
    ),
    *(
        Needed(
            STATE_MACHINE,
            "",
            "lambda:InvokeFunction",
            f":function:{function(step)}",
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
def world(deployed_sandbox: Sandbox) -> Iterator[World]:
    """One world for all: every case promotes a model of its own, and says itself what the endpoint must be."""
    world = World(deployed_sandbox)
    world.forget()
    yield world
    world.settle(seconds=0)
    world.forget()


def stage_and_right(value: object) -> str:
    if isinstance(value, Place):
        return value.target
    return f"{value.role}-{value.sid}-{value.action}{value.on.strip('*')}" if isinstance(value, Needed) else str(value)


@pytest.mark.parametrize(
    ("place", "needed"), [(place, needed) for needed in RIGHTS for place in needed.stages], ids=stage_and_right
)
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


@pytest.mark.parametrize("place", LIST_ARRIVED.stages, ids=stage_and_right)
def test_only_with_the_right_to_list_a_missing_copy_is_told_from_a_missing_right(world: World, place: Place) -> None:
    ended = promote(world, place, without_archive_in_target(world, place))
    assert ended.error == "ArtifactMismatch"
