"""The promotions by which a right shows: each gets ready and returns what is to be promoted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from uuid import uuid4

from tests.sandbox.images import push
from tests.workflow.given import APPLICATION, ENDPOINTS, IMAGE, INFERENCE, Ended, World, tar
from tests.workflow.rights import without


@dataclass(frozen=True)
class Place:
    """A stage: from where to where."""

    source: str
    target: str
    source_bucket: str
    target_bucket: str
    source_role: str

    def fill(self, template: str, **more: str) -> str:
        """The template with the place's names put in."""
        return template.format(**asdict(self), Target=self.target.title(), endpoint=ENDPOINTS[self.target], **more)


QA = Place(
    source="dev",
    target="qa",
    source_bucket="sagemaker-us-east-1-222222222222",
    target_bucket="promote-qa-333333333333-us-east-1",
    source_role="arn:aws:iam::222222222222:role/SageMakerTraining",
)
PRODUCTION = Place(
    source="qa",
    target="production",
    source_bucket="promote-qa-333333333333-us-east-1",
    target_bucket="promote-production-444444444444-eu-west-1",
    source_role="arn:aws:iam::333333333333:role/promote-qa-execution",
)


@dataclass(frozen=True)
class Subject:
    """What is promoted: a model by its name or a version by its ARN, and the address of its archive."""

    model: str
    uri: str = ""


Journey = Callable[[World, Place], Subject]


def promote(world: World, place: Place, subject: Subject) -> Ended:
    by = "model_package_arn" if subject.model.startswith("arn:") else "model_name"
    return world.wait(world.start(application=APPLICATION, stage=place.target, **{by: subject.model}))


def new_model(world: World, place: Place, *, image: bool = False) -> Subject:
    """A model with one archive of its own, and perhaps an image. In qa it stands for one that was promoted there."""
    name = f"small-{uuid4().hex[:8]}"
    key = f"artifacts/{name}/model.tar.gz"
    archive = tar({"weights.json": json.dumps({"name": name}).encode(), "code/inference.py": INFERENCE})
    world.client("s3", place.source).put_object(Bucket=place.source_bucket, Key=key, Body=archive)
    subject = Subject(name, f"s3://{place.source_bucket}/{key}")
    registry = f"{world.sandbox.accounts[place.source]}.dkr.ecr.{world.sandbox.region}.amazonaws.com"
    world.client("sagemaker", place.source).create_model(
        ModelName=name,
        PrimaryContainer={"Image": f"{registry}/team/{name}:1" if image else IMAGE, "ModelDataUrl": subject.uri},
        ExecutionRoleArn=place.source_role,
    )
    return subject


def with_own_image(world: World, place: Place) -> Subject:
    """A new model whose image lies in the source account's own registry, in a repository called like the model."""
    subject = new_model(world, place, image=True)
    push(world.client("ecr", place.source), f"team/{subject.model}", [subject.model.encode()], tag="1")
    return subject


def with_versions(world: World, place: Place) -> Subject:
    """A new model in a bucket that keeps versions."""
    s3 = world.client("s3", place.source)
    s3.put_bucket_versioning(Bucket=place.source_bucket, VersioningConfiguration={"Status": "Enabled"})
    try:
        return new_model(world, place)
    finally:
        s3.put_bucket_versioning(Bucket=place.source_bucket, VersioningConfiguration={"Status": "Suspended"})


def without_archive(world: World, place: Place) -> Subject:
    """A model whose archive was deleted."""
    subject = new_model(world, place)
    bucket, _, key = subject.uri.removeprefix("s3://").partition("/")
    world.client("s3", place.source).delete_object(Bucket=bucket, Key=key)
    return subject


@cache
def approved_version(world: World, _place: Place) -> Subject:
    """A version that nobody has promoted, though it is approved: the event did not leave the account."""
    with without(world, "dev", "promote-dev-forwarder", ""):
        return Subject(world.version(approval="Approved"))


def first_deployment(world: World, place: Place) -> Subject:
    """A new model, and there is no endpoint."""
    if ENDPOINTS[place.target] in world.made_in(place.target):
        world.wait_for_endpoint(place.target)
        world.client("sagemaker", place.target).delete_endpoint(EndpointName=ENDPOINTS[place.target])
    return new_model(world, place)


def update(world: World, place: Place) -> Subject:
    """A new model for an endpoint that serves another."""
    again(world, place)
    return new_model(world, place)


def again(world: World, place: Place) -> Subject:
    """A model that was promoted before: its copy, its model and its configuration are there, and an endpoint."""
    subject = _promoted_once(world, place)
    if ENDPOINTS[place.target] not in world.made_in(place.target):
        _well(promote(world, place, subject))
    world.wait_for_endpoint(place.target)
    return subject


@cache
def _promoted_once(world: World, place: Place) -> Subject:
    subject = new_model(world, place)
    _well(promote(world, place, subject))
    return subject


def _well(ended: Ended) -> None:
    assert ended.status == "SUCCEEDED", f"{ended.error}: {ended.cause}"
