"""What the service model does not allow is refused as the real service refuses it."""

import json
import urllib.error
import urllib.request

import pytest

from tests.sandbox.aws.sagemaker.builders import SageMakerBuilder, refused, unique
from tests.sandbox.aws.sagemaker.server import ACCOUNT, OTHER_ACCOUNT, Server


def test_a_name_that_breaks_the_pattern_is_refused(builder: SageMakerBuilder) -> None:
    with refused(
        "ValidationException",
        "1 validation error detected: Value 'a_b' at 'modelName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9]",
    ):
        builder.sagemaker.describe_model(ModelName="a_b")


@pytest.mark.parametrize("name", ["a" * 64, "-a", "a-"])
def test_a_name_that_is_too_long_or_ends_in_a_hyphen_is_refused(builder: SageMakerBuilder, name: str) -> None:
    with refused("ValidationException", f"Value '{name}' at 'modelName'"):
        builder.sagemaker.describe_model(ModelName=name)


def test_a_name_of_63_characters_is_accepted(builder: SageMakerBuilder) -> None:
    with refused("ValidationException", "Could not find model"):
        builder.sagemaker.describe_model(ModelName="a" * 63)


def test_an_unknown_instance_type_is_refused(builder: SageMakerBuilder) -> None:
    with refused(
        "ValidationException",
        "Value 'ml.huge' at 'productionVariants.1.member.instanceType' failed to satisfy constraint: "
        "Member must satisfy enum value set: [",
    ):
        builder.config(InstanceType="ml.huge")


def test_every_fault_of_a_request_is_named(builder: SageMakerBuilder) -> None:
    with refused("ValidationException", "2 validation errors detected: "):
        builder.config(InstanceType="ml.huge", VolumeSizeInGB=513)


def test_numbers_have_a_range(builder: SageMakerBuilder) -> None:
    with refused("ValidationException", "Member must have value less than or equal to 100"):
        builder.sagemaker.list_models(MaxResults=101)


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        ({"ModelName": "a", "Colour": "red"}, "ValidationException", "'colour'"),
        ({}, "ValidationException", "Value null at 'modelName' failed to satisfy constraint: Member must not be null"),
        ({"ModelName": 7}, "SerializationException", "'modelName'"),
    ],
)
def test_what_a_client_would_never_send_is_refused(
    server: Server, body: dict[str, object], code: str, text: str
) -> None:
    answer = _post(server, "DescribeModel", json.dumps(body).encode())
    assert answer["__type"] == code
    assert text in answer["message"]


def test_an_unsupported_operation_is_reported_as_unsupported(server: Server) -> None:
    assert _post(server, "CreateTrainingJob", b"{}")["__type"] == "UnknownOperationException"


def test_lists_come_in_pages(builder: SageMakerBuilder) -> None:
    prefix = unique("paged")
    for number in range(5):
        builder.sagemaker.create_model_package_group(ModelPackageGroupName=f"{prefix}-{number}")
    paginator = builder.sagemaker.get_paginator("list_model_package_groups")
    pages = list(paginator.paginate(NameContains=prefix, SortBy="Name", PaginationConfig={"PageSize": 2}))
    names = [[group["ModelPackageGroupName"] for group in page["ModelPackageGroupSummaryList"]] for page in pages]
    assert names == [[f"{prefix}-0", f"{prefix}-1"], [f"{prefix}-2", f"{prefix}-3"], [f"{prefix}-4"]]


def test_a_made_up_page_is_refused(builder: SageMakerBuilder) -> None:
    with refused("ValidationException", "Invalid pagination token"):
        builder.sagemaker.list_models(NextToken="made-up")


def test_accounts_see_only_what_is_theirs(builder: SageMakerBuilder, server: Server) -> None:
    model = builder.model()
    foreign = server.client("sagemaker", OTHER_ACCOUNT)
    with refused("ValidationException", f"{OTHER_ACCOUNT}:model/{model}"):
        foreign.describe_model(ModelName=model)
    assert not foreign.list_models(NameContains=model)["Models"]
    assert server.client("sagemaker", ACCOUNT).list_models(NameContains=model)["Models"]


def _post(server: Server, operation: str, body: bytes) -> dict[str, str]:
    """Send what boto3 refuses to send. The server takes an unchecked signature from an account's root."""
    request = urllib.request.Request(  # noqa: S310
        server.url,
        method="POST",
        data=body,
        headers={
            "X-Amz-Target": f"SageMaker.{operation}",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/us-east-1/sagemaker/aws4_request, "
            "SignedHeaders=host, Signature=none",
        },
    )
    try:
        with urllib.request.urlopen(request, context=server.tls) as response:  # noqa: S310
            answer: dict[str, str] = json.loads(response.read())
    except urllib.error.HTTPError as error:
        answer = json.loads(error.read())
    return answer
