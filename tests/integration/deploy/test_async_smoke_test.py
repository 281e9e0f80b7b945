"""Smoke tests of an asynchronous endpoint: its answers are read in S3, with the permissions that the stacks give."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from lambdas.promotion.contract.resource_names import environment_stack
from lambdas.promotion.contract.settings import Settings
from sandbox.aws import deployment
from sandbox.aws.layout import Layout
from sandbox.demo.deployment import app
from stacks.config.load import load
from tests.integration import smoke_tests
from tests.integration.world import APPLICATION, World

# Not the artifact bucket: with its key only the copiers encrypt.
BUCKET = "answers-333333333333"
LOCATION = f"s3://{BUCKET}"
ASYNC = {"s3_output_path": f"{LOCATION}/answers", "s3_failure_path": f"{LOCATION}/failures"}
GIVEN = {"InvokeAsynchronously", "ReadResponses", "DistinguishPendingFromDenied", "WriteOutputs", "InvokePreviews"}
ROLES = ("promote-qa-invoker", "promote-qa-execution")


def as_asynchronous(config: Path, folder: Path) -> Path:
    """The tests' configuration, with an asynchronous endpoint in qa."""
    document = yaml.safe_load(config.read_text())
    document["applications"][APPLICATION]["stages"]["qa"]["async_inference"] = ASYNC
    file = folder / "promotion.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return file


def statements(file: Path, layout: Layout) -> dict[str, list[dict[str, Any]]]:
    """By role, what the stack of qa gives for an asynchronous endpoint."""
    layout.create()
    deployment.synthesise(layout, app(file))
    name = f"{environment_stack('qa')}.template.json"
    template = json.loads((layout.cloud_assembly / name).read_text())["Resources"]
    by_role: dict[str, list[dict[str, Any]]] = {role: [] for role in ROLES}
    for resource in template.values():
        if resource["Type"] == "AWS::IAM::Policy":
            for reference in resource["Properties"]["Roles"]:
                role = template[reference["Ref"]]["Properties"]["RoleName"]
                if role in by_role:
                    every = resource["Properties"]["PolicyDocument"]["Statement"]
                    by_role[role] += [statement for statement in every if statement.get("Sid") in GIVEN]
    return by_role


@pytest.fixture(scope="module")
def world(
    module_world: World, deployed_settings: Settings, config: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("asynchronous")
    file = as_asynchronous(config, folder)
    permissions = statements(file, Layout(folder))
    assert all(permissions.values())
    module_world.client("s3", "qa").create_bucket(Bucket=BUCKET)
    iam = module_world.client("iam", "qa")
    for role, given in permissions.items():
        policy = json.dumps({"Version": "2012-10-17", "Statement": given})
        iam.put_role_policy(RoleName=role, PolicyName="asynchronous", PolicyDocument=policy)
    settings = load(file).deployed()
    module_world.deploy_settings(smoke_tests.with_tests(settings, replace(smoke_tests.TEXT, timeout_seconds=30)))
    yield module_world
    module_world.deploy_settings(deployed_settings)
    for role in permissions:
        iam.delete_role_policy(RoleName=role, PolicyName="asynchronous")


def test_a_working_model_is_invoked_and_its_response_is_read_from_s3(world: World) -> None:
    ended = world.promote_successfully(world.model())
    (test,) = ended.output["smoke"]["tests"]
    assert (test["sent"], test["failures"]) == ("a fine film (text/csv, 11 bytes)", 0)
    assert '"asked": "a fine film"' in test["received"]


def test_a_failing_model_fails_the_test_with_the_content_of_its_failure_object(world: World) -> None:
    container = world.container("broken")
    container["Environment"]["SAGEMAKER_SUBMIT_DIRECTORY"] = world.upload("sourcedir.tar.gz", smoke_tests.broken())
    ended = world.promote(world.model(container=container))

    assert (ended.status, ended.error) == ("FAILED", "SmokeTestFailed")
    assert f"the asynchronous request failed ({LOCATION}/failures/" in ended.cause
