"""Each group of stages has an alias of the state machine, which leads to the version that is deployed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.steps import Step, function_of
from tests.stacks.config.test_schema import STAGES, VALID, mistakes, parse, stage
from tests.stacks.synthesis import Template


def of_type(templates: dict[str, Template], kind: str) -> dict[str, dict[str, Any]]:
    resources = templates[resource_names.hub_stack()]["Resources"]
    return {name: resource for name, resource in resources.items() if resource["Type"] == f"AWS::StepFunctions::{kind}"}


def test_every_environment_of_a_stage_has_an_alias(templates: dict[str, Template]) -> None:
    aliases = of_type(templates, "StateMachineAlias").values()
    assert sorted(alias["Properties"]["Name"] for alias in aliases) == ["production", "qa"]


def test_every_alias_leads_to_the_one_version_and_no_other(templates: dict[str, Template]) -> None:
    (version,) = of_type(templates, "StateMachineVersion")
    for alias in of_type(templates, "StateMachineAlias").values():
        assert alias["Properties"]["RoutingConfiguration"] == [
            {"StateMachineVersionArn": {"Fn::GetAtt": [version, "Arn"]}, "Weight": 100}
        ]


def test_every_change_of_the_machine_is_another_version(templates: dict[str, Template]) -> None:
    (machine,) = of_type(templates, "StateMachine")
    (version,) = of_type(templates, "StateMachineVersion").values()
    assert version["Properties"] == {
        "StateMachineArn": {"Ref": machine},
        "StateMachineRevisionId": {"Fn::GetAtt": [machine, "StateMachineRevisionId"]},
    }


def test_versions_do_not_pile_up(templates: dict[str, Template]) -> None:
    """A state machine has 1,000 versions at the most (AWS: Step Functions quotas)."""
    (version,) = of_type(templates, "StateMachineVersion").values()
    assert {"DeletionPolicy", "UpdateReplacePolicy"}.isdisjoint(version)


@pytest.mark.parametrize("step", [Step.RESOLVE_MODEL, Step.RESOLVE_ROLLBACK])
def test_each_first_step_may_ask_how_its_execution_was_started(templates: dict[str, Template], step: Step) -> None:
    policies = [
        resource["Properties"]
        for resource in templates[resource_names.hub_stack()]["Resources"].values()
        if resource["Type"] == "AWS::IAM::Policy"
        and re.search(rf"'{function_of(step).replace('_', '')}Role", str(resource["Properties"]["Roles"]))
    ]
    statements = [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]
    assert [statement["Action"] for statement in statements if statement.get("Sid") == "ReadExecutions"] == [
        "states:DescribeExecution"
    ]


def test_stages_can_share_an_alias() -> None:
    file = parse((f"{STAGES}.qa.start_alias", "team-a"), (f"{STAGES}.production.start_alias", "team-a"))
    assert file.start_aliases() == ["team-a"]
    assert {deployed.started_by for deployed in file.deployed().applications["reviews"].stages.values()} == {"team-a"}


def test_a_stage_without_one_has_that_of_its_environment() -> None:
    file = parse((f"{STAGES}.blue", stage(environment="qa", endpoint="reviews-blue")))
    assert file.start_aliases() == ["production", "qa"]
    assert file.deployed().applications["reviews"].stages["blue"].started_by == "qa"


def with_aliases(count: int) -> tuple[tuple[str, Any], tuple[str, Any]]:
    """Stages in environments of their own, each of which is started by another alias; two are there already."""
    targets = {f"more-{n}": {"account": f"90000000{n:04}", "region": "us-east-1"} for n in range(count - 2)}
    added = {name: {"model_package_group": name, "stages": {name: stage(endpoint=name)}} for name in targets}
    return (
        ("environments", {**VALID["environments"], **targets}),
        ("applications", {**VALID["applications"], **added}),
    )


def test_a_state_machine_has_100_aliases_at_the_most() -> None:
    assert len(parse(*with_aliases(100)).start_aliases()) == 100
    (mistake,) = mistakes(*with_aliases(101))
    assert "the stages are started by 101 aliases of the state machine, which can have 100" in mistake
    assert "the same start_alias" in mistake


def test_more_stages_than_that_share_their_aliases() -> None:
    environments, (path, applications) = with_aliases(120)
    for application in applications.values():
        for each in application["stages"].values():
            each["start_alias"] = "everyone"
    assert parse(environments, (path, applications)).start_aliases() == ["everyone"]
