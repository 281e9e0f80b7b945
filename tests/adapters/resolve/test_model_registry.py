"""The source's SageMaker: the model or the version that is promoted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from lambdas.promotion.contract.errors import AccessDenied, ModelNotFound, ModelPackageNotFound
from lambdas.promotion.resolve import model_registry
from tests.adapters.conftest import Stubs
from tests.unit.builders import MODEL, TRAINED, VERSION, described

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient


def test_a_model_is_described_by_its_name(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    stubs.sagemaker.add_response("describe_model", described(), {"ModelName": "reviews-v7"})
    response = model_registry.describe_model("reviews-v7", location="dev", sagemaker=sagemaker)
    assert response["ModelArn"] == MODEL.arn


def test_a_missing_model_is_refused_with_the_account(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    stubs.sagemaker.add_client_error("describe_model", "ValidationException", 'Could not find model "arn".')
    stubs.sagemaker.add_response("list_models", {"Models": []})
    with pytest.raises(ModelNotFound, match=r"'reviews-v7' does not exist in dev\. No model exists there\. Check"):
        model_registry.describe_model("reviews-v7", location="dev", sagemaker=sagemaker)


def test_a_missing_model_is_refused_with_the_names_that_exist(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    stubs.sagemaker.add_client_error("describe_model", "ValidationException", 'Could not find model "arn".')
    names = [*(f"price-{number:02}" for number in range(20)), "reviews-v8"]
    models = [{"ModelName": name, "ModelArn": f"arn:of:the:model/{name}", "CreationTime": TRAINED} for name in names]
    newest_first = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": 100}
    stubs.sagemaker.add_response("list_models", {"Models": models}, newest_first)
    with pytest.raises(ModelNotFound, match=r"new ones first: reviews-v8, price-00, .*, price-08\. Check"):
        model_registry.describe_model("reviews-v7", location="dev", sagemaker=sagemaker)


def test_a_missing_model_is_refused_if_no_names_can_be_listed(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    stubs.sagemaker.add_client_error("describe_model", "ValidationException", 'Could not find model "arn".')
    stubs.sagemaker.add_client_error("list_models", "AccessDeniedException", "No.", 400)
    with pytest.raises(ModelNotFound, match=r"does not exist in dev\. Check"):
        model_registry.describe_model("reviews-v7", location="dev", sagemaker=sagemaker)


def test_the_approved_version_that_was_registered_last_comes_next(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    version = {
        "ModelPackageName": "reviews",
        "ModelPackageArn": VERSION,
        "CreationTime": TRAINED,
        "ModelPackageStatus": "Completed",
    }
    asked = {
        "ModelPackageGroupName": "reviews",
        "ModelApprovalStatus": "Approved",
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
    }
    stubs.sagemaker.add_response("list_model_packages", {"ModelPackageSummaryList": [version]}, asked)
    assert model_registry.latest_approved("reviews", sagemaker=sagemaker) == VERSION


@pytest.mark.parametrize("exists", [True, False])
def test_without_an_approved_version_none_comes_next(sagemaker: SageMakerClient, stubs: Stubs, exists: bool) -> None:
    if exists:
        stubs.sagemaker.add_response("list_model_packages", {"ModelPackageSummaryList": []})
    else:
        message = "ModelPackageGroup arn:aws:sagemaker:us-east-1:222222222222:model-package-group/x does not exist."
        stubs.sagemaker.add_client_error("list_model_packages", "ValidationException", message)
    with pytest.raises(ModelPackageNotFound, match="'reviews' has no approved version"):
        model_registry.latest_approved("reviews", sagemaker=sagemaker)


@pytest.mark.parametrize("code", ["AccessDeniedException", "AccessDenied"])
def test_a_missing_permission_is_not_reported_as_missing_resource(
    sagemaker: SageMakerClient, stubs: Stubs, code: str
) -> None:
    stubs.sagemaker.add_client_error("describe_model", code, "Could not find model", 400)
    with pytest.raises(AccessDenied):
        model_registry.describe_model("reviews-v7", location="dev", sagemaker=sagemaker)


def test_another_refusal_is_not_called_missing(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    stubs.sagemaker.add_client_error("describe_model", "ValidationException", "1 validation error detected")
    with pytest.raises(ClientError):
        model_registry.describe_model("reviews-v7", location="dev", sagemaker=sagemaker)


def test_a_version_is_described_without_its_model_card(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    """The card may be encrypted, and the reader need not decrypt it."""
    response = {
        "ModelPackageName": "reviews",
        "ModelPackageArn": VERSION,
        "CreationTime": MODEL.created_at,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
    }
    stubs.sagemaker.add_response(
        "describe_model_package", response, {"ModelPackageName": VERSION, "IncludedData": "MetadataOnly"}
    )
    assert model_registry.describe_model_package(VERSION, sagemaker=sagemaker)["ModelPackageArn"] == VERSION


def test_a_missing_version_is_refused(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    stubs.sagemaker.add_client_error("describe_model_package", "ValidationException", f"{VERSION} does not exist.")
    with pytest.raises(ModelPackageNotFound, match=VERSION):
        model_registry.describe_model_package(VERSION, sagemaker=sagemaker)


def test_the_tags_of_all_pages_are_read(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    first = {"Tags": [{"Key": "a", "Value": "1"}], "NextToken": "more"}
    stubs.sagemaker.add_response("list_tags", first, {"ResourceArn": MODEL.arn})
    last = {"Tags": [{"Key": "b", "Value": "2"}]}
    stubs.sagemaker.add_response("list_tags", last, {"ResourceArn": MODEL.arn, "NextToken": "more"})
    assert model_registry.tags_of(MODEL.arn, sagemaker=sagemaker) == {"a": "1", "b": "2"}


def test_aws_own_tags_are_left_behind_and_no_others(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    keys = ["aws:cloudformation:stack-name", "aws:", "awsome", "team:aws:x", "promote:stage"]
    stubs.sagemaker.add_response("list_tags", {"Tags": [{"Key": key, "Value": "v"} for key in keys]})
    assert list(model_registry.tags_of(MODEL.arn, sagemaker=sagemaker)) == ["awsome", "team:aws:x", "promote:stage"]


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ({"PrimaryContainer": {"ModelPackageName": VERSION}}, [VERSION]),
        ({"Containers": [{"ModelPackageName": VERSION}]}, [VERSION]),
        ({"Containers": [{"ModelPackageName": VERSION}, {"Image": "i"}, {"ModelPackageName": "b"}]}, [VERSION, "b"]),
        ({"Containers": [{"ModelPackageName": VERSION}, {"ModelPackageName": VERSION}]}, [VERSION]),
        ({"Containers": [], "PrimaryContainer": {"ModelPackageName": VERSION}}, [VERSION]),
        ({"PrimaryContainer": {"Image": "i"}}, []),
        ({}, []),
    ],
)
def test_the_packages_that_a_model_is_made_from_are_known(model: dict[str, object], named: list[str]) -> None:
    assert model_registry.packages_named_by(model) == named
