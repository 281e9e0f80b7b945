"""What a model consists of, its digest, and the request that makes it again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambdas.promotion import definition
from lambdas.promotion.document import Artifact
from lambdas.promotion.errors import PromotionError, UnsupportedModel
from tests.unit.given import (
    CONTAINER,
    IMAGE,
    OBJECTS,
    SOURCE_URI,
    VERSION,
    WEIGHTS,
    WEIGHTS_URI,
    defined,
    described,
    package,
)

ROLE = "arn:aws:iam::333333333333:role/promote-qa-execution"

# Artifacts, wherever their addresses stand


def test_artifacts_are_found_in_the_model_data_and_in_the_environment() -> None:
    assert defined().artifact_uris == (WEIGHTS_URI, SOURCE_URI)


def test_an_object_that_is_named_twice_is_one_artifact() -> None:
    assert defined(Environment={"A": WEIGHTS_URI, "B": WEIGHTS_URI}).artifact_uris == (WEIGHTS_URI,)


def test_a_container_without_model_data_has_no_artifacts() -> None:
    assert defined(ModelDataUrl="", Environment={}).artifact_uris == ()


@pytest.mark.parametrize(
    "url", ["https://x/model.tar.gz", "s3://bucket/prefix/", "s3://bucket", "s3://B/k", " s3://b/k"]
)
def test_model_data_that_is_no_object_is_refused(url: str) -> None:
    with pytest.raises(UnsupportedModel, match="ModelDataUrl"):
        defined(ModelDataUrl=url)


@pytest.mark.parametrize(
    "value",
    [
        "s3://bucket/folder/",
        "s3://bucket",
        "s3://bucket/a,s3://bucket/b",
        "s3://bucket/a s3://bucket/b",
        "s3://bucket/a\n",
        '{"config": "s3://bucket/a"}',
        "--model=s3://bucket/a",
        "s3://Bucket/a",
        " s3://bucket/a",
    ],
)
def test_a_variable_that_holds_more_than_one_objects_address_is_refused(value: str) -> None:
    with pytest.raises(UnsupportedModel, match=r"Environment\.CONFIG"):
        defined(Environment={"CONFIG": value})


@pytest.mark.parametrize(
    "value",
    [
        "S3://bucket/a",
        "s3a://bucket/a",
        "arn:aws:s3:::bucket/a",
        "https://bucket.s3.us-east-1.amazonaws.com/a",
    ],
)
def test_a_variable_that_points_into_the_source_account_is_not_carried_unnoticed(value: str) -> None:
    with pytest.raises(UnsupportedModel, match=r"Environment\.CONFIG"):
        defined(Environment={"CONFIG": value})


# A model package


def test_the_registered_image_digest_replaces_the_tag() -> None:
    found = definition.of_package(package(ImageDigest="sha256:ab"), where="it")
    assert found.container["Image"] == f"{IMAGE.removesuffix(':1.2')}@sha256:ab"


def test_a_registrys_port_is_not_taken_for_a_tag() -> None:
    found = definition.of_package(package(Image="registry:5000/team/model", ImageDigest="sha256:ab"), where="it")
    assert found.container["Image"] == "registry:5000/team/model@sha256:ab"


def test_the_registered_etag_is_kept_for_the_check() -> None:
    assert definition.of_package(package(ModelDataETag="aa"), where="it").pinned_etags == {WEIGHTS_URI: "aa"}


def test_the_registered_etag_is_kept_also_if_the_tarball_is_a_model_data_source() -> None:
    version = package(
        ModelDataETag="aa",
        ModelDataSource={
            "S3DataSource": {"S3Uri": WEIGHTS_URI, "S3DataType": "S3Object", "CompressionType": "Gzip"},
        },
    )
    del version["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    assert definition.of_package(version, where="it").pinned_etags == {WEIGHTS_URI: "aa"}


def test_a_models_own_variables_go_before_its_packages() -> None:
    model = {**described(), "PrimaryContainer": {"ModelPackageName": VERSION, "Environment": {"LOG": "debug"}}}
    found = definition.of_model(model, package(Environment={"LOG": "info", "MODE": "a"}), where="it")
    assert found.container["Environment"] == {"LOG": "debug", "MODE": "a"}


@pytest.mark.parametrize("containers", [[], [CONTAINER, CONTAINER]])
def test_a_package_must_have_exactly_one_container(containers: list[dict[str, Any]]) -> None:
    with pytest.raises(UnsupportedModel, match="exactly one"):
        definition.of_package({"InferenceSpecification": {"Containers": containers}}, where="it")


def test_a_package_without_inference_specification_is_refused() -> None:
    with pytest.raises(UnsupportedModel, match="InferenceSpecification"):
        definition.of_package({}, where="it")


# SageMaker's API requires neither a container of a model nor an image of a container.


def test_a_model_without_a_container_is_refused_not_a_crash() -> None:
    model = described()
    del model["PrimaryContainer"]
    with pytest.raises(PromotionError):
        definition.of_model(model, None, where="it")


def test_a_model_without_an_image_is_refused_not_a_crash() -> None:
    with pytest.raises(PromotionError):
        definition.for_region(defined(Image=""), "us-east-1", where="it")


def test_a_package_without_an_image_is_refused_not_a_crash() -> None:
    specification = {"Containers": [{"ModelDataUrl": WEIGHTS_URI}]}
    with pytest.raises(PromotionError):
        definition.of_package({"InferenceSpecification": specification}, where="it")


# Limits


@pytest.mark.parametrize(("size", "fits"), [(0, True), (5 * 1024**3, True), (5 * 1024**3 + 1, False)])
def test_an_artifact_of_more_than_five_gigabytes_is_refused(size: int, fits: bool) -> None:
    objects = {WEIGHTS_URI: replace(WEIGHTS, size=size)}
    if fits:
        definition.require_carried(objects, where="it")
        return
    with pytest.raises(UnsupportedModel, match=f"{WEIGHTS_URI} \\({size} bytes"):
        definition.require_carried(objects, where="it")


# In another Region


def test_a_model_in_another_region_has_its_image_from_there_and_keeps_the_rest() -> None:
    assert definition.for_region(defined(), "eu-south-1", where="it") == defined(
        Image=IMAGE.replace("763104351884", "692866216735").replace("us-east-1", "eu-south-1")
    )


@pytest.mark.parametrize("said", ["us-east-1", "eu-west-1", ""])
def test_a_container_that_is_told_its_region_is_told_the_targets(said: str) -> None:
    found = defined(Image="team/model", Environment={"A": "b", "SAGEMAKER_REGION": said})
    environment = definition.for_region(found, "eu-west-1", where="it").container["Environment"]
    assert environment == {"A": "b", "SAGEMAKER_REGION": "eu-west-1"}


@pytest.mark.parametrize("environment", [{}, {"A": "b"}])
def test_a_container_that_is_told_no_region_is_told_none(environment: dict[str, str]) -> None:
    found = defined(Environment=environment)
    assert definition.for_region(found, "us-east-1", where="it") == found


# The request


def test_every_address_in_the_request_is_where_the_artifact_was_copied_to() -> None:
    artifacts = {
        uri: Artifact(source=found, bucket="target", key=name)
        for (uri, found), name in zip(OBJECTS.items(), ("weights", "source"), strict=True)
    }
    request = definition.create_model_request(defined(), artifacts, name="n", execution_role_arn=ROLE)
    assert request == {
        "ModelName": "n",
        "ExecutionRoleArn": ROLE,
        "EnableNetworkIsolation": False,
        "PrimaryContainer": {
            "Image": IMAGE,
            "ModelDataUrl": "s3://target/weights",
            "Environment": {"SAGEMAKER_SUBMIT_DIRECTORY": "s3://target/source", "SAGEMAKER_PROGRAM": "inference.py"},
        },
    }
