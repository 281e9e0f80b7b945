"""One sandbox with everything deployed for all tests; what a test made is forgotten before the next."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from lambdas.promotion.aws import sessions
from lambdas.promotion.contract import settings
from lambdas.promotion.contract.resource_names import step_role_arn
from lambdas.promotion.contract.settings import Settings
from lambdas.promotion.contract.steps import Step
from sandbox.aws.control import Sandbox
from sandbox.aws.layout import Layout
from sandbox.demo.deployment import launch
from stacks.config.load import load
from tests.integration import smoke_tests
from tests.integration.workers import shared, take_assembly
from tests.integration.world import World
from tests.watched import watched

# In seconds: how long an endpoint takes at least, and a state that waits for something and then looks at it.
TIMES = {"SANDBOX_ENDPOINT_SECONDS": "0.3", "SANDBOX_LEAST_WAIT": "0.2"}


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with shared(tmp_path_factory) as folder:
        return smoke_tests.write_configuration(folder)


@pytest.fixture(scope="session")
def deployed_sandbox(
    tmp_path_factory: pytest.TempPathFactory, config: Path, deployed_settings: Settings
) -> Iterator[Sandbox]:
    os.environ.update(TIMES)
    directory = tmp_path_factory.mktemp("a sandbox with spaces")
    with shared(tmp_path_factory) as folder:
        take_assembly(Layout(folder), Layout(directory), config)
    with watched(launch(directory, config=config, with_model=False, wait_scale=0.003, tied=True)) as sandbox:
        World(sandbox).deploy_settings(deployed_settings)
        World(sandbox).deploy_small_parts(deployed_settings)
        yield sandbox
    for name in TIMES:
        del os.environ[name]


@pytest.fixture(scope="session")
def deployed_settings(config: Path) -> Settings:
    return smoke_tests.with_tests(load(config).deployed())


@pytest.fixture
def world(deployed_sandbox: Sandbox) -> Iterator[World]:
    world = World(deployed_sandbox)
    world.reset()
    yield world
    world.reset()
    world.drop_leftovers()


@pytest.fixture(scope="module")
def module_world(deployed_sandbox: Sandbox) -> Iterator[World]:
    """One world for a whole file, whose tests each promote a model of their own."""
    world = World(deployed_sandbox)
    world.reset()
    yield world
    world.reset()
    world.drop_leftovers()


@pytest.fixture
def failures_are_dropped(module_world: World) -> Iterator[None]:
    """For a file of many tests, none of which asks for what failed in an earlier one."""
    yield
    module_world.state.drop_histories("FAILED")


@pytest.fixture
def act_as_step(world: World, deployed_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[Step], None]:
    """Let the product's own functions and steps run here as a step's Lambda does in the hub."""

    def act(step: Step) -> None:
        own = world.sandbox.assume(step_role_arn(world.sandbox.accounts["hub"], step))
        session = boto3.Session(own["AccessKeyId"], own["SecretAccessKey"], own["SessionToken"])
        monkeypatch.setattr(sessions, "_session", session)
        monkeypatch.setattr(settings, "deployed", lambda: deployed_settings)
        monkeypatch.setenv("AWS_ENDPOINT_URL", world.sandbox.endpoint_url)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(world.sandbox.ca_bundle))

    return act
