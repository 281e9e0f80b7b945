"""Who may start one alias promotes to its stages only; tried with that principal's own credentials."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from string import Template
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.control import Sandbox
from sandbox.demo.deployment import state_machine_arn
from tests import PROJECT
from tests.integration.world import APPLICATION, World, require_failed
from tests.sandbox.aws.builders import refusal

POLICY = PROJECT / "docs" / "policies" / "ci-start.json"
CI = "ci-of-qa"


@pytest.fixture
def ci(deployed_sandbox: Sandbox) -> Iterator[Any]:
    """Step Functions as a principal that has the ready policy for the alias of qa, and nothing else."""
    iam, hub = deployed_sandbox.client("iam", "hub"), deployed_sandbox.accounts["hub"]
    policy = Template(POLICY.read_text()).substitute(HubAccount=hub, Region=deployed_sandbox.region, Alias="qa")
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{hub}:root"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [root]})
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName=CI, AssumeRolePolicyDocument=trust)
    iam.put_role_policy(RoleName=CI, PolicyName="start", PolicyDocument=policy)
    yield deployed_sandbox.client("stepfunctions", "hub", deployed_sandbox.assume(f"arn:aws:iam::{hub}:role/{CI}"))
    iam.delete_role_policy(RoleName=CI, PolicyName="start")
    iam.delete_role(RoleName=CI)


def start(ci: Any, world: World, qualifier: str, **request: Any) -> str:
    arn: str = ci.start_execution(
        stateMachineArn=f"{state_machine_arn(world.sandbox)}{qualifier}",
        name=f"qa-{uuid4().hex[:8]}",
        input=json.dumps({"application": APPLICATION, **request}),
    )["executionArn"]
    return arn


def test_ci_promotes_by_its_alias_and_follows_its_own_executions_only(world: World, ci: Any) -> None:
    arn = start(ci, world, ":qa", stage="qa", model_name=world.model().name)
    assert world.wait(arn).output["outcome"] == "Promoted"
    assert ci.describe_execution(executionArn=arn)["status"] == "SUCCEEDED"
    assert ci.get_execution_history(executionArn=arn, maxResults=1)["events"]
    other = world.start(stage="qa", application=APPLICATION, model_name="m")
    world.wait(other)
    with pytest.raises(ClientError, match="AccessDenied"):
        ci.describe_execution(executionArn=other)


@pytest.mark.parametrize("request_", [{"model_name": "m"}, {"roll_back": True}, {"model_name": "m", "dry_run": True}])
def test_ci_cannot_promote_to_another_stage_by_its_alias(world: World, ci: Any, request_: dict[str, Any]) -> None:
    before = world.resources_in("production"), world.artifacts_in("production")
    arn = start(ci, world, ":qa", stage="production", **request_)
    require_failed(world.wait(arn), "WrongAlias", "stateMachine:promote:production")
    record = world.record_of(arn, "production")
    assert (record["outcome"], record["error"]) == ("Refused", "WrongAlias")
    assert (world.resources_in("production"), world.artifacts_in("production")) == before
    assert world.lock_of("production") == {}


def test_ci_cannot_start_by_anything_but_its_alias(world: World, ci: Any) -> None:
    machine = state_machine_arn(world.sandbox)
    states = world.client("stepfunctions")
    (version,) = states.list_state_machine_versions(stateMachineArn=machine)["stateMachineVersions"]
    for arn in (f"{machine}:production", machine, version["stateMachineVersionArn"]):
        assert "AccessDenied" in refusal(ci.start_execution, stateMachineArn=arn)
    routing = [{"stateMachineVersionArn": version["stateMachineVersionArn"], "weight": 100}]
    update = {"stateMachineAliasArn": f"{machine}:qa", "routingConfiguration": routing}
    assert "AccessDenied" in refusal(ci.update_state_machine_alias, **update)
