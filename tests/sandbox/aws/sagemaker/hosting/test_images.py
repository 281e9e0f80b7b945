"""Where an image comes from, and whether the execution role may pull it."""

import json
from typing import Any

import pytest

from tests.sandbox.aws.sagemaker.builders import BUCKET, IMAGE, SageMakerBuilder, refused, unique
from tests.sandbox.aws.sagemaker.server import ACCOUNT, OTHER_ACCOUNT, REGION, Server
from tests.sandbox.aws.sagemaker.test_permissions import allow

PULL = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
LOGIN = "ecr:GetAuthorizationToken"


class Repository:
    """A repository with one image."""

    def __init__(self, server: Server, account: str = ACCOUNT) -> None:
        self._ecr = server.client("ecr", account)
        self.name, self.account = unique("team/image"), account
        self._ecr.create_repository(repositoryName=self.name)
        self.uri = f"{account}.dkr.ecr.{REGION}.amazonaws.com/{self.name}"
        self.arn = f"arn:aws:ecr:{REGION}:{account}:repository/{self.name}"
        self.digest = self.push("1")

    def push(self, tag: str) -> str:
        manifest = json.dumps({"schemaVersion": 2, "layers": [], "unique": unique("manifest")})
        pushed = self._ecr.put_image(repositoryName=self.name, imageManifest=manifest, imageTag=tag)
        return str(pushed["image"]["imageId"]["imageDigest"])

    def remove(self, tag: str) -> None:
        self._ecr.batch_delete_image(repositoryName=self.name, imageIds=[{"imageTag": tag}])

    def allow(self, principal: str, *actions: str) -> None:
        statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": list(actions)}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._ecr.set_repository_policy(repositoryName=self.name, policyText=policy)


@pytest.fixture
def repository(server: Server) -> Repository:
    return Repository(server)


@pytest.fixture
def foreign(server: Server) -> Repository:
    return Repository(server, OTHER_ACCOUNT)


def role(builder: SageMakerBuilder, *actions: str, on: str = "*") -> str:
    """An execution role that reads everything, and has those permissions on images."""
    pulling = [allow(action, "*" if action == LOGIN else on) for action in actions]
    return builder.execution(allow("s3:*", f"arn:aws:s3:::{BUCKET}*"), *pulling)


def using(builder: SageMakerBuilder, image: str) -> dict[str, Any]:
    return {"Image": image, "ModelDataUrl": builder.data()}


def test_a_private_image_is_served(builder: SageMakerBuilder, repository: Repository) -> None:
    granted = role(builder, LOGIN, *PULL, on=repository.arn)
    for image in (f"{repository.uri}:1", f"{repository.uri}@{repository.digest}"):
        endpoint = builder.endpoint_of(using(builder, image), ExecutionRoleArn=granted)
        assert builder.invoke(endpoint, 3)["answer"] == 6


def test_an_image_must_exist(builder: SageMakerBuilder, repository: Repository) -> None:
    absent = f"{repository.uri}@sha256:{'0' * 64}"
    for image in (f"{repository.uri}:2", repository.uri, absent):
        with refused("ValidationException", f"Requested image {image} not found."):
            builder.created(PrimaryContainer=using(builder, image))
    repository.push("latest")
    assert builder.created(PrimaryContainer=using(builder, repository.uri)), "no tag means latest"


def test_an_image_must_be_in_the_models_region(builder: SageMakerBuilder) -> None:
    image = IMAGE.replace(REGION, "eu-west-1")
    with refused("ValidationException", f'Region of "{image}" does not match expected region of {REGION}.'):
        builder.created(PrimaryContainer=using(builder, image))


@pytest.mark.parametrize("missing", [LOGIN, *PULL])
def test_the_execution_role_requires_each_pull_permission(
    builder: SageMakerBuilder, repository: Repository, missing: str
) -> None:
    for image in (f"{repository.uri}:1", IMAGE):
        lacking = role(builder, *[action for action in (LOGIN, *PULL) if action != missing])
        reason = builder.failure_of(using(builder, image), ExecutionRoleArn=lacking)
        action = missing.removeprefix("ecr:")
        assert reason == f"The role '{lacking}' does not have {action} permission for the image: '{image}'."


def test_a_permission_on_one_repository_does_not_apply_to_another(
    builder: SageMakerBuilder, repository: Repository
) -> None:
    elsewhere = role(builder, LOGIN, *PULL, on=f"{repository.arn}-other")
    reason = builder.failure_of(using(builder, f"{repository.uri}:1"), ExecutionRoleArn=elsewhere)
    assert "does not have BatchGetImage permission" in reason


def test_an_image_of_another_account_needs_its_repositorys_policy(
    builder: SageMakerBuilder, foreign: Repository
) -> None:
    container, granted = using(builder, f"{foreign.uri}:1"), role(builder, LOGIN, *PULL)
    config = builder.config(builder.created(PrimaryContainer=container, ExecutionRoleArn=granted))
    endpoint = builder.endpoint(config, status="Failed")
    assert "does not have BatchGetImage permission" in builder.rest(endpoint)["FailureReason"]
    foreign.allow(f"arn:aws:iam::{ACCOUNT}:root", PULL[0], PULL[1])
    endpoint = builder.endpoint(config, status="Failed")
    assert "does not have BatchCheckLayerAvailability permission" in builder.rest(endpoint)["FailureReason"]
    for principal in (f"arn:aws:iam::{ACCOUNT}:root", granted):
        foreign.allow(principal, *PULL)
        assert builder.invoke(builder.endpoint(config), 3)["answer"] == 6
    foreign.allow(builder.execution_role, *PULL)
    assert builder.endpoint(config, status="Failed"), "another role is named"


def test_another_accounts_policy_is_not_enough_alone(builder: SageMakerBuilder, foreign: Repository) -> None:
    foreign.allow(f"arn:aws:iam::{ACCOUNT}:root", *PULL)
    lacking = role(builder, LOGIN)
    reason = builder.failure_of(using(builder, f"{foreign.uri}:1"), ExecutionRoleArn=lacking)
    assert "does not have BatchGetImage permission" in reason


def test_an_image_that_is_gone_fails_the_endpoint(builder: SageMakerBuilder, repository: Repository) -> None:
    model = builder.created(
        PrimaryContainer=using(builder, f"{repository.uri}:1"), ExecutionRoleArn=role(builder, LOGIN, *PULL)
    )
    repository.remove("1")
    endpoint = builder.endpoint(builder.config(model), status="Failed")
    reason = builder.rest(endpoint)["FailureReason"]
    assert "make sure all images included in the model for the production variant AllTraffic exist" in reason


def test_a_deployed_image_is_shown_by_its_digest(builder: SageMakerBuilder, repository: Repository) -> None:
    tagged, granted = f"{repository.uri}:1", role(builder, LOGIN, *PULL)
    model = builder.created(Containers=[using(builder, tagged), using(builder, IMAGE)], ExecutionRoleArn=granted)
    endpoint = builder.endpoint(builder.config(model))
    repository.push("1")
    (variant,) = builder.rest(endpoint)["ProductionVariants"]
    shown = [(image["SpecifiedImage"], image["ResolvedImage"]) for image in variant["DeployedImages"]]
    resolved = f"{repository.uri}@{repository.digest}"
    assert shown == [(tagged, resolved), (IMAGE, IMAGE)], "as resolved when it was deployed; AWS's own as it was given"
