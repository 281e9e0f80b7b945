"""A model of several containers: a pipeline, or each called by its name."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.aws.sagemaker.builders import IMAGE, SageMakerBuilder, described, refused
from tests.sandbox.aws.sagemaker.server import ACCOUNT, Server
from tests.sandbox.aws.sagemaker.test_permissions import allow, arn

# Takes what the former container hands on, with its content type, and adds what it knows of itself.
STEP = """
import json, os, pathlib

def model_fn(model_dir):
    return {"word": (pathlib.Path(model_dir) / "word").read_text(), "of": os.environ.get("OF"), "pid": os.getpid()}

def input_fn(body, content_type):
    return {"took": content_type, "body": body if isinstance(body, str) else body.decode()}

def predict_fn(data, model):
    if data["body"] == "fail in " + model["word"]:
        raise RuntimeError("the model cannot do this")
    return {**model, **data}

def output_fn(prediction, accept):
    return json.dumps(prediction), "application/x-" + prediction["word"]
"""


def step(builder: SageMakerBuilder, word: str, **more: Any) -> dict[str, Any]:
    data = builder.archive({"word": word, "code/inference.py": STEP})
    return {"Image": IMAGE, "ModelDataUrl": data, "Environment": {"OF": f"environment of {word}"}, **more}


def invoke(builder: SageMakerBuilder, endpoint: str, body: bytes = b"begin", **arguments: Any) -> dict[str, Any]:
    answer: dict[str, Any] = builder.runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType="text/plain", Body=body, **arguments
    )
    return answer


def test_each_container_hands_its_answer_and_its_type_to_the_next(builder: SageMakerBuilder) -> None:
    endpoint = builder.endpoint_of(step(builder, "one"), step(builder, "two"))
    answer = invoke(builder, endpoint)
    assert answer["ContentType"] == "application/x-two"
    text = answer["Body"].read().decode()
    assert '"took": "application/x-one"' in text
    assert '\\"took\\": \\"text/plain\\"' in text, "the first container's answer is the second's body"


def test_each_container_has_a_process_an_environment_and_a_model_of_its_own(builder: SageMakerBuilder) -> None:
    names = {"ContainerHostname": "first"}, {"ContainerHostname": "second"}
    containers = [step(builder, word, **name) for word, name in zip(("one", "two"), names, strict=True)]
    endpoint = builder.endpoint_of(*containers, InferenceExecutionConfig={"Mode": "Direct"})
    pids = set()
    for target, word in (("first", "one"), ("second", "two")):
        content = invoke(builder, endpoint, TargetContainerHostname=target)["Body"].read().decode()
        assert f'"word": "{word}", "of": "environment of {word}"' in content
        assert '"took": "text/plain"' in content, "only that container is called"
        pids.add(content.partition('"pid": ')[2].partition(",")[0])
    assert len(pids) == 2


def test_direct_invocation_needs_the_name_of_a_container(builder: SageMakerBuilder) -> None:
    pipeline = builder.endpoint_of(step(builder, "one"), step(builder, "two"))
    with refused("ValidationError", "not configured for direct invocation"):
        invoke(builder, pipeline, TargetContainerHostname="container-1")
    direct = builder.endpoint_of(
        step(builder, "one", ContainerHostname="first"),
        step(builder, "two", ContainerHostname="second"),
        InferenceExecutionConfig={"Mode": "Direct"},
    )
    with refused("ValidationError", "TargetContainerHostname is required"):
        invoke(builder, direct)
    with refused("ValidationError", "no container with the host name third"):
        invoke(builder, direct, TargetContainerHostname="third")


def test_a_policy_can_name_the_containers_that_may_be_called(builder: SageMakerBuilder, server: Server) -> None:
    endpoint = builder.endpoint_of(
        step(builder, "one", ContainerHostname="first"),
        step(builder, "two", ContainerHostname="second"),
        InferenceExecutionConfig={"Mode": "Direct"},
    )
    condition = {"StringLike": {"sagemaker:TargetContainerHostname": ["fir*"]}}
    statement = allow("sagemaker:InvokeEndpoint", arn("endpoint", endpoint), Condition=condition)
    role = builder.role({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}, statement)
    client = server.client("sagemaker-runtime", credentials=server.role_credentials(role))
    request = {"EndpointName": endpoint, "ContentType": "text/plain", "Body": b"x"}
    assert client.invoke_endpoint(**request, TargetContainerHostname="first")["Body"].read()
    with refused("AccessDeniedException", "sagemaker:InvokeEndpoint"):
        client.invoke_endpoint(**request, TargetContainerHostname="second")


def test_the_container_that_failed_is_named(builder: SageMakerBuilder) -> None:
    first, second = (step(builder, word, ContainerHostname=f"container-of-{word}") for word in ("one", "two"))
    endpoint = builder.endpoint_of(first, second)
    with pytest.raises(ClientError, match="from container-of-one with message"):
        invoke(builder, endpoint, b"fail in one")


def test_a_container_that_does_not_start_is_named(builder: SageMakerBuilder) -> None:
    broken = {"Image": IMAGE, "ModelDataUrl": builder.archive({"code/inference.py": "raise RuntimeError"})}
    reason = builder.failure_of(step(builder, "one"), broken)
    assert "The container-2 container for production variant AllTraffic did not pass the ping health check" in reason


def test_each_container_of_a_pipeline_has_a_log_of_its_own(builder: SageMakerBuilder, server: Server) -> None:
    named = step(builder, "one", ContainerHostname="first"), step(builder, "two", ContainerHostname="second")
    endpoint = builder.endpoint_of(*named)
    streams = server.client("logs").describe_log_streams(logGroupName=f"/aws/sagemaker/Endpoints/{endpoint}")
    names = sorted(stream["logStreamName"] for stream in streams["logStreams"])
    assert [name.split("/")[0::2] for name in names] == [["AllTraffic", "first"], ["AllTraffic", "second"]]
    assert len({name.split("/")[1] for name in names}) == 1, "they share an instance"


def test_a_list_of_containers_is_described_as_a_list(builder: SageMakerBuilder) -> None:
    first, second = step(builder, "one", ContainerHostname="first"), step(builder, "two", ContainerHostname="second")
    mode = {"Mode": "Direct"}
    for containers, config in (([first], {"Mode": "Serial"}), ([first, second], mode)):
        model = builder.created(Containers=containers, InferenceExecutionConfig=config)
        description = builder.sagemaker.describe_model(ModelName=model)
        filled = [described(container) for container in containers]
        assert (description["Containers"], description["InferenceExecutionConfig"]) == (filled, config)
        assert "PrimaryContainer" not in description


@pytest.mark.parametrize(
    ("names", "mode", "problem"),
    [
        (["one", None], "Serial", "for all containers of the model or for none"),
        (["one", "one"], "Serial", "must be unique"),
        ([None, None], "Direct", "each with a ContainerHostname"),
        (["one"], "Direct", "more than one container"),
    ],
)
def test_host_names_are_consistent(builder: SageMakerBuilder, names: list[str | None], mode: str, problem: str) -> None:
    containers = [{"Image": IMAGE, **({"ContainerHostname": name} if name else {})} for name in names]
    with refused("ValidationException", problem):
        builder.created(Containers=containers, InferenceExecutionConfig={"Mode": mode})


def test_a_model_has_at_most_fifteen_containers(builder: SageMakerBuilder) -> None:
    assert builder.created(Containers=[{"Image": IMAGE}] * 15)
    with refused("ValidationException", "less than or equal to 15"):
        builder.created(Containers=[{"Image": IMAGE}] * 16)


def test_the_environments_of_all_containers_share_a_limit(builder: SageMakerBuilder) -> None:
    def full(variables: int) -> dict[str, Any]:
        return {"Image": IMAGE, "Environment": {f"V{number:03}": "x" * 1020 for number in range(variables)}}

    assert builder.created(Containers=[full(16), full(16)])
    with refused("ValidationException", "must not exceed 32 KB"):
        builder.created(Containers=[full(16), full(17)])


def test_a_variable_is_measured_in_bytes(builder: SageMakerBuilder) -> None:
    assert builder.created(PrimaryContainer={"Image": IMAGE, "Environment": {"TEXT": "ü" * 512}})
    with refused("ValidationException", "longer than 1024 bytes"):
        builder.created(PrimaryContainer={"Image": IMAGE, "Environment": {"TEXT": "ü" * 513}})
    with refused("ValidationException", "less than or equal to 100"):
        many = {f"V{number}": "" for number in range(101)}
        builder.created(PrimaryContainer={"Image": IMAGE, "Environment": many})
