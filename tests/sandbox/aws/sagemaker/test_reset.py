"""What was made can be forgotten: one account's, or everything."""

import os
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.aws.sagemaker.builders import INFERENCE, Workshop, open_workshop, refused
from tests.sandbox.aws.sagemaker.server import ACCOUNT, OTHER_ACCOUNT, Server, running_server

TELLING_ITS_PID = INFERENCE.replace('"answer":', '"pid": os.getpid(), "answer":')


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own: the others keep theirs."""
    with running_server(tmp_path) as running:
        yield running


@pytest.fixture
def workshop(server: Server) -> Workshop:
    return open_workshop(server)


def test_a_reset_forgets_everything_and_ends_hosting(workshop: Workshop, server: Server) -> None:
    pid = _served(workshop)
    server.faults.inject("ListModels", "throttle")
    request = urllib.request.Request(f"{server.url}/_ministack/reset", method="POST")  # noqa: S310
    urllib.request.urlopen(request, context=server.tls).close()  # noqa: S310
    assert _ended(pid)
    assert not workshop.sagemaker.list_models()["Models"]
    assert not workshop.sagemaker.list_endpoints()["Endpoints"]
    assert not server.faults.pending()


def test_one_accounts_sagemaker_can_be_forgotten_and_nothing_else(workshop: Workshop, server: Server) -> None:
    pid = _served(workshop)
    server.faults.forget_sagemaker(OTHER_ACCOUNT)
    os.kill(pid, 0)
    assert workshop.sagemaker.list_endpoints()["Endpoints"]
    server.faults.forget_sagemaker(ACCOUNT)
    assert _ended(pid)
    assert not workshop.sagemaker.list_endpoints()["Endpoints"]
    assert server.client("s3").list_buckets()["Buckets"]


def test_a_deployment_in_progress_is_forgotten_too(workshop: Workshop, server: Server) -> None:
    config = workshop.config()
    workshop.sagemaker.create_endpoint(EndpointName="endpoint", EndpointConfigName=config)
    server.faults.forget_sagemaker()
    time.sleep(1.0)
    with refused("ValidationException", "Could not find endpoint"):
        workshop.sagemaker.describe_endpoint(EndpointName="endpoint")


def _served(workshop: Workshop) -> int:
    endpoint = workshop.endpoint(workshop.config(workshop.model(script=TELLING_ITS_PID)))
    return int(workshop.ask(endpoint)["pid"])


def _ended(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False
