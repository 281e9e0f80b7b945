"""The synthesised app, once for all tests of the stacks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.promotion.contract import resource_names
from tests import PROJECT
from tests.stacks.synthesis import Template, app_templates


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """Every stack's template by name."""
    return app_templates(tmp_path_factory.mktemp("cdk.out"), PROJECT / "sandbox" / "demo" / "promotion.yaml")


@pytest.fixture(scope="session")
def definition(templates: dict[str, Template]) -> dict[str, Any]:
    """The state machine's definition, with every reference as text."""
    resources = templates[resource_names.hub_stack()]["Resources"]
    machines = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::StepFunctions::StateMachine"]
    parts = machines[0]["DefinitionString"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else _text_of(part, resources) for part in parts)
    resolved: dict[str, Any] = json.loads(text)
    return resolved


def _text_of(reference: dict[str, Any], resources: dict[str, Any]) -> str:
    if reference.get("Ref") == "AWS::Partition":
        return "aws"
    if "Ref" not in reference:
        return f"arn:aws:lambda:us-east-1:111111111111:function:{reference['Fn::GetAtt'][0]}"
    resource = resources[reference["Ref"]]
    if resource["Type"] == "AWS::Lambda::Version":
        # Its own logical id is another one with each change of the code.
        return f"arn:aws:lambda:us-east-1:111111111111:function:{resource['Properties']['FunctionName']['Ref']}:1"
    return str(reference["Ref"]).lower()
