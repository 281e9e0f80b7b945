"""Fields of a raw response that the SDK's model does not have: botocore drops them, and Promote names them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import boto3
import botocore
import pytest

from lambdas.promotion.aws import sessions, unknown_fields
from lambdas.promotion.contract.document import DesiredResource
from lambdas.promotion.contract.errors import ModelNotFound, NameTaken, UnsupportedModel
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint import model_client
from lambdas.promotion.model import definition
from lambdas.promotion.resolve import model_registry
from tests.adapters.conftest import Wire
from tests.unit.builders import IMAGE, VERSION, WEIGHTS_URI

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

ROLE = "arn:aws:iam::222222222222:role/promote-dev-reader"
# One session: each reads the model of its services anew.
SESSION = boto3.Session("key", "secret")
SOURCE = {"S3DataSource": {"S3Uri": WEIGHTS_URI, "S3DataType": "S3Object", "CompressionType": "Gzip"}}
MODEL: dict[str, Any] = {
    "ModelName": "reviews-v7",
    "ModelArn": "arn:aws:sagemaker:us-east-1:222222222222:model/reviews-v7",
    "CreationTime": 1762000000.0,
    "PrimaryContainer": {"Image": IMAGE, "ModelDataSource": SOURCE, "Environment": {"BrandNew": "a variable"}},
}
PACKAGE: dict[str, Any] = {
    "ModelPackageArn": VERSION,
    "CreationTime": 1762000000.0,
    "InferenceSpecification": {"Containers": [{"Image": IMAGE}, {"Image": IMAGE}]},
}
CONFIG: dict[str, Any] = {
    "EndpointConfigName": "c",
    "ProductionVariants": [{"VariantName": "All", "ModelName": "m"}],
}


def answering(body: Mapping[str, Any] | str, status: int = 200) -> SageMakerClient:
    """Return the client of an account whose every response has this body."""
    account = sessions.RoleSession(ROLE, SESSION, "us-east-1")
    Wire(account.sagemaker, status, body if isinstance(body, str) else json.dumps(body))
    return account.sagemaker


def changed(body: Mapping[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    copied: dict[str, Any] = json.loads(json.dumps(body))
    parent: Any = copied
    for part in path[:-1]:
        parent = parent[part]
    parent[path[-1]] = value
    return copied


def of_model(body: Mapping[str, Any]) -> None:
    described = model_registry.describe_model("reviews-v7", location="dev", sagemaker=answering(body))
    definition.of_model(described, {}, subject="it")


def of_package(body: Mapping[str, Any]) -> None:
    package = model_registry.describe_model_package(VERSION, sagemaker=answering(body))
    definition.of_package(package, subject="it")


def of_model_with_package(body: Mapping[str, Any]) -> None:
    package = model_registry.describe_model_package(VERSION, sagemaker=answering(body))
    container = {"ModelPackageName": VERSION}
    definition.of_model({"Containers": [container]}, {VERSION: package}, subject="it")


def existing_model(body: Mapping[str, Any]) -> None:
    container = {"Image": IMAGE, "ModelDataSource": SOURCE, "Environment": {"BrandNew": "a variable"}}
    desired = DesiredResource(name="reviews-v7", request={"ModelName": "reviews-v7", "PrimaryContainer": container})
    model_client.find_same(desired, sagemaker=answering(body))


def existing_config(body: Mapping[str, Any]) -> None:
    endpoint_client.find_same_config(DesiredResource(name="c", request=CONFIG), sagemaker=answering(body))


CARRIED: list[tuple[Callable[[Mapping[str, Any]], None], dict[str, Any], tuple[str | int, ...], str]] = [
    (of_model, MODEL, ("BrandNew",), "BrandNew"),
    (of_model, MODEL, ("PrimaryContainer", "BrandNew"), "PrimaryContainer.BrandNew"),
    (
        of_model,
        MODEL,
        ("PrimaryContainer", "ModelDataSource", "S3DataSource", "BrandNew"),
        "PrimaryContainer.ModelDataSource.S3DataSource.BrandNew",
    ),
    (of_package, PACKAGE, ("BrandNew",), "BrandNew"),
    (
        of_package,
        PACKAGE,
        ("InferenceSpecification", "Containers", 1, "BrandNew"),
        "InferenceSpecification.Containers[1].BrandNew",
    ),
    (
        of_model_with_package,
        PACKAGE,
        ("InferenceSpecification", "Containers", 0, "BrandNew"),
        "InferenceSpecification.Containers[0].BrandNew",
    ),
    (existing_model, MODEL, ("PrimaryContainer", "BrandNew"), "PrimaryContainer.BrandNew"),
    (existing_config, CONFIG, ("BrandNew",), "BrandNew"),
    (existing_config, CONFIG, ("ProductionVariants", 0, "BrandNew"), "ProductionVariants[0].BrandNew"),
]


@pytest.mark.parametrize(("read", "body", "path", "name"), CARRIED)
@pytest.mark.parametrize("value", ["something", {"Mode": "On"}, [1], False, 0])
def test_a_field_that_the_sdk_does_not_know_is_refused_by_its_path(
    read: Callable[[Mapping[str, Any]], None],
    body: dict[str, Any],
    path: tuple[str | int, ...],
    name: str,
    value: Any,
) -> None:
    with pytest.raises(UnsupportedModel) as refused:
        read(changed(body, path, value))
    assert f" {name} (botocore {botocore.__version__} does not know this field: deploy a version" in str(refused.value)


@pytest.mark.parametrize(("read", "body", "path", "name"), CARRIED)
@pytest.mark.parametrize("empty", [None, "", {}, [], {"Mode": None}, [{"Mode": None}]])
def test_a_field_without_a_value_is_not_refused(
    read: Callable[[Mapping[str, Any]], None],
    body: dict[str, Any],
    path: tuple[str | int, ...],
    name: str,
    empty: Any,
) -> None:
    read(changed(body, path, empty))


@pytest.mark.parametrize(("read", "body"), [(of_model, MODEL), (existing_model, MODEL), (existing_config, CONFIG)])
def test_what_the_sdk_knows_is_not_refused(read: Callable[[Mapping[str, Any]], None], body: dict[str, Any]) -> None:
    """Also an environment variable of any name: the keys of a map are no fields."""
    read(body)


def test_all_unknown_fields_are_named_at_once_and_each_once() -> None:
    package = changed(PACKAGE, ("BrandNew",), 1)
    described = model_registry.describe_model_package(VERSION, sagemaker=answering(package))
    model = {"Containers": [{"ModelPackageName": VERSION}, {"ModelPackageName": VERSION}]}
    with pytest.raises(UnsupportedModel) as refused:
        definition.of_model(model, {VERSION: described}, subject="it")
    assert str(refused.value).count("BrandNew") == 1


def test_a_resource_that_differs_in_what_the_sdk_knows_is_called_different() -> None:
    with pytest.raises(NameTaken):
        existing_config(changed(changed(CONFIG, ("BrandNew",), 1), ("ProductionVariants", 0, "ModelName"), "another"))


def test_an_error_has_no_unknown_fields() -> None:
    body = {"__type": "ValidationException", "message": 'Could not find model "arn".', "BrandNew": 1}
    with pytest.raises(ModelNotFound):
        model_registry.describe_model("reviews-v7", location="dev", sagemaker=answering(body, 400))


def test_what_only_observes_an_endpoint_is_not_compared() -> None:
    """A new field of DescribeEndpoint must not stop a rollback."""
    body = {"EndpointName": "e", "EndpointStatus": "InService", "LastModifiedTime": 1762000000.0, "BrandNew": 1}
    described = answering(body).describe_endpoint(EndpointName="e")
    assert unknown_fields.problems(described) == []
