"""A container of many models: each is fetched when it is first asked for."""

import concurrent.futures
import time
from typing import Any

import pytest

from tests.sandbox.aws.sagemaker.builders import (
    BUCKET,
    IMAGE,
    INFERENCE,
    PULLING,
    SageMakerBuilder,
    refused,
    tarball,
    unique,
)
from tests.sandbox.aws.sagemaker.hosting.test_hosting import is_running
from tests.sandbox.aws.sagemaker.server import ACCOUNT, Server
from tests.sandbox.aws.sagemaker.test_permissions import allow, arn


def put(builder: SageMakerBuilder, prefix: str, name: str, factor: int) -> None:
    files = {"model.json": f'{{"factor": {factor}}}', "code/inference.py": INFERENCE}
    builder.stored(f"{prefix}{name}", tarball(files))


def put_telling_its_process(builder: SageMakerBuilder, prefix: str) -> None:
    script = INFERENCE.replace('"answer":', '"pid": os.getpid(), "answer":')
    builder.stored(f"{prefix}pid.tar.gz", tarball({"model.json": '{"factor": 1}', "code/inference.py": script}))


@pytest.fixture
def prefix(builder: SageMakerBuilder) -> str:
    prefix = f"{unique('models')}/"
    put(builder, prefix, "two.tar.gz", 2)
    put(builder, prefix, "deep/three.tar.gz", 3)
    return prefix


def container(prefix: str, **more: Any) -> dict[str, Any]:
    return {"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": f"s3://{BUCKET}/{prefix}", **more}


def invoke(builder: SageMakerBuilder, endpoint: str, target: str) -> Any:
    return builder.invoke(endpoint, 10, TargetModel=target)["answer"]


def test_each_request_names_its_model(builder: SageMakerBuilder, prefix: str) -> None:
    endpoint = builder.endpoint_of(container(prefix))
    assert invoke(builder, endpoint, "two.tar.gz") == 20
    assert invoke(builder, endpoint, "deep/three.tar.gz") == 30
    put(builder, prefix, "four.tar.gz", 4)
    assert invoke(builder, endpoint, "four.tar.gz") == 40, "models may come while the endpoint is in service"


def test_an_unknown_model_is_a_validation_error(builder: SageMakerBuilder, prefix: str) -> None:
    endpoint = builder.endpoint_of(container(prefix))
    with refused("ValidationError", f"Failed to download model data(bucket: {BUCKET}, key: {prefix}five.tar.gz)"):
        invoke(builder, endpoint, "five.tar.gz")
    with refused("ValidationError", "is missing a target model header"):
        builder.invoke(endpoint)
    with refused("ValidationError", "is not a multi-model endpoint and does not support target model header"):
        invoke(builder, builder.endpoint(), "two.tar.gz")


def test_a_model_that_cannot_be_loaded_is_a_model_error(builder: SageMakerBuilder, prefix: str) -> None:
    builder.stored(f"{prefix}broken.tar.gz", tarball({"code/inference.py": "raise RuntimeError"}))
    builder.stored(f"{prefix}no-archive.tar.gz", b"text")
    endpoint = builder.endpoint_of(container(prefix))
    with refused("ModelError", "did not pass the ping health check"):
        invoke(builder, endpoint, "broken.tar.gz")
    with refused("ModelError", "Failed to extract model data archive"):
        invoke(builder, endpoint, "no-archive.tar.gz")
    assert invoke(builder, endpoint, "two.tar.gz") == 20, "the others are still served"


@pytest.mark.parametrize(("setting", "answer"), [("Enabled", 20), ("Disabled", 90)])
def test_a_cached_model_is_fetched_once(builder: SageMakerBuilder, prefix: str, setting: str, answer: int) -> None:
    endpoint = builder.endpoint_of(container(prefix, MultiModelConfig={"ModelCacheSetting": setting}))
    assert invoke(builder, endpoint, "two.tar.gz") == 20
    put(builder, prefix, "two.tar.gz", 9)
    assert invoke(builder, endpoint, "two.tar.gz") == answer


