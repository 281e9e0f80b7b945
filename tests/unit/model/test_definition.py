"""What a model consists of, and the request that makes it again."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from lambdas.promotion.contract.errors import PromotionError, UnsupportedModel
from lambdas.promotion.model import definition
from lambdas.promotion.model.s3_uris import S3Reference, S3ReferenceKind
from tests.unit.builders import CONTAINER, IMAGE, SOURCE_URI, WEIGHTS_URI, described, model_definition, pipeline

ROLE = "arn:aws:iam::333333333333:role/promote-qa-execution"
PREFIX_URI = "s3://models/llm/"


def tree(uri: str = PREFIX_URI, **fields: Any) -> dict[str, Any]:
    """Return a data source of files below a prefix."""
    return {"S3DataSource": {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None", **fields}}


def references(**container: Any) -> dict[str, S3Reference]:
    """Return the references of a model with one container, without its usual model data and variables."""
    return {
        reference.uri: reference
        for reference in model_definition(**{"ModelDataUrl": "", "Environment": {}, **container}).s3_references
    }


# S3 URIs, wherever they are


def test_s3_uris_are_found_in_the_model_data_and_in_the_variables() -> None:
    assert model_definition().s3_references == (
        S3Reference(uri=WEIGHTS_URI, kind=S3ReferenceKind.OBJECT, location="PrimaryContainer.ModelDataUrl"),
        S3Reference(
            uri=SOURCE_URI,
            kind=S3ReferenceKind.OBJECT,
            location="PrimaryContainer.Environment.SAGEMAKER_SUBMIT_DIRECTORY",
            variable="SAGEMAKER_SUBMIT_DIRECTORY",
        ),
    )


def test_the_s3_uris_of_every_container_are_found_with_their_paths() -> None:
    second = {"Image": IMAGE, "Environment": {"HF_MODEL_ID": PREFIX_URI}}
    locations = [reference.location for reference in pipeline(CONTAINER, second).s3_references]
    assert locations == [
        "Containers[0].ModelDataUrl",
        "Containers[0].Environment.SAGEMAKER_SUBMIT_DIRECTORY",
        "Containers[1].Environment.HF_MODEL_ID",
    ]


def test_an_s3_uri_that_occurs_twice_is_listed_once() -> None:
    assert list(
        references(ModelDataUrl=WEIGHTS_URI, Environment={"A": WEIGHTS_URI, "B": f"{WEIGHTS_URI}, {WEIGHTS_URI}"})
    ) == [WEIGHTS_URI]


def test_a_container_without_model_data_has_no_s3_uris() -> None:
    assert references() == {}


@pytest.mark.parametrize(
    ("form", "kind", "as_files"),
    [
        (("S3Prefix", "None"), S3ReferenceKind.PREFIX, True),
        (("S3Prefix", "Gzip"), S3ReferenceKind.PREFIX, False),
        (("S3Object", "None"), S3ReferenceKind.OBJECT, False),
        (("S3Object", "Gzip"), S3ReferenceKind.OBJECT, False),
    ],
)
def test_a_data_source_declares_what_is_stored_there(
    form: tuple[str, str], kind: S3ReferenceKind, as_files: bool
) -> None:
    uri = PREFIX_URI if kind is S3ReferenceKind.PREFIX else WEIGHTS_URI
    source = tree(uri, S3DataType=form[0], CompressionType=form[1])
    reference = references(ModelDataSource=source)[uri]
    assert (reference.kind, reference.as_files) == (kind, as_files)


def test_a_manifest_and_each_additional_data_source_are_found() -> None:
    extra = [{"ChannelName": "draft", **tree("s3://models/draft/")}, {"ChannelName": "lora", **tree("s3://models/l/")}]
    by_uri = references(
        ModelDataSource=tree(ManifestS3Uri="s3://models/manifest.csv", ManifestEtag="mm"),
        AdditionalModelDataSources=extra,
    )
    assert {uri: reference.location for uri, reference in by_uri.items()} == {
        PREFIX_URI: "PrimaryContainer.ModelDataSource.S3DataSource.S3Uri",
        "s3://models/manifest.csv": "PrimaryContainer.ModelDataSource.S3DataSource.ManifestS3Uri",
        "s3://models/draft/": "PrimaryContainer.AdditionalModelDataSources[0].S3DataSource.S3Uri",
        "s3://models/l/": "PrimaryContainer.AdditionalModelDataSources[1].S3DataSource.S3Uri",
    }
    manifest = by_uri["s3://models/manifest.csv"]
    assert (manifest.kind, manifest.etag) == (S3ReferenceKind.MANIFEST, "mm")


@pytest.mark.parametrize("url", ["s3://models/many/", "s3://models/many", "s3://models/X"])
def test_the_models_of_a_multi_model_container_are_stored_below_its_s3_uri(url: str) -> None:
    assert references(Mode="MultiModel", ModelDataUrl=url)[url].kind is S3ReferenceKind.PREFIX


@pytest.mark.parametrize("url", ["https://x/model.tar.gz", "s3://bucket/prefix/", "s3://bucket", "s3://B/k", " s3://b"])
def test_model_data_that_is_no_object_is_refused(url: str) -> None:
    with pytest.raises(UnsupportedModel, match=rf"ModelDataUrl \('{url}' is not the S3 URI of one object"):
        model_definition(ModelDataUrl=url)


def test_a_signed_url_is_refused_without_its_signature() -> None:
    url = "https://models.s3.amazonaws.com/a"
    with pytest.raises(UnsupportedModel, match=rf"ModelDataUrl \('{url}' is not") as refused:
        model_definition(ModelDataUrl=f"{url}?X-Amz-Signature=0a1b2c")
    assert "0a1b2c" not in str(refused.value)


@pytest.mark.parametrize(
    ("container", "uris"),
    [
        ({"ModelDataUrl": "https://s3.amazonaws.com/models/a.tar.gz"}, {"s3://models/a.tar.gz"}),
        ({"ModelDataUrl": "https://s3.amazonaws.com/models/many", "Mode": "MultiModel"}, {"s3://models/many"}),
        ({"ModelDataSource": tree("https://models.s3.amazonaws.com/llm/")}, {"s3://models/llm/"}),
        (
            {"ModelDataSource": tree(ManifestS3Uri="https://s3.us-east-1.amazonaws.com/models/m.csv")},
            {PREFIX_URI, "s3://models/m.csv"},
        ),
        (
            {
                "AdditionalModelDataSources": [
                    {"ChannelName": "draft", **tree("https://models.s3.us-east-1.amazonaws.com/d/")}
                ]
            },
            {"s3://models/d/"},
        ),
    ],
)
def test_an_https_url_of_s3_is_read_as_the_s3_uri_that_it_is(container: dict[str, Any], uris: set[str]) -> None:
    """API: Url and S3ModelUri have the pattern (https|s3)://([^/]+)/?(.*)."""
    assert set(references(**container)) == uris
    carried = model_definition(**{"ModelDataUrl": "", "Environment": {}, **container}).containers
    assert "https://" not in str(carried)


