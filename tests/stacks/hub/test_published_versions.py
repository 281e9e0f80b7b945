"""A running execution keeps its definition: what this names stays as it is, whatever is deployed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lambdas.promotion.contract.resource_names import hub_stack

Resources = dict[str, dict[str, Any]]
AFTER_THE_STATE_MACHINE = {"AWS::StepFunctions::StateMachineVersion", "AWS::StepFunctions::StateMachineAlias"}


@pytest.fixture(scope="module")
def resources(templates: dict[str, dict[str, Any]]) -> Resources:
    hub: Resources = templates[hub_stack()]["Resources"]
    return hub


def of_type(resources: Resources, kind: str) -> Resources:
    return {name: resource for name, resource in resources.items() if resource["Type"] == kind}


def machine(resources: Resources) -> tuple[str, dict[str, Any]]:
    ((name, resource),) = of_type(resources, "AWS::StepFunctions::StateMachine").items()
    return name, resource


def referred(value: Any) -> Iterator[str]:
    """The logical ids to which a part of a template refers."""
    if isinstance(value, list):
        for item in value:
            yield from referred(item)
    elif isinstance(value, dict):
        if "Ref" in value:
            yield value["Ref"]
        if "Fn::GetAtt" in value:
            yield value["Fn::GetAtt"][0]
        for member in value.values():
            yield from referred(member)


def test_the_definition_names_versions_and_no_function(resources: Resources) -> None:
    _, resource = machine(resources)
    named = set(referred(resource["Properties"]["DefinitionString"]))
    versions, functions = of_type(resources, "AWS::Lambda::Version"), of_type(resources, "AWS::Lambda::Function")
    assert named & versions.keys() == versions.keys()
    assert not named & functions.keys()
    assert len(versions) > 10


def test_a_version_outlives_its_successor_but_not_a_failed_deployment(resources: Resources) -> None:
    """One that a failed deployment left would be the latest: the same code could not be published again."""
    for version in of_type(resources, "AWS::Lambda::Version").values():
        assert version["DeletionPolicy"] == "RetainExceptOnCreate"
        assert version["UpdateReplacePolicy"] == "Retain"


def test_the_state_machine_may_invoke_every_version_of_what_it_calls(resources: Resources) -> None:
    statements = [
        statement
        for policy in of_type(resources, "AWS::IAM::Policy").values()
        if any("StateMachineRole" in role for role in referred(policy["Properties"]["Roles"]))
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "lambda:InvokeFunction"
    ]
    allowed = [resource for statement in statements for resource in statement["Resource"]]
    for version in of_type(resources, "AWS::Lambda::Version").values():
        function = version["Properties"]["FunctionName"]["Ref"]
        assert {"Fn::Join": ["", [{"Fn::GetAtt": [function, "Arn"]}, ":*"]]} in allowed


def test_the_state_machine_is_updated_after_everything_else(resources: Resources) -> None:
    name, resource = machine(resources)
    after = {
        other
        for other, each in resources.items()
        if each["Type"] in AFTER_THE_STATE_MACHINE or "DistributedMapPolicy" in other
    }
    metadata = {other for other, each in resources.items() if each["Type"] == "AWS::CDK::Metadata"}
    assert {name, *resource["DependsOn"], *after} >= resources.keys() - metadata
    for other in resources.keys() - after - {name}:
        assert name not in set(referred(resources[other])), other
