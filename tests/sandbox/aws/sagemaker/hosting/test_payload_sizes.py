"""How much a request to an endpoint and its answer may have."""

from __future__ import annotations

from typing import Any

import pytest

from recordings import store
from tests.sandbox.aws.sagemaker.builders import SageMakerBuilder, refused

# Answers with as many bytes as the request says.
ANSWERING = """
def model_fn(model_dir): return None
def input_fn(body, content_type): return int(body[:12])
def predict_fn(size, model): return b"x" * size
def output_fn(answer, accept): return answer, "application/octet-stream"
"""
SERVERLESS = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
MIB = 1024**2


@pytest.fixture(scope="module", params=["instances", "serverless"])
def limited(request: pytest.FixtureRequest, builder: SageMakerBuilder) -> tuple[str, int]:
    """An endpoint, and how many bytes a request to it and an answer of it may have."""
    model = builder.model(script=ANSWERING)
    if request.param == "instances":
        return builder.endpoint(builder.config(model)), 6_291_456
    variant = {"VariantName": "V", "ModelName": model, "ServerlessConfig": SERVERLESS}
    builder.sagemaker.create_endpoint_config(EndpointConfigName=model, ProductionVariants=[variant])
    return builder.endpoint(model), 4 * MIB


def invoke(builder: SageMakerBuilder, endpoint: str, answer: int, *, request: int = 12) -> Any:
    body = str(answer).encode().ljust(request)
    return builder.runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/plain", Body=body)["Body"].read()


def test_an_answer_may_be_as_large_as_the_limit(limited: tuple[str, int], builder: SageMakerBuilder) -> None:
    endpoint, most = limited
    assert len(invoke(builder, endpoint, most)) == most


def test_a_larger_answer_is_a_model_error(limited: tuple[str, int], builder: SageMakerBuilder) -> None:
    """Which error AWS has was not found: `sagemaker-runtime/InvokeEndpoint/answer-too-large`."""
    endpoint, most = limited
    with refused("ModelError", f"more than {most} bytes"):
        invoke(builder, endpoint, most + 1)


def test_a_larger_request_of_a_serverless_endpoint_is_oversize(
    limited: tuple[str, int], builder: SageMakerBuilder
) -> None:
    endpoint, most = limited
    if most == 4 * MIB:
        expected = store.recording("sagemaker-runtime/InvokeEndpoint/payload-too-large-serverless").error
        with refused(str(expected["code"]), str(expected["message"]).rpartition("has")[2]):
            invoke(builder, endpoint, 1, request=most + 1)
    else:
        assert invoke(builder, endpoint, 1, request=most) == b"x"