def test_both_forms_of_one_object_are_the_same_model_data() -> None:
    source = {"S3DataType": "S3Object", "CompressionType": "Gzip", "S3Uri": "s3://models/a.tar.gz"}
    url = "https://models.s3.us-east-1.amazonaws.com/a.tar.gz"
    (container,) = model_definition(ModelDataUrl=url, ModelDataSource={"S3DataSource": source}).containers
    assert container["ModelDataUrl"] == "s3://models/a.tar.gz"
    assert "ModelDataSource" not in container


@pytest.mark.parametrize("uri", ["s3://models/llm", "s3://models/", "https://models.s3.amazonaws.com/llm"])
def test_a_prefix_that_is_none_is_refused(uri: str) -> None:
    with pytest.raises(UnsupportedModel, match=r"ModelDataSource\.S3DataSource\.S3Uri"):
        references(ModelDataSource=tree(uri))


@pytest.mark.parametrize("url", ["s3://models", "s3://models/", "https://models/many"])
def test_multi_model_data_that_is_no_prefix_is_refused(url: str) -> None:
    with pytest.raises(UnsupportedModel, match="ModelDataUrl"):
        references(Mode="MultiModel", ModelDataUrl=url)


def test_an_s3_uri_cannot_be_an_object_and_a_prefix() -> None:
    with pytest.raises(UnsupportedModel, match="cannot be OBJECT and PREFIX at once"):
        pipeline({"Image": IMAGE, "ModelDataUrl": "s3://models/a"}, many("s3://models/a"))


def many(url: str) -> dict[str, Any]:
    return {"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": url}


# Pins


def test_an_etag_pins_the_source_and_is_not_sent_on() -> None:
    source = tree(WEIGHTS_URI, S3DataType="S3Object", ETag="aa")
    model = model_definition(ModelDataUrl="", ModelDataSource=source, Environment={})
    assert [reference.etag for reference in model.s3_references] == ["aa"]
    assert "ETag" not in str(model.containers)


def test_a_prefix_cannot_be_pinned_to_an_etag() -> None:
    with pytest.raises(UnsupportedModel, match="a prefix has none"):
        references(ModelDataSource=tree(ETag="aa"))


# One of two forms: SageMaker shows a tarball as a ModelDataUrl and as a ModelDataSource


