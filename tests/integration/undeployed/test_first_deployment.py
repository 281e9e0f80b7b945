"""A first deployment that fails at its last resource is simply repeated: nothing of it is in the way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lambdas.promotion.contract import resource_names
from sandbox.aws import deployment
from sandbox.aws.control import Sandbox
from sandbox.aws.locations import Locations
from sandbox.aws.process import SandboxFailed
from tests.sandbox.aws.builders import HUB, LOCATIONS, eventually, trust

HUB_STACK = resource_names.hub_stack()
QA_STACK = resource_names.environment_stack("qa")
# IAM refuses a trust in a role that does not exist.
IMPOSSIBLE = json.loads(trust({"AWS": f"arn:aws:iam::{HUB}:role/missing"}))


@pytest.fixture(scope="module")
def assembly(bare_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app's cloud assembly, for accounts that are bootstrapped and empty."""
    # Here, so that only the worker that has these tests starts the CDK.
    from tests.stacks.synthesis import app_templates, demo_configuration  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("cdk.out")
    app_templates(folder, demo_configuration())
    accounts = {name: LOCATIONS.all[name] for name in ("hub", "dev", "qa")}
    deployment.bootstrap(bare_sandbox.layout, bare_sandbox.port, Locations(accounts))
    return folder


def failing_late(assembly: Path, folder: Path, stack: str) -> Path:
    """The assembly with a last resource in the stack that cannot be created."""
    shutil.copytree(assembly, folder)
    file = folder / f"{stack}.template.json"
    template: dict[str, Any] = json.loads(file.read_text())
    resources = template["Resources"]
    last = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": IMPOSSIBLE}}
    resources["Last"] = last | {"DependsOn": list(resources)}
    file.write_text(json.dumps(template))
    return folder


def deploy(sandbox: Sandbox, stack: str, assembly: Path) -> None:
    # The stacks that it depends on are deployed as well: nothing changes in those that are.
    deployment.deploy(sandbox.layout, sandbox.port, (stack,), assembly=assembly)


def status(sandbox: Sandbox, stack: str, account: str) -> str:
    (described,) = sandbox.client("cloudformation", account).describe_stacks(StackName=stack)["Stacks"]
    return str(described["StackStatus"])


@pytest.mark.parametrize(("stack", "environment"), [(HUB_STACK, "hub"), (QA_STACK, "qa")])
def test_a_first_deployment_that_failed_late_is_repeated(
    bare_sandbox: Sandbox, assembly: Path, tmp_path: Path, stack: str, environment: str
) -> None:
    account = LOCATIONS.all[environment].account
    with pytest.raises(SandboxFailed, match="missing"):
        deploy(bare_sandbox, stack, failing_late(assembly, tmp_path / "failing", stack))
    assert status(bare_sandbox, stack, account) == "ROLLBACK_COMPLETE"
    deploy(bare_sandbox, stack, assembly)
    assert status(bare_sandbox, stack, account) == "CREATE_COMPLETE"


def test_another_hub_in_the_account_is_refused_at_its_roles(bare_sandbox: Sandbox, assembly: Path) -> None:
    """In whichever Region: their names have none. The first hub stays as it is."""
    deploy(bare_sandbox, HUB_STACK, assembly)
    template = json.loads((assembly / f"{HUB_STACK}.template.json").read_text())
    roles = {
        logical_id: _alone(resource)
        for logical_id, resource in template["Resources"].items()
        if "RoleName" in resource["Properties"]
    }
    iam = bare_sandbox.client("iam")
    before = _role_ids(iam)
    elsewhere = bare_sandbox.client("cloudformation", region="eu-west-1")
    elsewhere.create_stack(
        StackName=HUB_STACK,
        TemplateBody=json.dumps({"Resources": roles}),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    events = eventually(lambda: _failures(elsewhere))
    assert "already exists" in events[-1]["ResourceStatusReason"]
    assert _role_ids(iam) == before


def _role_ids(iam: Any) -> dict[str, str]:
    pages = iam.get_paginator("list_roles").paginate()
    return {role["RoleName"]: role["RoleId"] for page in pages for role in page["Roles"]}


def _alone(role: dict[str, Any]) -> dict[str, Any]:
    """A role without what refers to other resources."""
    own = ("RoleName", "AssumeRolePolicyDocument")
    return {"Type": role["Type"], "Properties": {name: role["Properties"][name] for name in own}}


def _failures(stacks: Any) -> list[dict[str, Any]]:
    events = stacks.describe_stack_events(StackName=HUB_STACK)["StackEvents"]
    if not any(event["ResourceStatus"] == "ROLLBACK_COMPLETE" for event in events):
        return []
    return [event for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
