"""Where an image comes from, and whether the execution role may pull it."""

import json
from typing import Any

import pytest

from tests.sandbox.aws.sagemaker.builders import BUCKET, IMAGE, Workshop, refused, unique
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


def role(workshop: Workshop, *actions: str, on: str = "*") -> str:
    """An execution role that reads everything, and has those rights on images."""
    pulling = [allow(action, "*" if action == LOGIN else on) for action in actions]
    return workshop.execution(allow("s3:*", f"arn:aws:s3:::{BUCKET}*"), *pulling)


def using(workshop: Workshop, image: str) -> dict[str, Any]:
    return {"Image": image, "ModelDataUrl": workshop.data()}


def test_a_private_image_is_served(workshop: Workshop, repository: Repository) -> None:
    granted = role(workshop, LOGIN, *PULL, on=repository.arn)
    for image in (f"{repository.uri}:1", f"{repository.uri}@{repository.digest}"):
        endpoint = workshop.endpoint_of(using(workshop, image), ExecutionRoleArn=granted)
        assert workshop.ask(endpoint, 3)["answer"] == 6


def test_an_image_must_exist(workshop: Workshop, repository: Repository) -> None:
    absent = f"{repository.uri}@sha256:{'0' * 64}"
    for image in (f"{repository.uri}:2", repository.uri, absent):
        with refused("ValidationException", f"Requested image {image} not found."):
            workshop.created(PrimaryContainer=using(workshop, image))
    repository.push("latest")
    assert workshop.created(PrimaryContainer=using(workshop, repository.uri)), "no tag means latest"


def test_an_image_lies_in_the_models_region(workshop: Workshop) -> None:
    image = IMAGE.replace(REGION, "eu-west-1")
    with refused("ValidationException", f'Region of "{image}" does not match expected region of {REGION}.'):
        workshop.created(PrimaryContainer=using(workshop, image))


@pytest.mark.parametrize("missing", [LOGIN, *PULL])
def test_the_execution_role_needs_each_right_to_pull(workshop: Workshop, repository: Repository, missing: str) -> None:
    for image in (f"{repository.uri}:1", IMAGE):
        lacking = role(workshop, *[action for action in (LOGIN, *PULL) if action != missing])
        reason = workshop.failure_of(using(workshop, image), ExecutionRoleArn=lacking)
        action = missing.removeprefix("ecr:")
        assert reason == f"The role '{lacking}' does not have {action} permission for the image: '{image}'."


def test_a_right_on_one_repository_is_none_on_another(workshop: Workshop, repository: Repository) -> None:
    elsewhere = role(workshop, LOGIN, *PULL, on=f"{repository.arn}-other")
    reason = workshop.failure_of(using(workshop, f"{repository.uri}:1"), ExecutionRoleArn=elsewhere)
    assert "does not have BatchGetImage permission" in reason


def test_an_image_of_another_account_needs_its_repositorys_policy(workshop: Workshop, foreign: Repository) -> None:
    container, granted = using(workshop, f"{foreign.uri}:1"), role(workshop, LOGIN, *PULL)
    config = workshop.config(workshop.created(PrimaryContainer=container, ExecutionRoleArn=granted))
    endpoint = workshop.endpoint(config, status="Failed")
    assert "does not have BatchGetImage permission" in workshop.rest(endpoint)["FailureReason"]
    foreign.allow(f"arn:aws:iam::{ACCOUNT}:root", PULL[0], PULL[1])
    endpoint = workshop.endpoint(config, status="Failed")
    assert "does not have BatchCheckLayerAvailability permission" in workshop.rest(endpoint)["FailureReason"]
    for principal in (f"arn:aws:iam::{ACCOUNT}:root", granted):
        foreign.allow(principal, *PULL)
        assert workshop.ask(workshop.endpoint(config), 3)["answer"] == 6
    foreign.allow(workshop.execution_role, *PULL)
    assert workshop.endpoint(config, status="Failed"), "another role is named"


def test_another_accounts_policy_is_not_enough_alone(workshop: Workshop, foreign: Repository) -> None:
    foreign.allow(f"arn:aws:iam::{ACCOUNT}:root", *PULL)
    lacking = role(workshop, LOGIN)
    reason = workshop.failure_of(using(workshop, f"{foreign.uri}:1"), ExecutionRoleArn=lacking)
    assert "does not have BatchGetImage permission" in reason


def test_an_image_that_is_gone_fails_the_endpoint(workshop: Workshop, repository: Repository) -> None:
    model = workshop.created(
        PrimaryContainer=using(workshop, f"{repository.uri}:1"), ExecutionRoleArn=role(workshop, LOGIN, *PULL)
    )
    repository.remove("1")
    endpoint = workshop.endpoint(workshop.config(model), status="Failed")
    reason = workshop.rest(endpoint)["FailureReason"]
    assert "make sure all images included in the model for the production variant AllTraffic exist" in reason


def test_a_deployed_image_is_shown_by_its_digest(workshop: Workshop, repository: Repository) -> None:
    tagged, granted = f"{repository.uri}:1", role(workshop, LOGIN, *PULL)
    model = workshop.created(Containers=[using(workshop, tagged), using(workshop, IMAGE)], ExecutionRoleArn=granted)
    endpoint = workshop.endpoint(workshop.config(model))
    repository.push("1")
    (variant,) = workshop.rest(endpoint)["ProductionVariants"]
    shown = [(image["SpecifiedImage"], image["ResolvedImage"]) for image in variant["DeployedImages"]]
    resolved = f"{repository.uri}@{repository.digest}"
    assert shown == [(tagged, resolved), (IMAGE, IMAGE)], "as resolved when it was deployed; AWS's own as it was given"