def test_a_tarball_in_both_forms_is_a_model_data_url() -> None:
    source = tree(WEIGHTS_URI, S3DataType="S3Object", CompressionType="Gzip", ETag="aa")
    model = model_definition(ModelDataSource=source)
    assert model.containers[0]["ModelDataUrl"] == WEIGHTS_URI
    assert "ModelDataSource" not in model.containers[0]
    assert model.s3_references[0].etag == "aa"


def test_a_tarball_beside_additional_data_stays_a_model_data_source() -> None:
    """API: AdditionalModelDataSources are in addition to the ModelDataSource."""
    source = tree(WEIGHTS_URI, S3DataType="S3Object", CompressionType="Gzip")
    extra = [{"ChannelName": "draft", **tree("s3://models/draft/")}]
    model = model_definition(ModelDataSource=source, AdditionalModelDataSources=extra)
    assert model.containers[0]["ModelDataSource"] == source
    assert "ModelDataUrl" not in model.containers[0]


def test_files_in_both_forms_are_a_model_data_source() -> None:
    model = model_definition(ModelDataUrl=PREFIX_URI, ModelDataSource=tree())
    assert model.containers[0]["ModelDataSource"] == tree()
    assert "ModelDataUrl" not in model.containers[0]


def test_the_models_of_a_multi_model_container_in_both_forms_are_a_model_data_url() -> None:
    model = model_definition(
        Mode="MultiModel", ModelDataUrl="s3://models/llm", ModelDataSource=tree(CompressionType="Gzip")
    )
    assert model.containers[0]["ModelDataUrl"] == "s3://models/llm"
    assert "ModelDataSource" not in model.containers[0]


@pytest.mark.parametrize(("url", "uri"), [("s3://models/X/", "s3://models/X"), ("s3://models/X", "s3://models/X/")])
def test_the_models_of_a_multi_model_container_may_end_with_a_slash_in_one_form_only(url: str, uri: str) -> None:
    model = model_definition(Mode="MultiModel", ModelDataUrl=url, ModelDataSource=tree(uri))
    assert model.containers[0]["ModelDataUrl"] == url


def test_a_tarball_with_every_pin_is_a_model_data_url() -> None:
    source = tree("s3://models/X", S3DataType="S3Object", CompressionType="Gzip", ETag="aa", ManifestEtag="mm")
    model = model_definition(ModelDataUrl="s3://models/X", ModelDataSource=source)
    assert "ModelDataSource" not in model.containers[0]


def test_forms_that_disagree_are_refused() -> None:
    tarball = {"S3DataType": "S3Object", "CompressionType": "Gzip"}
    with pytest.raises(UnsupportedModel, match=r"PrimaryContainer\.ModelDataSource \(.*but ModelDataUrl is"):
        model_definition(ModelDataSource=tree(SOURCE_URI, **tarball))
    with pytest.raises(UnsupportedModel, match="but ModelDataUrl is"):
        model_definition(ModelDataUrl=f"{WEIGHTS_URI}/", ModelDataSource=tree(WEIGHTS_URI, **tarball))


def test_an_unknown_compression_is_refused_by_its_field() -> None:
    """API: S3ModelDataSource, CompressionType: None or Gzip."""
    field = "PrimaryContainer.ModelDataSource.S3DataSource.CompressionType"
    with pytest.raises(UnsupportedModel, match=f"{field} Zip"):
        references(ModelDataSource=tree(CompressionType="Zip"))


def test_a_data_source_without_an_s3_uri_is_refused_by_its_field() -> None:
    field = r"PrimaryContainer\.ModelDataSource\.S3DataSource\.S3Uri \(it names no model data\)"
    with pytest.raises(UnsupportedModel, match=f"lacks what an endpoint needs: {field}"):
        model_definition(ModelDataSource={"S3DataSource": {"S3DataType": "S3Prefix", "CompressionType": "None"}})


# SageMaker's API requires neither a container of a model nor an image of a container.


@pytest.mark.parametrize("container", [None, {}])
def test_a_model_without_a_container_is_refused_not_a_crash(container: Any) -> None:
    with pytest.raises(PromotionError, match="has no container"):
        definition.of_model({**described(), "PrimaryContainer": container}, {}, subject="it")


def test_a_model_without_an_image_is_refused_not_a_crash() -> None:
    with pytest.raises(PromotionError, match=r"PrimaryContainer\.Image"):
        model_definition(Image="")


def test_a_pipeline_with_an_empty_container_is_refused_with_its_position() -> None:
    with pytest.raises(PromotionError, match=r"Containers\[1\]"):
        pipeline(CONTAINER, {})


