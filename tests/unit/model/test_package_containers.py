"""Models of the registry: a version that is promoted itself, and models that are made from versions."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.promotion.contract.errors import PromotionError, UnsupportedModel
from lambdas.promotion.model import definition
from lambdas.promotion.model.definition import Definition
from tests.unit.builders import (
    CONTAINER,
    DEV,
    IMAGE,
    QA,
    SOURCE_URI,
    STAGE,
    VERSION,
    WEIGHTS_URI,
    described,
    package,
    pipeline,
)

OTHER = VERSION.replace("/7", "/8")
FIRST = {"Image": f"{IMAGE}.1", "ContainerHostname": "first"}
SECOND = {"Image": f"{IMAGE}.2", "ContainerHostname": "second"}


def of(*containers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return DescribeModelPackage's response with these containers."""
    return {"InferenceSpecification": {"Containers": list(containers)}, **fields}


def made_from(version: dict[str, Any], **container: Any) -> Definition:
    """Return a model whose only container names the version."""
    model = {**described(), "PrimaryContainer": {"ModelPackageName": VERSION, **container}}
    return definition.of_model(model, {VERSION: version}, subject="it")


def etags(result: Definition) -> dict[str, str | None]:
    return {reference.uri: reference.etag for reference in result.s3_references if reference.etag}


def test_a_version_with_one_container_becomes_a_primary_container() -> None:
    result = definition.of_package(package(), subject="it")
    assert (result.containers, result.in_list) == ((CONTAINER,), False)


def test_a_version_with_several_containers_becomes_a_list_in_their_order() -> None:
    result = definition.of_package(of(FIRST, SECOND), subject="it")
    assert (result.containers, result.in_list) == ((FIRST, SECOND), True)


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ({"SourceUri": "s3://runs/7"}, "the version names no image, only where it comes from: SourceUri s3://runs/7"),
        (
            {"SourceUri": "models:/reviews/7", "InferenceSpecification": {"Containers": []}},
            "SourceUri models:/reviews/7",
        ),
        ({}, "InferenceSpecification.Containers (the version names no image)"),
    ],
)
def test_a_version_without_containers_is_told_what_it_lacks_and_what_to_do(
    version: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UnsupportedModel) as refused:
        definition.of_package(version, subject="it")
    message = str(refused.value)
    assert reason in message
    assert message.startswith("it lacks what an endpoint needs: ")
    assert message.endswith("Register the model, or a version, with its image and model data.")
    assert "without them" not in message


def test_an_image_that_is_missing_is_told_beside_fields_that_are_not_supported() -> None:
    with pytest.raises(UnsupportedModel) as refused:
        definition.of_package(of({"ProductId": "p", "ContainerHostname": "h"}), subject="it")
    message = str(refused.value)
    assert "ProductId" in message
    assert "PrimaryContainer.Image (the container has no image)" in message
    assert message.endswith("Register the model without them and with what is missing.")


def test_the_registered_image_digest_replaces_the_tag() -> None:
    result = definition.of_package(package(ImageDigest="sha256:ab"), subject="it")
    assert result.images == (f"{IMAGE.removesuffix(':1.2')}@sha256:ab",)


@pytest.mark.parametrize(
    ("image", "pinned"),
    [
        ("registry:5000/team/model", "registry:5000/team/model@sha256:ab"),
        ("registry:5000/team/model:1", "registry:5000/team/model@sha256:ab"),
        ("team/model@sha256:cd", "team/model@sha256:cd"),
    ],
)
def test_a_registrys_port_is_not_taken_for_a_tag(image: str, pinned: str) -> None:
    assert definition.of_package(package(Image=image, ImageDigest="sha256:ab"), subject="it").images == (pinned,)


def test_the_registered_etag_pins_the_model_data() -> None:
    assert etags(definition.of_package(package(ModelDataETag="aa"), subject="it")) == {WEIGHTS_URI: "aa"}


@pytest.mark.parametrize("compression", ["Gzip", "None"])
def test_the_registered_etag_pins_the_model_data_also_of_a_data_source(compression: str) -> None:
    source = {"S3Uri": WEIGHTS_URI, "S3DataType": "S3Object", "CompressionType": compression}
    version = package(ModelDataUrl=None, ModelDataETag="aa", ModelDataSource={"S3DataSource": source})
    result = definition.of_package(version, subject="it")
    assert etags(result) == {WEIGHTS_URI: "aa"}
    assert "aa" not in str(result.containers)


