"""Asynchronous inference: a request is taken at once, and its answer lies in S3, put there by the execution role."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.aws.sagemaker.builders import BUCKET, IMAGE, PULLING, Workshop, refused, unique

FAILING = "def model_fn(d):\n    return 1\ndef predict_fn(data, model):\n    raise ValueError('cannot')\n"


def role(workshop: Workshop, *, puts: str | None = "*") -> str:
    """An execution role that may read the bucket, and put below these keys of it."""
    rights = [{"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}, PULLING]
    if puts:
        rights.append({"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/{puts}"})
    return workshop.execution(*rights)


def endpoint(workshop: Workshop, *, script: str | None = None, runs_as: str | None = None, **changes: Any) -> str:
    """An asynchronous endpoint that answers into the workshop's bucket."""
    more = {"script": script} if script else {}
    container = {"Image": IMAGE, "ModelDataUrl": workshop.data(factor=2, **more)}
    model = workshop.created(PrimaryContainer=container, **({"ExecutionRoleArn": runs_as} if runs_as else {}))
    output = {"S3OutputPath": f"s3://{BUCKET}/answers/", "S3FailurePath": f"s3://{BUCKET}/failures", **changes}
    config = unique("config")
    variant = {
        "VariantName": "A",
        "ModelName": model,
        "InstanceType": "ml.t2.medium",
        "InitialInstanceCount": 1,
    }
    workshop.sagemaker.create_endpoint_config(
        EndpointConfigName=config, ProductionVariants=[variant], AsyncInferenceConfig={"OutputConfig": output}
    )
    return workshop.endpoint(config)


def ask(workshop: Workshop, name: str, **request: Any) -> dict[str, Any]:
    answer: dict[str, Any] = workshop.runtime.invoke_endpoint_async(
        EndpointName=name, ContentType="application/json", **request
    )
    return answer


def content(workshop: Workshop, uri: str, *, seconds: float = 15) -> bytes:
    """What lies at an address, once it is there."""
    client, deadline = workshop.server.client("s3"), time.monotonic() + seconds
    while True:
        try:
            found: bytes = client.get_object(Bucket=BUCKET, Key=uri.removeprefix(f"s3://{BUCKET}/"))["Body"].read()
        except ClientError:
            assert time.monotonic() < deadline, f"{uri} did not come"
            time.sleep(0.05)
        else:
            return found


def test_a_request_that_lies_in_s3_is_answered_in_s3(workshop: Workshop) -> None:
    asked = workshop.stored(unique("request"), json.dumps(21).encode())
    name = endpoint(workshop, runs_as=role(workshop, puts="answers/*"))
    answer = ask(workshop, name, InputLocation=asked, InferenceId="mine")
    assert answer["InferenceId"] == "mine"
    assert answer["OutputLocation"].startswith(f"s3://{BUCKET}/answers/")
    assert json.loads(content(workshop, answer["OutputLocation"]))["answer"] == 42


def test_a_request_in_the_call_itself_is_answered_in_s3(workshop: Workshop) -> None:
    answer = ask(workshop, endpoint(workshop, runs_as=role(workshop)), Body=b"4")
    assert json.loads(content(workshop, answer["OutputLocation"]))["answer"] == 8


def test_what_the_model_cannot_answer_is_told_in_s3(workshop: Workshop) -> None:
    answer = ask(workshop, endpoint(workshop, script=FAILING, runs_as=role(workshop)), Body=b"1")
    assert b"cannot" in content(workshop, answer["FailureLocation"])


def test_the_execution_role_must_be_allowed_to_put_the_answer(workshop: Workshop) -> None:
    answer = ask(workshop, endpoint(workshop, runs_as=role(workshop, puts=None)), Body=b"1")
    with pytest.raises(AssertionError, match="did not come"):
        content(workshop, answer["OutputLocation"], seconds=2)


def test_an_endpoint_answers_in_its_own_way_only(workshop: Workshop) -> None:
    with refused("ValidationError", "only supports asynchronous inference"):
        workshop.ask(endpoint(workshop), 1)
    with refused("ValidationError", "is not configured for asynchronous inference"):
        ask(workshop, workshop.endpoint(), Body=b"1")


def test_a_request_stands_in_one_place(workshop: Workshop) -> None:
    name = endpoint(workshop)
    with refused("ValidationError", "Exactly one of InputLocation and Body"):
        ask(workshop, name)
    with refused("ValidationError", "less than or equal to 128000 bytes"):
        ask(workshop, name, Body=b"1" * 128_001)
