"""A stage's options for its model: variables, VPC, isolation, ARNs. Mistakes are reported before a deployment."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.promotion.contract import settings
from lambdas.promotion.contract.settings import Settings
from tests.stacks.config.test_schema import REMOVED, STAGES, mistakes, parse

QA = f"{STAGES}.qa"
ROLE, OUR_ROLE = "arn:aws:iam::222222222222:role/x", "arn:aws:iam::333333333333:role/x"


def deployed(field: str, value: Any) -> settings.Stage:
    """Return the stage as a Lambda reads it."""
    text = parse((f"{QA}.{field}", value)).deployed().to_json()
    return Settings.from_json(text).applications["reviews"].stages["qa"]


def test_without_configuration_nothing_is_changed() -> None:
    stage = deployed("deadline", "1h")
    assert (stage.variables, stage.vpc, stage.network_isolation, stage.arns) == (settings.Variables(), None, None, {})


def test_variables_are_passed_to_the_lambdas() -> None:
    variables = {"set": {"A": "1"}, "replace": {"B": ""}, "drop": ["C"], "keep": ["D", "E"]}
    assert deployed("variables", variables).variables == settings.Variables(
        set={"A": "1"}, replace={"B": ""}, drop=("C",), keep=("D", "E")
    )


def test_a_vpc_is_passed_to_the_lambdas() -> None:
    vpc = {"security_group_ids": ["sg-1"], "subnets": ["subnet-1", "subnet-2"]}
    assert deployed("vpc", vpc).vpc == settings.Vpc(security_group_ids=("sg-1",), subnets=("subnet-1", "subnet-2"))


def test_no_vpc_is_different_from_an_unset_vpc() -> None:
    assert deployed("vpc", "none").vpc == settings.Vpc(security_group_ids=(), subnets=())
    assert deployed("vpc", None).vpc is None


@pytest.mark.parametrize("isolation", [True, False, None])
def test_network_isolation_is_passed_to_the_lambdas(isolation: bool | None) -> None:
    assert deployed("network_isolation", isolation).network_isolation is isolation


def test_arns_are_passed_to_the_lambdas() -> None:
    assert deployed("arns", {ROLE: OUR_ROLE}).arns == {ROLE: OUR_ROLE}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("variables", [], "must be a mapping"),
        ("variables.sett", {}, "there is no such field"),
        ("variables.set", {"A": 1}, "put it in quotes, or YAML reads it as a number"),
        ("variables.set", {"A": 0.5}, "put it in quotes, or YAML reads it as a number"),
        ("variables.set", {"A": True}, "put it in quotes, or YAML reads it as true or false"),
        ("variables.set", {"1A": "x"}, "must be a variable's name"),
        ("variables.replace", {"A-B": "x"}, "must be a variable's name"),
        ("variables.set", {"A": "x" * 1025}, "at most 1024 bytes, as SageMaker requires, not 1025"),
        ("variables.set", {"A": "ü" * 513}, "at most 1024 bytes, as SageMaker requires, not 1026"),
        ("variables.set", {"A" * 1025: "x"}, "at most 1024 bytes"),
        ("variables.set", {f"A{n}": "" for n in range(101)}, "set has 101; SageMaker allows 100"),
        ("variables.set", {f"A{n:02}": "x" * 1021 for n in range(33)}, "set has 33792 bytes; SageMaker allows 32768"),
        ("variables.drop", "A", "must be a list"),
        ("variables.keep", ["A B"], "must be a variable's name"),
        ("vpc", "default", "must be a mapping"),
        ("vpc", {"subnets": ["subnet-1"]}, "is missing"),
        ("vpc", {"subnets": ["subnet-1"], "security_group_ids": []}, "at least 1"),
        ("vpc", {"subnets": ["subnet-1"], "security_group_ids": [f"sg-{n}" for n in range(6)]}, "at most 5"),
        ("vpc", {"subnets": [f"subnet-{n}" for n in range(17)], "security_group_ids": ["sg-1"]}, "at most 16"),
        ("vpc", {"subnets": ["sg-1"], "security_group_ids": ["sg-1"]}, "must be a subnet's id"),
        ("vpc", {"subnets": ["subnet-1"], "security_group_ids": ["default"]}, "must be a security group's id"),
        ("vpc", {"subnets": [f"subnet-{'1' * 30}"], "security_group_ids": ["sg-1"]}, "at most 32"),
        ("network_isolation", "yes", "must be true or false"),
        ("network_isolation", 1, "must be true or false"),
        ("arns", [ROLE], "must be a mapping"),
        ("arns", {ROLE: "role/x"}, "must be a whole ARN"),
        ("arns", {"arn:aws:iam::222222222222:role/*": OUR_ROLE}, "must be a whole ARN"),
        ("arns", {"222222222222": OUR_ROLE}, "must be a whole ARN"),
    ],
)
def test_a_mistake_is_reported_with_its_path_and_the_expected_form(path: str, value: Any, message: str) -> None:
    field, _, inner = path.partition(".")
    (mistake,) = mistakes((f"{QA}.{field}", {inner: value} if inner else value))
    assert mistake.startswith(f"{QA}.{field}")
    assert message in mistake


@pytest.mark.parametrize("first", ["set", "replace", "drop", "keep"])
@pytest.mark.parametrize("other", ["set", "replace", "drop", "keep"])
def test_a_variable_has_one_fate(first: str, other: str) -> None:
    values: dict[str, Any] = {"set": {"A": "x"}, "replace": {"A": "y"}, "drop": ["A"], "keep": ["A"]}
    variables = {first: values[first], other: values[other]}
    if first == other:
        assert deployed("variables", variables)
        return
    (mistake,) = mistakes((f"{QA}.variables", variables))
    assert mistake.startswith(f"{QA}.variables: A is in ")


def test_every_constraint_violation_is_reported_at_once() -> None:
    variables = {"set": {"A": "secret"}, "replace": {"B": "y"}, "drop": ["A", "B"], "keep": ["A"]}
    (mistake,) = mistakes((f"{QA}.variables", variables))
    assert mistake.endswith("A is in set and in drop and in keep; B is in replace and in drop")


def test_a_stage_takes_any_model_unless_it_takes_approved_versions_only() -> None:
    stages = parse((f"{STAGES}.production.approved_only", True)).deployed().applications["reviews"].stages
    assert {name: each.approved_only for name, each in stages.items()} == {"qa": False, "production": True}


def test_approved_versions_are_those_of_a_group_which_the_application_must_name() -> None:
    without = mistakes((f"{STAGES}.qa.approved_only", True), ("applications.reviews.model_package_group", REMOVED))
    assert without == ["applications.reviews.model_package_group: is missing"]
