"""IAM is sent every condition key of the policies that it simulates: a missing key leaves a denial undecided."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import aws_cdk as cdk
import pytest

import app as promote
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.preflight.iam_simulation import RequiredPermission
from tests import PROJECT

SIMULATED = (Role.DEPLOYER, Role.EXECUTION, Role.COPIER, Role.PUSHER, Role.INVOKER)
_VARIABLE = re.compile(r"\$\{([a-z][\w-]*:[^},]+)")


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The templates of a configuration with every option."""
    out = tmp_path_factory.mktemp("cdk.out")
    app = cdk.App(outdir=str(out), context=json.loads((PROJECT / "cdk.json").read_text())["context"])
    promote.build(app, PROJECT / "docs" / "reference" / "complete.promotion.yaml")
    app.synth()
    return [json.loads(file.read_text()) for file in out.glob("*.template.json")]


def condition_keys(template: dict[str, Any]) -> Iterator[str]:
    """Yield the keys of the conditions, and of the variables, in the policies of the simulated roles."""
    names = {
        logical_id
        for logical_id, resource in template["Resources"].items()
        if str(resource.get("Properties", {}).get("RoleName", "")).rpartition("-")[2] in SIMULATED
    }
    for resource in template["Resources"].values():
        roles = {role.get("Ref") for role in resource.get("Properties", {}).get("Roles", []) if isinstance(role, dict)}
        if resource["Type"] in {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"} and roles & names:
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                yield from (key for operator in statement.get("Condition", {}).values() for key in operator)
                yield from _VARIABLE.findall(json.dumps(statement))


def test_every_condition_key_of_the_simulated_policies_is_sent(templates: list[dict[str, Any]]) -> None:
    keys = {key.lower() for template in templates for key in condition_keys(template)}
    assert {"iam:passedtoservice", "kms:viaservice", "s3:prefix", "kms:grantisforawsresource"} <= keys
    permission = RequiredPermission(role="r", actions=("a:B",), resource="*")
    assert keys - {key.lower() for key in permission.entries} == set()
