"""One sandbox with everything deployed for all tests; what a test made is forgotten before the next."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdas.promotion.settings import Settings
from sandbox.control import Sandbox
from sandbox.launch import launch
from stacks import configuration
from tests.workflow.given import World

CONFIG = Path(__file__).parents[2] / "sandbox" / "promotion.yaml"


@pytest.fixture(scope="session")
def deployed_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    os.environ["PROMOTE_SANDBOX_ENDPOINT_SECONDS"] = "0.3"
    sandbox = launch(
        tmp_path_factory.mktemp("a sandbox with spaces"), config=CONFIG, with_model=False, wait_scale=0.003
    )
    try:
        yield sandbox
    finally:
        sandbox.stop()
        del os.environ["PROMOTE_SANDBOX_ENDPOINT_SECONDS"]


@pytest.fixture(scope="session")
def deployed_settings() -> Settings:
    return configuration.load(CONFIG).deployed()


@pytest.fixture
def world(deployed_sandbox: Sandbox) -> Iterator[World]:
    world = World(deployed_sandbox)
    world.forget()
    yield world
    world.forget()


@pytest.fixture(scope="module")
def lasting_world(deployed_sandbox: Sandbox) -> Iterator[World]:
    """One world for a whole file, whose tests each promote a model of their own."""
    world = World(deployed_sandbox)
    world.forget()
    yield world
    world.forget()
