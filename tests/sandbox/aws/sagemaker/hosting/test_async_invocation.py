"""Asynchronous inference: a request is taken at once, and its answer lies in S3, put there by the execution role."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.aws.sagemaker.builders import BUCKET, IMAGE, PULLING, SageMakerBuilder, refused, unique

FAILING = "def model_fn(d):\n    return 1\ndef predict_fn(data, model):\n    raise ValueError('cannot')\n"


def role(builder: SageMakerBuilder, *, puts: str | None = "*") -> str:
    """An execution role that may read the bucket, and put below these keys of it."""
    permissions = [{"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}, PULLING]
    if puts:
        permissions.append({"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/{puts}"})
    return builder.execution(*permissions)


def endpoint(
    builder: SageMakerBuilder, *, script: str | None = None, runs_as: str | None = None, **changes: Any
) -> str:
    """An asynchronous endpoint that answers into the workshop's bucket."""
    more = {"script": script} if script else {}
    container = {"Image": IMAGE, "ModelDataUrl": builder.data(factor=2, **more)}
    model = builder.created(PrimaryContainer=container, **({"ExecutionRoleArn": runs_as} if runs_as else {}))
    output = {"S3OutputPath": f"s3://{BUCKET}/answers/", "S3FailurePath": f"s3://{BUCKET}/failures", **changes}
    config = unique("config")
    variant = {
        "VariantName": "A",
        "ModelName": model,
        "InstanceType": "ml.t2.medium",
        "InitialInstanceCount": 1,
    }
    builder.sagemaker.create_endpoint_config(
        EndpointConfigName=config, ProductionVariants=[variant], AsyncInferenceConfig={"OutputConfig": output}
    )
    return builder.endpoint(config)


def invoke(builder: SageMakerBuilder, name: str, **request: Any) -> dict[str, Any]:
    answer: dict[str, Any] = builder.runtime.invoke_endpoint_async(
        EndpointName=name, ContentType="application/json", **request
    )
    return answer


def content(builder: SageMakerBuilder, uri: str, *, seconds: float = 15) -> bytes:
    """The content of an object, once it exists."""
    client, deadline = builder.server.client("s3"), time.monotonic() + seconds
    while True:
        try:
            body: bytes = client.get_object(Bucket=BUCKET, Key=uri.removeprefix(f"s3://{BUCKET}/"))["Body"].read()
        except ClientError:
            assert time.monotonic() < deadline, f"{uri} did not come"
            time.sleep(0.05)
        else:
            return body


def test_a_request_stored_in_s3_is_answered_in_s3(builder: SageMakerBuilder) -> None:
    request_uri = builder.stored(unique("request"), json.dumps(21).encode())
    name = endpoint(builder, runs_as=role(builder, puts="answers/*"))
    answer = invoke(builder, name, InputLocation=request_uri, InferenceId="mine")
    assert answer["InferenceId"] == "mine"
    assert answer["OutputLocation"].startswith(f"s3://{BUCKET}/answers/")
    assert json.loads(content(builder, answer["OutputLocation"]))["answer"] == 42


def test_a_request_in_the_call_itself_is_answered_in_s3(builder: SageMakerBuilder) -> None:
    answer = invoke(builder, endpoint(builder, runs_as=role(builder)), Body=b"4")
    assert json.loads(content(builder, answer["OutputLocation"]))["answer"] == 8


def test_a_model_failure_is_reported_in_s3(builder: SageMakerBuilder) -> None:
    answer = invoke(builder, endpoint(builder, script=FAILING, runs_as=role(builder)), Body=b"1")
    assert b"cannot" in content(builder, answer["FailureLocation"])


def test_the_execution_role_must_be_allowed_to_put_the_answer(builder: SageMakerBuilder) -> None:
    answer = invoke(builder, endpoint(builder, runs_as=role(builder, puts=None)), Body=b"1")
    with pytest.raises(AssertionError, match="did not come"):
        content(builder, answer["OutputLocation"], seconds=2)


def test_an_endpoint_accepts_only_its_own_kind_of_invocation(builder: SageMakerBuilder) -> None:
    with refused("ValidationError", "only supports asynchronous inference"):
        builder.invoke(endpoint(builder), 1)
    with refused("ValidationError", "is not configured for asynchronous inference"):
        invoke(builder, builder.endpoint(), Body=b"1")


def test_a_request_has_exactly_one_input(builder: SageMakerBuilder) -> None:
    name = endpoint(builder)
    with refused("ValidationError", "Exactly one of InputLocation and Body"):
        invoke(builder, name)
    with refused("ValidationError", "less than or equal to 128000 bytes"):
        invoke(builder, name, Body=b"1" * 128_001)
