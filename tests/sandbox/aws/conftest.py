"""Servers for the tests of the sandbox itself: nothing is deployed into them."""

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest

from sandbox.aws.control import Sandbox
from sandbox.aws.patches import registry
from tests.sandbox.aws.builders import LOCATIONS
from tests.watched import watched

WITHOUT = "SANDBOX_WITHOUT"


@pytest.fixture(scope="session")
def bare_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A server with all patches, but those that the environment variable names."""
    directory, without = tmp_path_factory.mktemp("patched"), os.environ.get(WITHOUT, "").split()
    with watched(Sandbox.start(directory, locations=LOCATIONS, without=without, tied=True)) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def unpatched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """MiniStack without any patch: one server for all tests that must fail there."""
    directory = tmp_path_factory.mktemp("unpatched")
    with watched(Sandbox.start(directory, locations=LOCATIONS, without=[registry.ALL], tied=True)) as sandbox:
        yield sandbox


@pytest.fixture(
    params=[
        "bare_sandbox",
        pytest.param(
            "unpatched",
            marks=pytest.mark.xfail(strict=True, reason="when this passes, MiniStack no longer needs the patch"),
        ),
    ]
)
def patched(request: pytest.FixtureRequest) -> Sandbox:
    """The patched server, where the test must pass, and unpatched MiniStack, where it must fail."""
    sandbox: Sandbox = request.getfixturevalue(request.param)
    return sandbox


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"t{uuid4().hex[:12]}"
