"""Servers for the tests of the sandbox itself: nothing is deployed into them."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from sandbox.aws.control import Sandbox
from tests.sandbox.aws.builders import LOCATIONS
from tests.watched import watched


@pytest.fixture(scope="session")
def bare_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A server with all patches."""
    with watched(Sandbox.start(tmp_path_factory.mktemp("patched"), locations=LOCATIONS, tied=True)) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def unpatched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """MiniStack as it comes."""
    directory = tmp_path_factory.mktemp("unpatched")
    with watched(Sandbox.start(directory, locations=LOCATIONS, patched=False, tied=True)) as sandbox:
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
    """The patched server, where the test must pass, and MiniStack as it comes, where it must fail."""
    sandbox: Sandbox = request.getfixturevalue(request.param)
    return sandbox


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"t{uuid4().hex[:12]}"
