"""What was made can be forgotten: one account's, or everything."""

import os
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.aws.sagemaker.builders import INFERENCE, SageMakerBuilder, new_builder, refused
from tests.sandbox.aws.sagemaker.server import ACCOUNT, OTHER_ACCOUNT, Server, running_server

TELLING_ITS_PID = INFERENCE.replace('"answer":', '"pid": os.getpid(), "answer":')


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own: the others keep theirs."""
    with running_server(tmp_path) as running:
        yield running


@pytest.fixture
def builder(server: Server) -> SageMakerBuilder:
    return new_builder(server)


def test_a_reset_forgets_everything_and_ends_hosting(builder: SageMakerBuilder, server: Server) -> None:
    pid = _served(builder)
    server.faults.inject("ListModels", "throttle")
    request = urllib.request.Request(f"{server.url}/_ministack/reset", method="POST")  # noqa: S310
    urllib.request.urlopen(request, context=server.tls).close()  # noqa: S310
    assert _ended(pid)
    assert not builder.sagemaker.list_models()["Models"]
    assert not builder.sagemaker.list_endpoints()["Endpoints"]
    assert not server.faults.pending()


def test_one_accounts_sagemaker_can_be_forgotten_and_nothing_else(builder: SageMakerBuilder, server: Server) -> None:
    pid = _served(builder)
    server.state.forget_sagemaker(OTHER_ACCOUNT)
    os.kill(pid, 0)
    assert builder.sagemaker.list_endpoints()["Endpoints"]
    server.state.forget_sagemaker(ACCOUNT)
    assert _ended(pid)
    assert not builder.sagemaker.list_endpoints()["Endpoints"]
    assert server.client("s3").list_buckets()["Buckets"]


def test_a_deployment_in_progress_is_forgotten_too(builder: SageMakerBuilder, server: Server) -> None:
    config = builder.config()
    builder.sagemaker.create_endpoint(EndpointName="endpoint", EndpointConfigName=config)
    server.state.forget_sagemaker()
    time.sleep(1.0)
    with refused("ValidationException", "Could not find endpoint"):
        builder.sagemaker.describe_endpoint(EndpointName="endpoint")


def _served(builder: SageMakerBuilder) -> int:
    endpoint = builder.endpoint(builder.config(builder.model(script=TELLING_ITS_PID)))
    return int(builder.invoke(endpoint)["pid"])


def _ended(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False