def test_requests_at_once_load_a_model_once(builder: SageMakerBuilder, prefix: str) -> None:
    put_telling_its_process(builder, prefix)
    endpoint = builder.endpoint_of(container(prefix))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: builder.invoke(endpoint, 1, TargetModel="pid.tar.gz")["pid"], range(4))
    assert len(set(answers)) == 1


def test_models_are_fetched_with_the_execution_roles_permissions(builder: SageMakerBuilder, prefix: str) -> None:
    readable = allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/{prefix}deep/*")
    role = builder.execution(readable, allow("s3:ListBucket", f"arn:aws:s3:::{BUCKET}"), PULLING)
    endpoint = builder.endpoint_of(container(f"{prefix}deep/"), ExecutionRoleArn=role)
    assert invoke(builder, endpoint, "three.tar.gz") == 30
    with refused("ValidationException", "s3:ListBucket"):
        builder.created(PrimaryContainer=container(prefix), ExecutionRoleArn=builder.execution(readable))


def test_a_policy_can_name_the_models_that_may_be_called(
    builder: SageMakerBuilder, server: Server, prefix: str
) -> None:
    endpoint = builder.endpoint_of(container(prefix))
    condition = {"StringLike": {"sagemaker:TargetModel": ["deep/*"]}}
    statement = allow("sagemaker:InvokeEndpoint", arn("endpoint", endpoint), Condition=condition)
    role = builder.role({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}, statement)
    client = server.client("sagemaker-runtime", credentials=server.role_credentials(role))
    request = {"EndpointName": endpoint, "ContentType": "application/json", "Body": b"1"}
    assert client.invoke_endpoint(**request, TargetModel="deep/three.tar.gz")["Body"].read()
    with refused("AccessDeniedException", "sagemaker:InvokeEndpoint"):
        client.invoke_endpoint(**request, TargetModel="two.tar.gz")


def test_a_multi_model_container_takes_a_prefix_and_nothing_else(builder: SageMakerBuilder, prefix: str) -> None:
    data = {"S3Uri": f"s3://{BUCKET}/{prefix}", "S3DataType": "S3Prefix", "CompressionType": "None"}
    with refused("ValidationException", "ModelDataSource is not supported"):
        definition = {"Image": IMAGE, "Mode": "MultiModel", "ModelDataSource": {"S3DataSource": data}}
        builder.created(PrimaryContainer=definition)
    with refused("ValidationException", "ModelDataUrl is required"):
        builder.created(PrimaryContainer={"Image": IMAGE, "Mode": "MultiModel"})
    with refused("ValidationException", "Could not find model data"):
        builder.created(PrimaryContainer=container(unique("nothing") + "/"))


def test_a_multi_model_container_can_stand_in_a_pipeline(builder: SageMakerBuilder, prefix: str) -> None:
    doubling = "def model_fn(d):\n    return lambda number: number * 2\n"
    first = {"Image": IMAGE, "ModelDataUrl": builder.archive({"code/inference.py": doubling})}
    endpoint = builder.endpoint_of(first, container(prefix))
    assert invoke(builder, endpoint, "deep/three.tar.gz") == 60


@pytest.mark.parametrize("setting", ["Enabled", "Disabled"])
def test_no_process_is_left_when_the_endpoint_serves_something_else(
    builder: SageMakerBuilder, prefix: str, setting: str
) -> None:
    put_telling_its_process(builder, prefix)
    endpoint = builder.endpoint_of(container(prefix, MultiModelConfig={"ModelCacheSetting": setting}))
    pid = builder.invoke(endpoint, 1, TargetModel="pid.tar.gz")["pid"]
    assert is_running(pid) == (setting == "Enabled")
    builder.update(endpoint, builder.config())
    deadline = time.monotonic() + 5
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(pid)
