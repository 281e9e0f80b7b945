"""No member of a model is dropped silently: each is carried, or refused by name, or listed here with a reason.

The members come from botocore, so these tests fail on the day that AWS adds one that is none of the three.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lambdas.promotion import definition
from lambdas.promotion.definition import Definition
from lambdas.promotion.document import Artifact
from lambdas.promotion.errors import UnsupportedModel
from tests.unit.given import IMAGE, OBJECTS, SOURCE_URI, VERSION, WEIGHTS_URI, described, members, package, value_of

# The target model has its own name and role; the others say nothing about how the model serves.
LEFT_BEHIND_OF_MODEL = {"ModelName", "ExecutionRoleArn", "ModelArn", "CreationTime", "DeploymentRecommendation"}
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
CARRIED_VALUES: dict[str, Any] = {
    "Image": IMAGE.replace("1.2", "1.4"),
    "ImageConfig": {"RepositoryAccessMode": "Platform"},
    "ModelDataUrl": SOURCE_URI,
    "ModelDataSource": {
        "S3DataSource": {"S3Uri": WEIGHTS_URI, "S3DataType": "S3Object", "CompressionType": "Gzip"},
    },
    "Mode": "SingleModel",
    "PrimaryContainer": {"Image": IMAGE},
    "Containers": [{"Image": IMAGE}],
}


def request_of(defined: Definition) -> dict[str, Any]:
    artifacts = {uri: Artifact(source=OBJECTS[uri], bucket="b", key=uri[5:]) for uri in defined.artifact_uris}
    return definition.create_model_request(defined, artifacts, name="n", execution_role_arn="r")


def of_container(container: Mapping[str, Any]) -> Definition:
    return definition.of_model({**described(), "PrimaryContainer": dict(container)}, None, where="it")


@pytest.mark.parametrize("member", members("DescribeModelOutput"))
def test_every_member_of_a_model_is_carried_or_refused_or_known_to_be_left_behind(member: str) -> None:
    value = CARRIED_VALUES.get(member, value_of("DescribeModelOutput", member))
    without = {name: said for name, said in described().items() if name != member}
    try:
        with_it = request_of(definition.of_model({**without, member: value}, None, where="it"))
    except UnsupportedModel as error:
        assert member in str(error)
        return
    carried = with_it != request_of(definition.of_model(described(), None, where="it"))
    assert carried is (member not in LEFT_BEHIND_OF_MODEL)


@pytest.mark.parametrize("member", members("ContainerDefinition"))
def test_every_member_of_a_container_is_carried_or_refused(member: str) -> None:
    value = CARRIED_VALUES.get(member, value_of("ContainerDefinition", member))
    least = {"Image": IMAGE}
    try:
        carried = request_of(of_container({**least, member: value})) != request_of(of_container(least))
    except UnsupportedModel as error:
        assert member in str(error)
        return
    assert carried


@pytest.mark.parametrize("member", members("ModelPackageContainerDefinition"))
def test_every_member_of_a_packages_container_is_carried_or_refused_or_known_to_be_left_behind(member: str) -> None:
    value = CARRIED_VALUES.get(member, value_of("ModelPackageContainerDefinition", member))

    def of(container: dict[str, Any]) -> Definition:
        return definition.of_package({"InferenceSpecification": {"Containers": [container]}}, where="it")

    least = {"Image": f"{IMAGE}@sha256:00"}
    try:
        carried = request_of(of({**least, member: value})) != request_of(of(least))
    except UnsupportedModel as error:
        assert member in str(error)
        return
    assert carried is (member not in LEFT_BEHIND_OF_PACKAGE)


@pytest.mark.parametrize(
    "member",
    sorted(set(members("ContainerDefinition")) - {"ModelPackageName", "ContainerHostname"}),
)
def test_every_member_beside_a_package_name_is_carried_or_refused(member: str) -> None:
    """ContainerHostname is left out: SageMaker ignores it in a model of one container (API: ContainerDefinition)."""
    value = "MultiModel" if member == "Mode" else value_of("ContainerDefinition", member)

    def of(**container: Any) -> Definition:
        model = {**described(), "PrimaryContainer": {"ModelPackageName": VERSION, **container}}
        return definition.of_model(model, package(), where="it")

    try:
        carried = request_of(of(**{member: value})) != request_of(of())
    except UnsupportedModel as error:
        assert member in str(error)
        return
    assert carried


@pytest.mark.parametrize(
    "member", sorted(set(members("S3ModelDataSource")) - {"S3Uri", "S3DataType", "CompressionType", "ETag"})
)
def test_a_model_data_source_with_more_than_a_tarballs_address_is_refused(member: str) -> None:
    tarball = CARRIED_VALUES["ModelDataSource"]["S3DataSource"]
    source = {"S3DataSource": {**tarball, member: value_of("S3ModelDataSource", member)}}
    with pytest.raises(UnsupportedModel, match=member):
        of_container({"Image": IMAGE, "ModelDataSource": source})


@pytest.mark.parametrize("form", [("S3Prefix", "None"), ("S3Prefix", "Gzip"), ("S3Object", "None")])
def test_model_data_that_is_no_tarball_is_refused(form: tuple[str, str]) -> None:
    source = {"S3DataSource": {"S3Uri": WEIGHTS_URI, "S3DataType": form[0], "CompressionType": form[1]}}
    with pytest.raises(UnsupportedModel, match="ModelDataSource"):
        of_container({"Image": IMAGE, "ModelDataSource": source})


def test_a_data_source_and_an_address_that_disagree_are_refused() -> None:
    with pytest.raises(UnsupportedModel, match="ModelDataSource"):
        of_container({"Image": IMAGE, "ModelDataUrl": SOURCE_URI, "ModelDataSource": CARRIED_VALUES["ModelDataSource"]})


@pytest.mark.parametrize("source", [{"S3DataSource": {}}, {"Other": {}}, {"S3DataSource": {"S3Uri": None}}])
def test_a_model_data_source_of_an_odd_shape_is_refused_not_a_crash(source: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedModel, match="ModelDataSource"):
        of_container({"Image": IMAGE, "ModelDataSource": source})


@pytest.mark.parametrize("empty", [None, "", {}, []])
def test_a_member_that_is_not_set_is_not_refused(empty: Any) -> None:
    defined = definition.of_model({**described(), "VpcConfig": empty, "Containers": []}, None, where="it")
    assert "VpcConfig" not in request_of(defined)


def test_several_containers_are_refused_with_their_number() -> None:
    model = {**described(), "Containers": [{"Image": IMAGE}, {"Image": IMAGE}]}
    del model["PrimaryContainer"]
    with pytest.raises(UnsupportedModel, match=r"Containers \(2"):
        definition.of_model(model, None, where="it")


def test_every_part_that_cannot_be_carried_is_named_at_once() -> None:
    with pytest.raises(UnsupportedModel) as refused:
        of_container({"Image": IMAGE, "Mode": "MultiModel", "MultiModelConfig": {"ModelCacheSetting": "Enabled"}})
    assert all(part in str(refused.value) for part in ("Mode MultiModel", "MultiModelConfig", "it has parts"))
