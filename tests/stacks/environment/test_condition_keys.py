"""IAM is sent every condition key of the policies that it simulates: a missing key leaves a denial undecided."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from lambdas.promotion.contract.roles import Role
from lambdas.promotion.preflight import iam_simulation
from lambdas.promotion.preflight.iam_simulation import RequiredPermission
from tests import PROJECT
from tests.stacks.synthesis import Template, environment_templates

SIMULATED = (Role.DEPLOYER, Role.EXECUTION, Role.COPIER, Role.PUSHER, Role.INVOKER)
_VARIABLE = re.compile(r"\$\{([a-z][\w-]*:[^},]+)")


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> list[Template]:
    """The environments' templates of a configuration with every option."""
    complete = PROJECT / "docs" / "reference" / "complete.promotion.yaml"
    return list(environment_templates(tmp_path_factory.mktemp("cdk.out"), complete).values())


def condition_keys(template: Template) -> Iterator[str]:
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


def test_every_condition_key_of_the_simulated_policies_is_sent(templates: list[Template]) -> None:
    keys = {key.lower() for template in templates for key in condition_keys(template)}
    assert {"iam:passedtoservice", "kms:viaservice", "s3:prefix", "kms:grantisforawsresource"} <= keys
    permission = RequiredPermission(role="r", actions=("a:B",), resource="*")
    assert keys - {key.lower() for key in iam_simulation.entries([permission])} == set()
