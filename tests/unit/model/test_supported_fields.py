"""No field of a model is dropped silently: each is promoted, or refused by name, or listed here with a reason.

The fields come from botocore, at any depth, so these tests fail on the day that AWS adds one that is none of the
three.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest
from botocore.model import ListShape, Shape, StructureShape

from lambdas.promotion.contract.errors import UnsupportedModel
from lambdas.promotion.model import definition
from lambdas.promotion.model.definition import Definition
from tests.unit.builders import IMAGE, SOURCE_URI, VERSION, WEIGHTS_URI, api, described, field_names, package, value_of

# The target model has its own name, role and tags (identity.py); the others say nothing about how the model serves.
LEFT_BEHIND_OF_MODEL = {"ModelName", "ExecutionRoleArn", "ModelArn", "CreationTime", "DeploymentRecommendation"}
# Sent by us, whatever the source says, and no member of DescribeModel.
SENT_OTHERWISE = {"ModelName", "ExecutionRoleArn", "Tags"}
# They pin what the copy is compared with; they become `etag` of an address.
CHECKED = {"ETag", "ManifestEtag"}
# ImageDigest becomes part of Image and ModelDataETag is checked; the others help people to choose a version.
LEFT_BEHIND_OF_PACKAGE = {
    "ImageDigest",
    "ModelDataETag",
    "Framework",
    "FrameworkVersion",
    "NearestModelName",
    "ModelInput",
    "IsCheckpoint",
    "BaseModel",
}
TREE = {"S3Uri": "s3://models/llm/", "S3DataType": "S3Prefix", "CompressionType": "None"}
CARRIED_VALUES: dict[str, Any] = {
    "Image": IMAGE.replace("1.2", "1.4"),
    "ImageConfig": {"RepositoryAccessMode": "Platform"},
    "ModelDataUrl": SOURCE_URI,
    "ModelDataSource": {"S3DataSource": TREE},
    "AdditionalModelDataSources": [{"ChannelName": "draft", "S3DataSource": TREE}],
    "PrimaryContainer": {"Image": IMAGE},
    "Containers": [{"Image": IMAGE}],
    "S3Uri": "s3://models/another/",
    "ManifestS3Uri": "s3://models/manifest.csv",
    "HubContentArn": "arn:aws:sagemaker:us-east-1:222222222222:hub-content/hub/ModelReference/m/1.0.0",
    "RepositoryCredentialsProviderArn": "arn:aws:lambda:us-east-1:222222222222:function:login",
}
# One model in which every structure of the API stands, so that each member can be changed or added.
WHOLE: dict[str, Any] = {
    "Containers": [
        {
            "Image": IMAGE,
            "ImageConfig": {
                "RepositoryAccessMode": "Vpc",
                "RepositoryAuthConfig": {"RepositoryCredentialsProviderArn": "arn:aws:lambda:::function:before"},
            },
            "ModelDataSource": {
                "S3DataSource": {
                    **TREE,
                    "ModelAccessConfig": {"AcceptEula": False},
                    "HubAccessConfig": {"HubContentArn": "arn:before"},
                }
            },
            "AdditionalModelDataSources": [{"ChannelName": "before", "S3DataSource": {**TREE}}],
            "MultiModelConfig": {"ModelCacheSetting": "before"},
            "ContainerMetricsConfig": {"MetricsEndpoints": [{"MetricsEndpointPath": "/before"}]},
        }
    ],
    "InferenceExecutionConfig": {"Mode": "before"},
    "VpcConfig": {"SecurityGroupIds": ["sg-before"], "Subnets": ["subnet-before"]},
    "EnableNetworkIsolation": False,
}


def request_of(model_definition: Definition) -> dict[str, Any]:
    uris = {reference.uri: reference.uri for reference in model_definition.s3_references}
    return definition.create_model_request(model_definition, uris, name="n", execution_role_arn="r")


def of_model(model: Mapping[str, Any]) -> Definition:
    return definition.of_model({**described(), "PrimaryContainer": None, **model}, {}, subject="it")


def of_container(container: Mapping[str, Any]) -> Definition:
    return definition.of_model({**described(), "PrimaryContainer": dict(container)}, {}, subject="it")


def paths(shape: Shape, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of each member of a structure, at any depth; of a list, those of its first element."""
    if isinstance(shape, StructureShape):
        for name, field in shape.members.items():
            yield (*path, name)
            yield from paths(field, (*path, name))
    elif isinstance(shape, ListShape):
        yield from paths(shape.member, (*path, 0))


