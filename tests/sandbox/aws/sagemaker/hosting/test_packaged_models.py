"""Models made from a version of the registry: what it holds is served, and described by its name alone."""

from typing import Any

import pytest

from tests.sandbox.aws.sagemaker.builders import BUCKET, IMAGE, PULLING, Workshop, refused, unique
from tests.sandbox.aws.sagemaker.hosting.test_model_data import scripted, source
from tests.sandbox.aws.sagemaker.hosting.test_several_containers import ask, step
from tests.sandbox.aws.sagemaker.server import Server
from tests.sandbox.aws.sagemaker.test_permissions import allow


@pytest.fixture
def group(workshop: Workshop) -> str:
    name = unique("group")
    workshop.sagemaker.create_model_package_group(ModelPackageGroupName=name)
    return name


def register(workshop: Workshop, group: str, *containers: dict[str, Any], **more: Any) -> str:
    """An approved version of those containers; returns its ARN."""
    specification = {
        "Containers": list(containers),
        "SupportedContentTypes": ["text/plain"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    request = {"ModelApprovalStatus": "Approved", "InferenceSpecification": specification, **more}
    answer = workshop.sagemaker.create_model_package(ModelPackageGroupName=group, **request)
    return str(answer["ModelPackageArn"])


def test_a_version_of_several_containers_is_a_pipeline(workshop: Workshop, group: str) -> None:
    version = register(workshop, group, step(workshop, "one"), step(workshop, "two"))
    model = workshop.created(Containers=[{"ModelPackageName": version}])
    assert workshop.sagemaker.describe_model(ModelName=model)["Containers"] == [{"ModelPackageName": version}]
    answer = ask(workshop, workshop.endpoint(workshop.config(model)))
    assert answer["ContentType"] == "application/x-two"
    assert '"took": "application/x-one"' in answer["Body"].read().decode()


def test_a_version_and_a_plain_container_make_a_pipeline(workshop: Workshop, group: str) -> None:
    version = register(workshop, group, step(workshop, "one"))
    endpoint = workshop.endpoint_of({"ModelPackageName": version}, step(workshop, "two"))
    assert '"took": "application/x-one"' in ask(workshop, endpoint)["Body"].read().decode()


def test_the_models_environment_overrides_the_versions(workshop: Workshop, group: str) -> None:
    version = register(workshop, group, step(workshop, "one"))
    said = ask(workshop, workshop.endpoint_of({"ModelPackageName": version}))["Body"].read().decode()
    assert '"of": "environment of one"' in said
    container = {"ModelPackageName": version, "Environment": {"OF": "the model"}}
    said = ask(workshop, workshop.endpoint_of(container))["Body"].read().decode()
    assert '"of": "the model"' in said


def test_a_model_can_choose_an_additional_specification(workshop: Workshop, group: str) -> None:
    additional = [{"Name": "small", "Containers": [step(workshop, "two")]}]
    version = register(workshop, group, step(workshop, "one"), AdditionalInferenceSpecifications=additional)
    container = {"ModelPackageName": version, "InferenceSpecificationName": "small"}
    model = workshop.created(PrimaryContainer=container)
    assert workshop.sagemaker.describe_model(ModelName=model)["PrimaryContainer"] == container
    assert ask(workshop, workshop.endpoint(workshop.config(model)))["ContentType"] == "application/x-two"
    with refused("ValidationException", "no InferenceSpecification named large"):
        workshop.created(PrimaryContainer=container | {"InferenceSpecificationName": "large"})


def test_a_container_from_a_version_says_nothing_else(workshop: Workshop, group: str) -> None:
    version = register(workshop, group, step(workshop, "one"))
    with refused("ValidationException", "must not have Image, ModelDataUrl"):
        workshop.created(
            PrimaryContainer={"ModelPackageName": version, "Image": IMAGE, "ModelDataUrl": workshop.data()}
        )
    with refused("ValidationException", "either an Image or a ModelPackageName"):
        workshop.created(PrimaryContainer={"ModelDataUrl": workshop.data()})


def test_a_versions_data_is_read_with_the_execution_roles_rights(workshop: Workshop, group: str) -> None:
    version = register(workshop, group, step(workshop, "one"))
    role = workshop.execution(allow("s3:ListBucket"), PULLING)
    with refused("ValidationException", "Could not access model data at"):
        workshop.created(PrimaryContainer={"ModelPackageName": version}, ExecutionRoleArn=role)


def test_all_that_a_version_holds_is_described_and_served(workshop: Workshop, server: Server, group: str) -> None:
    model_data = workshop.archive({"a": "1"})
    key = model_data.removeprefix(f"s3://{BUCKET}/")
    etag = server.client("s3").head_object(Bucket=BUCKET, Key=key)["ETag"]
    container = scripted(workshop) | {
        "ModelDataUrl": model_data,
        "ModelDataETag": etag,
        "ImageDigest": f"sha256:{'0' * 64}",
        "AdditionalModelDataSources": [{"ChannelName": "more", **source(workshop.tree({"b": "2"}))}],
        "AdditionalS3DataSource": {"S3DataType": "S3Prefix", "S3Uri": workshop.tree({"c": "3"})},
    }
    version = register(workshop, group, container)
    found = workshop.sagemaker.describe_model_package(ModelPackageName=version)
    assert found["InferenceSpecification"]["Containers"] == [container]
    endpoint = workshop.endpoint_of({"ModelPackageName": version})
    assert workshop.ask(endpoint, "model") == {"a": "1"}
    assert workshop.ask(endpoint, "additional-model-data-sources") == {"more/b": "2"}
    assert workshop.ask(endpoint, "additional-s3-data-source") == {"c": "3"}


def test_a_versions_data_source_is_served(workshop: Workshop, group: str) -> None:
    tree = scripted(workshop) | {"ModelDataSource": source(workshop.tree({"deep/a": "1"}))}
    endpoint = workshop.endpoint_of({"ModelPackageName": register(workshop, group, tree)})
    assert workshop.ask(endpoint, "model") == {"deep/a": "1"}


def test_a_versions_data_must_be_what_was_registered(workshop: Workshop, group: str) -> None:
    version = register(workshop, group, step(workshop, "one", ModelDataETag="0" * 32))
    with refused("ValidationException", "The ETag of the model data"):
        workshop.created(PrimaryContainer={"ModelPackageName": version})
