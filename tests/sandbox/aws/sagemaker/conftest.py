"""One server for all the tests of the SageMaker service."""

from collections.abc import Iterator

import pytest

from tests.sandbox.aws.sagemaker.builders import SageMakerBuilder, new_builder
from tests.sandbox.aws.sagemaker.server import Server, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("sagemaker")) as running:
        yield running


@pytest.fixture(scope="session")
def builder(server: Server) -> SageMakerBuilder:
    return new_builder(server)


@pytest.fixture(autouse=True)
def no_faults(server: Server) -> Iterator[None]:
    yield
    server.faults.clear()