def test_the_registered_etag_is_that_of_the_model_data_not_of_additional_data() -> None:
    def source(uri: str) -> dict[str, Any]:
        return {"S3DataSource": {"S3Uri": uri, "S3DataType": "S3Object", "CompressionType": "None"}}

    extra = [{"ChannelName": "draft", **source(SOURCE_URI)}]
    data = {"ModelDataUrl": None, "ModelDataSource": source(WEIGHTS_URI), "AdditionalModelDataSources": extra}
    result = definition.of_package(package(ModelDataETag="aa", Environment={}, **data), subject="it")
    etags_by_uri = {reference.uri: reference.etag for reference in result.s3_references}
    assert etags_by_uri == {WEIGHTS_URI: "aa", SOURCE_URI: None}


def test_each_container_has_its_own_etag() -> None:
    containers = ({**CONTAINER, "ModelDataUrl": uri, "ModelDataETag": uri[-9:]} for uri in (WEIGHTS_URI, SOURCE_URI))
    assert etags(definition.of_package(of(*containers), subject="it")) == {
        WEIGHTS_URI: WEIGHTS_URI[-9:],
        SOURCE_URI: SOURCE_URI[-9:],
    }


@pytest.mark.parametrize("version", [{}, of(), {"InferenceSpecification": {}}])
def test_a_version_without_containers_is_refused_not_a_crash(version: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedModel, match="InferenceSpecification"):
        definition.of_package(version, subject="it")


def test_a_version_without_an_image_is_refused_not_a_crash() -> None:
    with pytest.raises(PromotionError, match="Image"):
        definition.of_package(of({"ModelDataUrl": WEIGHTS_URI}), subject="it")


# Models made from versions


def test_a_models_own_variables_go_before_its_versions() -> None:
    result = made_from(package(Environment={"LOG": "info", "MODE": "a"}), Environment={"LOG": "debug"})
    assert result.containers[0]["Environment"] == {"LOG": "debug", "MODE": "a"}


def test_a_model_of_a_version_with_several_containers_has_all_of_them() -> None:
    result = made_from(of(FIRST, SECOND))
    assert (result.containers, result.in_list) == ((FIRST, SECOND), True)


@pytest.mark.parametrize("own", [{"Environment": {"A": "1"}}, {"ContainerHostname": "x"}], ids="-".join)
def test_what_belongs_to_one_of_several_containers_is_refused(own: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedModel, match=f"{next(iter(own))} \\(the package has 2 containers"):
        made_from(of(FIRST, SECOND), **own)


def test_a_model_may_be_made_from_several_versions() -> None:
    packages = {VERSION: of(FIRST), OTHER: of(SECOND)}
    containers = [{"ModelPackageName": OTHER}, {"ModelPackageName": VERSION, "ContainerHostname": "x"}]
    response = {**described(), "PrimaryContainer": None, "Containers": containers}
    result = definition.of_model(response, packages, subject="it")
    assert result.containers == (SECOND, {**FIRST, "ContainerHostname": "x"})


def test_versions_and_containers_of_their_own_stand_beside_each_other() -> None:
    response = {**described(), "PrimaryContainer": None, "Containers": [CONTAINER, {"ModelPackageName": VERSION}]}
    assert definition.of_model(response, {VERSION: of(FIRST)}, subject="it").containers == (CONTAINER, FIRST)


def test_a_version_with_several_containers_among_others_is_refused() -> None:
    response = {**described(), "PrimaryContainer": None, "Containers": [{"ModelPackageName": VERSION}, CONTAINER]}
    with pytest.raises(UnsupportedModel, match=r"Containers\[0\]\.ModelPackageName"):
        definition.of_model(response, {VERSION: of(FIRST, SECOND)}, subject="it")


def test_an_inference_specification_is_chosen_by_its_name() -> None:
    more = [{"Name": "fast", "Containers": [SECOND]}, {"Name": "small", "Containers": [FIRST]}]
    version = of(CONTAINER, AdditionalInferenceSpecifications=more)
    assert made_from(version, InferenceSpecificationName="small").containers == (FIRST,)
    assert made_from(version).containers == (CONTAINER,)


def test_an_inference_specification_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnsupportedModel, match=r"AdditionalInferenceSpecifications\[small\]"):
        made_from(package(), InferenceSpecificationName="small")


def test_an_inference_specification_without_a_version_is_refused() -> None:
    with pytest.raises(UnsupportedModel, match="InferenceSpecificationName"):
        pipeline({**CONTAINER, "InferenceSpecificationName": "small"})


@pytest.mark.parametrize("digest", [f"SHA256:{'AB' * 32}", f"sha256:{'ab' * 32}"])
def test_the_digest_of_a_version_is_read_in_any_letter_case(digest: str) -> None:
    model = definition.of_package(package(ImageDigest=digest), subject="it")
    adapted = definition.for_stage(model, stage=STAGE, source=DEV, target=QA, digests={}, subject="it")
    assert adapted.containers[0]["Image"].endswith(f"@sha256:{'ab' * 32}")
