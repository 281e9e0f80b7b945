"""A first deployment that failed is repeated with CDK's CLI: not with termination protection."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.aws import deployment
from sandbox.aws.control import Sandbox
from sandbox.aws.process import SandboxFailed
from tests.sandbox.aws.builders import HUB, eventually, trust

TOPIC = {"Type": "AWS::SNS::Topic", "Properties": {}}
# As an environment that is deployed before the hub, whose roles it trusts.
_MISSING = json.loads(trust({"AWS": f"arn:aws:iam::{HUB}:role/missing"}))
IMPOSSIBLE = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": _MISSING}, "DependsOn": "Topic"}


def assembly(folder: Path, name: str, resources: dict[str, Any], *, protected: bool) -> Path:
    """A cloud assembly with one stack, which no bootstrap is needed for."""
    folder.mkdir()
    (folder / f"{name}.template.json").write_text(json.dumps({"Resources": resources}))
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://{HUB}/us-east-1",
        "properties": {"templateFile": f"{name}.template.json", "terminationProtection": protected},
    }
    (folder / "manifest.json").write_text(json.dumps({"version": "38.0.0", "artifacts": {name: stack}}))
    return folder


def deploy(sandbox: Sandbox, folder: Path, name: str, resources: dict[str, Any], *, protected: bool) -> str:
    """Deploy the stack, and return its status."""
    cloud_assembly = assembly(folder, name, resources, protected=protected)
    deployment.deploy(sandbox.layout, sandbox.port, (name,), assembly=cloud_assembly)
    return status_of(sandbox, name)


def status_of(sandbox: Sandbox, name: str) -> str:
    (stack,) = sandbox.client("cloudformation", HUB).describe_stacks(StackName=name)["Stacks"]
    return str(stack["StackStatus"])


@pytest.fixture
def failed_first(bare_sandbox: Sandbox, tmp_path: Path, name: str, protected: bool) -> str:
    """The name of a stack whose creation failed."""
    resources = {"Topic": TOPIC, "Role": IMPOSSIBLE}
    # What the CLI reports last depends on when it looks.
    with pytest.raises(SandboxFailed, match=r"CREATE_FAILED|ROLLBACK_COMPLETE"):
        deploy(bare_sandbox, tmp_path / "first", name, resources, protected=protected)
    assert eventually(lambda: status_of(bare_sandbox, name) == "ROLLBACK_COMPLETE")
    return name


@pytest.mark.parametrize("protected", [False])
def test_a_first_deployment_that_failed_is_simply_repeated(
    bare_sandbox: Sandbox, tmp_path: Path, failed_first: str, protected: bool
) -> None:
    status = deploy(bare_sandbox, tmp_path / "again", failed_first, {"Topic": TOPIC}, protected=protected)
    assert status == "CREATE_COMPLETE"


@pytest.mark.parametrize("protected", [True])
def test_a_protected_stack_whose_creation_failed_cannot_be_deployed_again(
    bare_sandbox: Sandbox, tmp_path: Path, failed_first: str, protected: bool
) -> None:
    """Not even without the protection: CDK deletes the stack before it would end it."""
    for number, protection in enumerate((protected, False)):
        with pytest.raises(SandboxFailed, match="cannot be deleted while TerminationProtection is enabled"):
            deploy(bare_sandbox, tmp_path / f"again{number}", failed_first, {"Topic": TOPIC}, protected=protection)
