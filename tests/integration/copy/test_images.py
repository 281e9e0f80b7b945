"""Images: pulled from where they lie, mapped, or copied; always the content that was promoted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from lambdas.promotion.contract.settings import Settings
from lambdas.promotion.contract.steps import Step
from tests.integration.world import APPLICATION, IMAGE, ExecutionResult, World, input_of, run
from tests.sandbox.aws.image_push import push, push_index, sha256

MIB = 1024**2
TOOLS = "555555555555"
PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
SERVERLESS = {
    "ProductionVariants": [
        {"VariantName": "AllTraffic", "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}
    ]
}
Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def world(module_world: World) -> World:
    return module_world


@pytest.fixture
def repository() -> str:
    return f"team/model-{uuid4().hex[:8]}"


def image_uri(account: str, repository: str, region: str = "us-east-1") -> str:
    return f"{account}.dkr.ecr.{region}.amazonaws.com/{repository}"


def allows_pull(world: World, environment: str, repository: str, account: str) -> None:
    statement = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": PULL}
    policy = {"Version": "2012-10-17", "Statement": [{"Sid": "TargetsPull", **statement}]}
    world.client("ecr", environment).set_repository_policy(repositoryName=repository, policyText=json.dumps(policy))


def stage_has(**fields: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        for stage in document["applications"][APPLICATION]["stages"].values():
            stage.update(fields)

    return change


def promote_image(world: World, image: str, stage: str = "qa") -> ExecutionResult:
    return world.promote(world.model(container=world.container("with-its-image", Image=image)), stage)


def image_of(world: World, ended: ExecutionResult, environment: str = "qa") -> str:
    model = world.client("sagemaker", environment).describe_model(ModelName=ended.model)
    image: str = model["PrimaryContainer"]["Image"]
    return image


def test_awss_own_image_is_pinned_to_what_its_tag_means(world: World) -> None:
    ended = world.promote_successfully(world.model())
    name, _, digest = image_of(world, ended).partition("@")
    assert name == IMAGE.partition(":")[0]
    registry = {"registryId": IMAGE.partition(".")[0], "repositoryName": "sagemaker-scikit-learn"}
    asked = world.client("ecr", "qa").batch_get_image(**registry, imageIds=[{"imageTag": IMAGE.rpartition(":")[2]}])
    assert digest == asked["images"][0]["imageId"]["imageDigest"]


def test_a_built_in_algorithm_that_only_sagemaker_may_pull_is_promoted_as_it_is(world: World) -> None:
    algorithm = "811284229777.dkr.ecr.us-east-1.amazonaws.com/blazingtext:1"
    ended = promote_image(world, algorithm)
    assert ended.status == "SUCCEEDED", ended.cause
    assert image_of(world, ended) == algorithm


def test_a_serverless_stage_is_told_before_anything_is_made_that_it_cannot_take_an_image_of_another_account(
    world: World, repository: str, deployed_settings: Settings
) -> None:
    push(world.client("ecr", "dev"), repository, [b"a layer"], tag="1")
    allows_pull(world, "dev", repository, "333333333333")
    before = world.resources_in("qa"), world.artifacts_in("qa")
    with world.configured(stage_has(copy_images=False, endpoint_config=SERVERLESS), deployed_settings):
        ended = promote_image(world, f"{image_uri('222222222222', repository)}:1")
    assert ended.error == "PreflightFailed"
    assert "let the application copy its images (`copy_images: true`)" in ended.cause
    assert (world.resources_in("qa"), world.artifacts_in("qa")) == before


def test_a_private_image_is_pulled_across_accounts_where_its_repository_allows_it(
    world: World, repository: str, deployed_settings: Settings
) -> None:
    digest = push(world.client("ecr", "dev"), repository, [b"a layer"], tag="1")
    allows_pull(world, "dev", repository, "333333333333")
    own = image_uri("222222222222", repository)
    with world.configured(stage_has(copy_images=False), deployed_settings):
        ended = promote_image(world, f"{own}:1")

    assert ended.status == "SUCCEEDED", ended.cause
    assert image_of(world, ended) == f"{own}@{digest}"
    assert ended.output["images_copied"] == []


def test_a_private_image_that_may_not_be_pulled_stops_the_promotion_before_anything_is_made(
    world: World, repository: str, deployed_settings: Settings
) -> None:
    push(world.client("ecr", "dev"), repository, [b"a layer"], tag="1")
    before = world.resources_in("qa"), world.artifacts_in("qa")
    with world.configured(stage_has(copy_images=False), deployed_settings):
        ended = promote_image(world, f"{image_uri('222222222222', repository)}:1")

    assert ended.error == "ImageNotAccessible"
    for words in ("promote-qa-deployer", repository, "arn:aws:iam::333333333333:root", "promote-qa-execution"):
        assert words in ended.cause
    assert (world.resources_in("qa"), world.artifacts_in("qa")) == before


def test_an_image_that_is_missing_is_refused_in_the_source(world: World, repository: str) -> None:
    ecr, image = world.client("ecr", "dev"), f"{image_uri('222222222222', repository)}:1"
    push(ecr, repository, [b"a layer"], tag="1")
    made = world.model(container=world.container("gone", Image=image))
    ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageTag": "1"}])
    ended = world.promote(made)
    assert (ended.error, world.states(ended.arn)[1:3]) == (
        "ImageNotFound",
        ["Resolve the model", "Explain the failure"],
    )
    assert ended.error == "ImageNotFound"
    assert world.states(ended.arn)[1:3] == ["Resolve the model", "Explain the failure"]


def test_a_tag_that_moved_since_makes_another_model(world: World, repository: str) -> None:
    dev, image = world.client("ecr", "dev"), f"{image_uri('222222222222', repository)}:1"
    made = world.model(container=world.container("moved", Image=image))
    push(dev, repository, [b"first"], tag="1")
    first = world.promote_successfully(made)
    second_digest = push(dev, repository, [b"second"], tag="1")
    second = world.promote_successfully(made)
    assert first.model != second.model
    assert image_of(world, second).endswith(second_digest)


def test_a_mapped_image_is_taken_from_where_the_stage_has_it(
    world: World, repository: str, deployed_settings: Settings
) -> None:
    digest = push(world.client("ecr", "dev"), repository, [b"a layer"], tag="1")
    tools = world.sandbox.client("ecr", TOOLS)
    assert push(tools, "mirror", [b"a layer"]) == digest
    own, mirror = image_uri("222222222222", repository), image_uri(TOOLS, "mirror")
    policy = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::333333333333:root"}, "Action": PULL}
    tools.set_repository_policy(
        repositoryName="mirror", policyText=json.dumps({"Version": "2012-10-17", "Statement": [policy]})
    )
    with world.configured(stage_has(images={own: mirror}), deployed_settings):
        ended = promote_image(world, f"{own}:1")
        push(world.client("ecr", "dev"), repository, [b"not mirrored"], tag="1")
        refused = promote_image(world, f"{own}:1")

    assert ended.status == "SUCCEEDED", ended.cause
    assert image_of(world, ended) == f"{mirror}@{digest}"
    assert (refused.error, f"{mirror}@" in refused.cause) == ("ImageNotFound", True)


# Copies


def test_a_private_image_is_copied_into_the_targets_registry_and_taken_from_there(
    world: World, repository: str
) -> None:
    layers = [os.urandom(25 * MIB), b"a small layer"]
    digest = push(world.client("ecr", "dev"), repository, layers, tag="1")
    ended = promote_image(world, f"{image_uri('222222222222', repository)}:1")

    copy = f"{image_uri('333333333333', f'promote/{repository}')}@{digest}"
    assert ended.status == "SUCCEEDED", ended.cause
    assert (image_of(world, ended), ended.output["images_copied"]) == (copy, [copy])
    asked = world.client("ecr", "qa").batch_check_layer_availability(
        repositoryName=f"promote/{repository}", layerDigests=[sha256(layer) for layer in layers]
    )
    assert [(layer["layerAvailability"], layer["layerSize"]) for layer in asked["layers"]] == [
        ("AVAILABLE", 25 * MIB),
        ("AVAILABLE", 13),
    ]
    assert world.invoke("qa")["model"] == "with-its-image"


def test_a_second_promotion_of_an_image_copies_nothing(world: World, repository: str) -> None:
    push(world.client("ecr", "dev"), repository, [b"a layer"], tag="1")
    image = f"{image_uri('222222222222', repository)}:1"
    first = promote_image(world, image)
    second = promote_image(world, image)
    assert [result.status for result in (first, second)] == ["SUCCEEDED", "SUCCEEDED"]
    assert (len(first.output["images_copied"]), second.output["images_copied"]) == (1, [])
    assert second.model != first.model


def test_a_copy_that_was_killed_before_its_end_is_ended_by_the_next_run(world: World, repository: str) -> None:
    """What a killed run leaves behind is a repository with layers and without the image."""
    dev, qa = world.client("ecr", "dev"), world.client("ecr", "qa")
    digest = push(dev, repository, [b"first", b"second"], tag="1")
    ended = promote_image(world, f"{image_uri('222222222222', repository)}:1")
    promotion = input_of(world, ended.arn, "Copy the images")
    qa.batch_delete_image(repositoryName=f"promote/{repository}", imageIds=[{"imageDigest": digest}])

    assert run(world, Step.COPY_IMAGE, promotion, index=0) == {}
    assert len(qa.batch_get_image(repositoryName=f"promote/{repository}", imageIds=[{"imageDigest": digest}])["images"])
    assert run(world, Step.COPY_IMAGE, promotion, index=0) == {}


def test_an_image_for_several_platforms_is_copied_with_all_of_them(world: World, repository: str) -> None:
    dev = world.client("ecr", "dev")
    images = [push(dev, repository, [layer]) for layer in (b"arm", b"intel")]
    index = push_index(dev, repository, images, tag="1")
    ended = promote_image(world, f"{image_uri('222222222222', repository)}:1")

    assert image_of(world, ended).endswith(index)
    asked = world.client("ecr", "qa").batch_get_image(
        repositoryName=f"promote/{repository}", imageIds=[{"imageDigest": digest} for digest in (index, *images)]
    )
    assert len(asked["images"]) == 3


def test_production_gets_a_copy_of_qas_copy(world: World, repository: str) -> None:
    digest = push(world.client("ecr", "dev"), repository, [b"a layer"], tag="1")
    in_qa = promote_image(world, f"{image_uri('222222222222', repository)}:1")
    ended = world.wait(world.start(application=APPLICATION, stage="production", model_name=in_qa.model))

    assert ended.status == "SUCCEEDED", ended.cause
    copy = f"{image_uri('444444444444', f'promote/{repository}', 'eu-west-1')}@{digest}"
    assert image_of(world, ended, "production") == copy


def test_a_copy_that_was_deleted_is_made_again_although_the_endpoint_serves(world: World, repository: str) -> None:
    digest = push(world.client("ecr", "dev"), repository, [b"a layer"], tag="1")
    made = world.model(container=world.container(Image=f"{image_uri('222222222222', repository)}:1"))
    world.promote_successfully(made)
    copy: dict[str, Any] = {"repositoryName": f"promote/{repository}", "imageIds": [{"imageDigest": digest}]}
    world.client("ecr", "qa").batch_delete_image(**copy)
    world.promote_successfully(made)
    assert len(world.client("ecr", "qa").batch_get_image(**copy)["images"]) == 1
