"""Servers for the tests of the sandbox itself: nothing is deployed into them."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from sandbox.aws.control import Sandbox


@pytest.fixture(scope="session")
def bare_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A server with the corrections."""
    sandbox = Sandbox.start(tmp_path_factory.mktemp("corrected"))
    yield sandbox
    sandbox.stop()


@pytest.fixture(scope="session")
def unpatched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """MiniStack as it comes."""
    sandbox = Sandbox.start(tmp_path_factory.mktemp("uncorrected"), patched=False)
    yield sandbox
    sandbox.stop()


@pytest.fixture(
    params=[
        "bare_sandbox",
        pytest.param(
            "uncorrected",
            marks=pytest.mark.xfail(strict=True, reason="when this passes, MiniStack no longer needs the correction"),
        ),
    ]
)
def patched(request: pytest.FixtureRequest) -> Sandbox:
    """The corrected server, where the test must pass, and MiniStack as it comes, where it must fail."""
    sandbox: Sandbox = request.getfixturevalue(request.param)
    return sandbox


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"t{uuid4().hex[:12]}"