def changed(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """Return the whole model with another value at a path. Structures on the way are made."""
    model = deepcopy(WHOLE)
    parent: Any = model
    for part in path[:-1]:
        parent = parent[part] if isinstance(part, int) else parent.setdefault(part, {})
    parent[path[-1]] = value
    return model


def shape_at(shape: Shape, path: tuple[str | int, ...]) -> Shape:
    for part in path:
        if isinstance(shape, ListShape):
            shape = shape.member
        else:
            assert isinstance(shape, StructureShape)
            shape = shape.members[str(part)]
    return shape


INPUT = api("sagemaker").shape_for("CreateModelInput")
LEAVES = [
    path
    for path in paths(INPUT)
    if path[0] not in {*SENT_OTHERWISE, "PrimaryContainer"}
    and path[-1] != "ModelPackageName"  # it has a test of its own
    and not list(paths(shape_at(INPUT, path)))
]


def test_the_leaves_reach_into_the_depth_of_the_api() -> None:
    below = ("Containers", 0, "AdditionalModelDataSources", 0, "S3DataSource", "HubAccessConfig", "HubContentArn")
    assert below in LEAVES


@pytest.mark.parametrize("path", LEAVES, ids=lambda path: ".".join(map(str, path)))
def test_every_field_of_create_model_is_promoted_or_refused_at_any_depth(path: tuple[str | int, ...]) -> None:
    name = str(path[-1])
    values = {
        "CompressionType": "Gzip",
        "Mode": "Direct" if path[0] == "InferenceExecutionConfig" else "MultiModel",
        "S3DataType": "S3Object",
    }
    value = values.get(name) or CARRIED_VALUES.get(name) or value_at(path)
    try:
        promoted = request_of(of_model(changed(path, value))) != request_of(of_model(WHOLE))
    except UnsupportedModel as error:
        # The address of a prefix is none of an object.
        assert {"S3DataType": "S3Uri"}.get(name, name) in str(error)
        return
    assert promoted is (name not in CHECKED)


def value_at(path: tuple[str | int, ...]) -> Any:
    *parents, name = path
    shape = shape_at(INPUT, tuple(parents))
    shape = shape.member if isinstance(shape, ListShape) else shape
    return value_of(shape.name, str(name))


STRUCTURES = sorted({path[:-1] for path in paths(INPUT) if path[0] not in {"PrimaryContainer", "Tags"}}, key=str)


@pytest.mark.parametrize("path", STRUCTURES, ids=lambda path: ".".join(map(str, path)) or "model")
def test_a_field_that_aws_adds_is_refused_by_its_name_at_any_depth(path: tuple[str | int, ...]) -> None:
    with pytest.raises(UnsupportedModel, match=r"BrandNew"):
        of_model(changed((*path, "BrandNew"), "something"))


@pytest.mark.parametrize("field", field_names("DescribeModelOutput"))
def test_every_field_of_a_model_is_promoted_or_refused_or_listed_as_dropped(field: str) -> None:
    value = CARRIED_VALUES.get(field, value_of("DescribeModelOutput", field))
    without = {name: value for name, value in described().items() if name not in (field, "PrimaryContainer")}
    container = {} if field in ("PrimaryContainer", "Containers") else {"PrimaryContainer": {"Image": f"{IMAGE}.1"}}
    try:
        with_it = request_of(definition.of_model({**without, **container, field: value}, {}, subject="it"))
    except UnsupportedModel as error:
        assert field in str(error)
        return
    promoted = with_it != request_of(of_container({"Image": f"{IMAGE}.1"}))
    assert promoted is (field not in LEFT_BEHIND_OF_MODEL)


@pytest.mark.parametrize("field", field_names("ModelPackageContainerDefinition"))
def test_every_field_of_a_packages_container_is_promoted_or_refused_or_listed_as_dropped(field: str) -> None:
    value = CARRIED_VALUES.get(field, value_of("ModelPackageContainerDefinition", field))

    def of(container: dict[str, Any]) -> Definition:
        return definition.of_package({"InferenceSpecification": {"Containers": [container]}}, subject="it")

    least = {"Image": f"{IMAGE}@sha256:00"}
    try:
        promoted = request_of(of({**least, field: value})) != request_of(of(least))
    except UnsupportedModel as error:
        assert field in str(error)
        return
    assert promoted is (field not in LEFT_BEHIND_OF_PACKAGE)


# What a version is, what people and SageMaker note of it, and its containers, which have a test of their own.
ABOUT_A_PACKAGE = set(field_names("DescribeModelPackageOutput")) - {
    "ManagedStorageType",
    "SourceAlgorithmSpecification",
}


@pytest.mark.parametrize("field", [*field_names("DescribeModelPackageOutput"), "BrandNew"])
def test_every_field_of_a_package_is_about_the_version_or_refused_by_name(field: str) -> None:
    value = value_of("DescribeModelPackageOutput", field) if field != "BrandNew" else "something"
    version = {"InferenceSpecification": {"Containers": [{"Image": IMAGE}]}}
    if field in ABOUT_A_PACKAGE:
        definition.of_package({field: value, **version}, subject="it")
        return
    with pytest.raises(UnsupportedModel, match=f"does not support: {field}"):
        definition.of_package({field: value, **version}, subject="it")


def test_the_algorithm_of_a_version_is_irrelevant_if_a_container_has_the_model_data() -> None:
    algorithm = {"SourceAlgorithms": [{"AlgorithmName": "a", "ModelDataUrl": WEIGHTS_URI}]}
    assert definition.of_package({"SourceAlgorithmSpecification": algorithm, **package()}, subject="it") == (
        definition.of_package(package(), subject="it")
    )


def test_a_restricted_package_is_refused_because_no_one_can_copy_its_data() -> None:
    version = {"ManagedStorageType": "Restricted", "InferenceSpecification": {"Containers": [{"Image": IMAGE}]}}
    with pytest.raises(UnsupportedModel, match=r"ManagedStorageType \(SageMaker keeps the model data itself"):
        definition.of_package(version, subject="it")
    with pytest.raises(UnsupportedModel, match="ManagedStorageType"):
        definition.of_model(
            {**described(), "PrimaryContainer": {"ModelPackageName": VERSION}}, {VERSION: version}, subject="it"
        )


def test_a_packages_data_source_is_known_as_deep_as_a_models() -> None:
    source = {"S3DataSource": {**TREE, "BrandNew": "something"}}
    version = {"InferenceSpecification": {"Containers": [{"Image": IMAGE, "ModelDataSource": source}]}}
    with pytest.raises(UnsupportedModel, match=r"Containers\[0\]\.ModelDataSource\.S3DataSource\.BrandNew"):
        definition.of_package(version, subject="it")


@pytest.mark.parametrize("field", ["AdditionalS3DataSource", "ProductId"])
def test_a_field_that_create_model_does_not_accept_is_refused_with_the_reason(field: str) -> None:
    container = {"Image": IMAGE, field: value_of("ModelPackageContainerDefinition", field)}
    with pytest.raises(UnsupportedModel, match=rf"Containers\[0\]\.{field} \(\w+"):
        definition.of_package({"InferenceSpecification": {"Containers": [container]}}, subject="it")


@pytest.mark.parametrize("field", sorted(set(field_names("ContainerDefinition")) - {"ModelPackageName"}))
def test_every_field_beside_a_package_name_is_promoted_or_refused(field: str) -> None:
    value = CARRIED_VALUES.get(field, "MultiModel" if field == "Mode" else value_of("ContainerDefinition", field))

    def of(**container: Any) -> Definition:
        model = {**described(), "PrimaryContainer": {"ModelPackageName": VERSION, **container}}
        return definition.of_model(model, {VERSION: package()}, subject="it")

    try:
        promoted = request_of(of(**{field: value})) != request_of(of())
    except UnsupportedModel as error:
        assert {"InferenceSpecificationName": "AdditionalInferenceSpecifications"}.get(field, field) in str(error)
        return
    assert promoted


def test_a_field_that_repeats_its_packages_value_is_not_refused() -> None:
    model = described(ModelPackageName=VERSION, Environment=None)
    result = definition.of_model(model, {VERSION: package()}, subject="it")
    assert request_of(result) == request_of(of_container(described()["PrimaryContainer"]))


def test_a_model_data_source_without_an_s3_uri_is_refused_not_a_crash() -> None:
    with pytest.raises(UnsupportedModel, match="ModelDataSource"):
        of_container({"Image": IMAGE, "ModelDataSource": {"S3DataSource": {"S3DataType": "S3Prefix"}}})


@pytest.mark.parametrize("field", ["Mode", "S3DataType", "CompressionType", "RepositoryAccessMode"])
def test_a_value_that_aws_adds_is_refused_where_it_decides_what_is_copied(field: str) -> None:
    paths: dict[str, tuple[str | int, ...]] = {
        "Mode": ("Containers", 0, "Mode"),
        "S3DataType": ("Containers", 0, "ModelDataSource", "S3DataSource", "S3DataType"),
        "CompressionType": ("Containers", 0, "ModelDataSource", "S3DataSource", "CompressionType"),
        "RepositoryAccessMode": ("Containers", 0, "ImageConfig", "RepositoryAccessMode"),
    }
    with pytest.raises(UnsupportedModel, match=f"{field} BrandNew"):
        of_model(changed(paths[field], "BrandNew"))


@pytest.mark.parametrize("empty", [None, "", {}, []])
def test_a_field_that_is_not_set_is_not_refused(empty: Any) -> None:
    model_definition = of_model({**WHOLE, "VpcConfig": empty, "BrandNew": empty})
    assert "VpcConfig" not in request_of(model_definition)


def test_an_empty_variable_is_a_value_and_is_promoted() -> None:
    assert request_of(of_container({"Image": IMAGE, "Environment": {"A": ""}}))["PrimaryContainer"]["Environment"] == {
        "A": ""
    }


def test_a_model_with_both_forms_of_containers_is_refused() -> None:
    with pytest.raises(UnsupportedModel, match="PrimaryContainer"):
        definition.of_model({**described(), "Containers": [{"Image": IMAGE}]}, {}, subject="it")


def test_all_unsupported_fields_are_reported_at_once() -> None:
    parts = {"BrandNew": 1, "ModelDataUrl": "https://x", "Mode": "NoModel", "ImageConfig": {"Odd": 1}, "Image": ""}
    with pytest.raises(UnsupportedModel) as refused:
        definition.of_model({**described(**parts), "Other": 1}, {}, subject="it")
    named = ("Other", "BrandNew", "ModelDataUrl", "Mode NoModel", "ImageConfig.Odd", "PrimaryContainer.Image ")
    assert [part for part in named if part not in str(refused.value)] == []
    assert "it has fields" in str(refused.value)
    assert WEIGHTS_URI not in str(refused.value)