def test_more_containers_than_sagemaker_allows_are_refused() -> None:
    with pytest.raises(UnsupportedModel, match="16; SageMaker allows 15"):
        pipeline(*[CONTAINER] * 16)


def test_only_images_of_ecr_are_resolved() -> None:
    private = {"Image": "registry.example.com/a:1", "ImageConfig": {"RepositoryAccessMode": "Vpc"}}
    assert pipeline(CONTAINER, private, CONTAINER).images == (IMAGE,)


# The request


def copied(model: definition.Definition) -> dict[str, str]:
    uris = [reference.uri for reference in model.s3_references]
    return {uri: uri.replace(uri.split("/")[2], "target") for uri in uris}


def request_of(model: definition.Definition) -> dict[str, Any]:
    return definition.create_model_request(model, copied(model), name="n", execution_role_arn=ROLE)


def test_every_s3_uri_in_the_request_is_that_of_its_copy() -> None:
    assert request_of(model_definition()) == {
        "ModelName": "n",
        "ExecutionRoleArn": ROLE,
        "EnableNetworkIsolation": False,
        "PrimaryContainer": {
            "Image": IMAGE,
            "ModelDataUrl": "s3://target/v7/model.tar.gz",
            "Environment": {
                "SAGEMAKER_SUBMIT_DIRECTORY": "s3://target/v7/sourcedir.tar.gz",
                "SAGEMAKER_PROGRAM": "inference.py",
            },
        },
    }


def test_a_pipeline_comes_again_in_the_same_form() -> None:
    rich = {
        "Image": IMAGE,
        "ContainerHostname": "second",
        "ModelDataSource": tree(ManifestS3Uri="s3://models/m.csv", ModelAccessConfig={"AcceptEula": True}),
        "AdditionalModelDataSources": [{"ChannelName": "draft", **tree("s3://models/draft/")}],
        "Environment": {"CONFIG": '{"adapters": ["s3://models/x", "s3://models/y/"]}', "EMPTY": ""},
    }
    many_models = {**many("s3://models/many/"), "MultiModelConfig": {"ModelCacheSetting": "Disabled"}}
    request = request_of(pipeline(rich, many_models, InferenceExecutionConfig={"Mode": "Direct"}))
    assert request["InferenceExecutionConfig"] == {"Mode": "Direct"}
    assert str(request["Containers"]) == str([rich, many_models]).replace("s3://models/", "s3://target/")


def test_a_list_of_one_container_stays_a_list() -> None:
    assert set(request_of(pipeline(CONTAINER))) >= {"Containers"}


def test_s3_uris_that_become_too_long_are_refused_with_their_paths() -> None:
    extra = {"ChannelName": "draft", **tree("s3://models/draft/", ManifestS3Uri="s3://models/m.csv")}
    model = model_definition(
        Environment={"A": "s3://models/a", "B": "x"}, ModelDataUrl=WEIGHTS_URI, AdditionalModelDataSources=[extra]
    )
    far = dict.fromkeys(copied(model), f"s3://target/{'k' * 1024}")
    with pytest.raises(UnsupportedModel) as refused:
        definition.create_model_request(model, far, name="n", execution_role_arn=ROLE)
    assert "PrimaryContainer.Environment.A (1036 bytes" in str(refused.value)
    assert "PrimaryContainer.ModelDataUrl (1036 characters" in str(refused.value)
    source = "PrimaryContainer.AdditionalModelDataSources[0].S3DataSource"
    for field in ("S3Uri", "ManifestS3Uri"):
        assert f"{source}.{field} (1036 characters" in str(refused.value)
    assert "Environment.B" not in str(refused.value)


def test_variables_of_all_containers_together_have_32_kilobytes() -> None:
    large = {"Image": IMAGE, "Environment": {f"V{number:02}": "x" * 1021 for number in range(16)}}
    assert request_of(pipeline(large, large))
    with pytest.raises(UnsupportedModel, match="32769 bytes in all"):
        request_of(pipeline(large, replace_in(large, "V00", "x" * 1022)))


def replace_in(container: dict[str, Any], variable: str, value: str) -> dict[str, Any]:
    return {**container, "Environment": {**container["Environment"], variable: value}}


def test_a_model_that_was_read_is_not_changed_by_the_request() -> None:
    model = pipeline({"Image": IMAGE, "ModelDataSource": tree(), "Environment": {"A": PREFIX_URI}})
    before = deepcopy(model)
    request_of(model)
    assert model == before


def test_sagemakers_answer_is_not_changed_by_being_read() -> None:
    response = described(ModelDataUrl="", ModelDataSource=tree(WEIGHTS_URI, S3DataType="S3Object", ETag="aa"))
    before = deepcopy(response)
    definition.of_model(response, {}, subject="it")
    assert response == before
