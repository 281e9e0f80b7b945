"""Models made from a version of the registry: what it holds is served, and described by its name alone."""

from typing import Any

import pytest

from tests.sandbox.aws.sagemaker.builders import BUCKET, IMAGE, PULLING, SageMakerBuilder, refused, unique
from tests.sandbox.aws.sagemaker.hosting.test_model_data import scripted, source
from tests.sandbox.aws.sagemaker.hosting.test_several_containers import invoke, step
from tests.sandbox.aws.sagemaker.server import Server
from tests.sandbox.aws.sagemaker.test_permissions import allow


@pytest.fixture
def group(builder: SageMakerBuilder) -> str:
    name = unique("group")
    builder.sagemaker.create_model_package_group(ModelPackageGroupName=name)
    return name


def register(builder: SageMakerBuilder, group: str, *containers: dict[str, Any], **more: Any) -> str:
    """An approved version of those containers; returns its ARN."""
    specification = {
        "Containers": list(containers),
        "SupportedContentTypes": ["text/plain"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    request = {"ModelApprovalStatus": "Approved", "InferenceSpecification": specification, **more}
    answer = builder.sagemaker.create_model_package(ModelPackageGroupName=group, **request)
    return str(answer["ModelPackageArn"])


def test_a_version_of_several_containers_is_a_pipeline(builder: SageMakerBuilder, group: str) -> None:
    version = register(builder, group, step(builder, "one"), step(builder, "two"))
    model = builder.created(Containers=[{"ModelPackageName": version}])
    assert builder.sagemaker.describe_model(ModelName=model)["Containers"] == [{"ModelPackageName": version}]
    answer = invoke(builder, builder.endpoint(builder.config(model)))
    assert answer["ContentType"] == "application/x-two"
    assert '"took": "application/x-one"' in answer["Body"].read().decode()


def test_a_version_and_a_plain_container_make_a_pipeline(builder: SageMakerBuilder, group: str) -> None:
    version = register(builder, group, step(builder, "one"))
    endpoint = builder.endpoint_of({"ModelPackageName": version}, step(builder, "two"))
    assert '"took": "application/x-one"' in invoke(builder, endpoint)["Body"].read().decode()


def test_the_models_environment_overrides_the_versions(builder: SageMakerBuilder, group: str) -> None:
    version = register(builder, group, step(builder, "one"))
    content = invoke(builder, builder.endpoint_of({"ModelPackageName": version}))["Body"].read().decode()
    assert '"of": "environment of one"' in content
    container = {"ModelPackageName": version, "Environment": {"OF": "the model"}}
    content = invoke(builder, builder.endpoint_of(container))["Body"].read().decode()
    assert '"of": "the model"' in content


def test_a_model_can_choose_an_additional_specification(builder: SageMakerBuilder, group: str) -> None:
    additional = [{"Name": "small", "Containers": [step(builder, "two")]}]
    version = register(builder, group, step(builder, "one"), AdditionalInferenceSpecifications=additional)
    container = {"ModelPackageName": version, "InferenceSpecificationName": "small"}
    model = builder.created(PrimaryContainer=container)
    assert builder.sagemaker.describe_model(ModelName=model)["PrimaryContainer"] == container
    assert invoke(builder, builder.endpoint(builder.config(model)))["ContentType"] == "application/x-two"
    with refused("ValidationException", "no InferenceSpecification named large"):
        builder.created(PrimaryContainer=container | {"InferenceSpecificationName": "large"})


def test_a_container_from_a_version_has_no_other_fields(builder: SageMakerBuilder, group: str) -> None:
    version = register(builder, group, step(builder, "one"))
    with refused("ValidationException", "must not have Image, ModelDataUrl"):
        builder.created(PrimaryContainer={"ModelPackageName": version, "Image": IMAGE, "ModelDataUrl": builder.data()})
    with refused("ValidationException", "either an Image or a ModelPackageName"):
        builder.created(PrimaryContainer={"ModelDataUrl": builder.data()})


def test_a_versions_data_is_read_with_the_execution_roles_permissions(builder: SageMakerBuilder, group: str) -> None:
    version = register(builder, group, step(builder, "one"))
    role = builder.execution(allow("s3:ListBucket"), PULLING)
    with refused("ValidationException", "Could not access model data at"):
        builder.created(PrimaryContainer={"ModelPackageName": version}, ExecutionRoleArn=role)


def test_all_that_a_version_holds_is_described_and_served(
    builder: SageMakerBuilder, server: Server, group: str
) -> None:
    model_data = builder.archive({"a": "1"})
    key = model_data.removeprefix(f"s3://{BUCKET}/")
    etag = server.client("s3").head_object(Bucket=BUCKET, Key=key)["ETag"]
    container = scripted(builder) | {
        "ModelDataUrl": model_data,
        "ModelDataETag": etag,
        "ImageDigest": f"sha256:{'0' * 64}",
        "AdditionalModelDataSources": [{"ChannelName": "more", **source(builder.tree({"b": "2"}))}],
        "AdditionalS3DataSource": {"S3DataType": "S3Prefix", "S3Uri": builder.tree({"c": "3"})},
    }
    version = register(builder, group, container)
    description = builder.sagemaker.describe_model_package(ModelPackageName=version)
    assert description["InferenceSpecification"]["Containers"] == [container]
    endpoint = builder.endpoint_of({"ModelPackageName": version})
    assert builder.invoke(endpoint, "model") == {"a": "1"}
    assert builder.invoke(endpoint, "additional-model-data-sources") == {"more/b": "2"}
    assert builder.invoke(endpoint, "additional-s3-data-source") == {"c": "3"}


def test_a_versions_data_source_is_served(builder: SageMakerBuilder, group: str) -> None:
    tree = scripted(builder) | {"ModelDataSource": source(builder.tree({"deep/a": "1"}))}
    endpoint = builder.endpoint_of({"ModelPackageName": register(builder, group, tree)})
    assert builder.invoke(endpoint, "model") == {"deep/a": "1"}


def test_a_versions_data_must_be_what_was_registered(builder: SageMakerBuilder, group: str) -> None:
    version = register(builder, group, step(builder, "one", ModelDataETag="0" * 32))
    with refused("ValidationException", "The ETag of the model data"):
        builder.created(PrimaryContainer={"ModelPackageName": version})
