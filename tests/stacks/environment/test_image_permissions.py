"""The permissions to copy images exist where an application copies its images, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.steps import Step
from stacks.baseline.role_placement import environments_with_role
from stacks.config.load import load
from tests.stacks.synthesis import (
    Template,
    app_templates,
    configuration_file,
    demo_configuration,
    environment_templates,
)

STEPS = [resource_names.step_role_arn("111111111111", step) for step in (Step.COPY_IMAGE, Step.PREFLIGHT)]


def configured(*copying: str) -> dict[str, Any]:
    """Two applications, `aa` from dev to qa and `bb` from qa to production; these copy images."""
    config = demo_configuration()
    (stages,) = (application["stages"] for application in config["applications"].values())
    config["applications"] = {
        name: {"model_package_group": name, "copy_images": name in copying, "stages": {stage: stages[stage]}}
        for name, stage in (("aa", "qa"), ("bb", "production"))
    }
    return config


@pytest.fixture(scope="module")
def neither(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    return environment_templates(tmp_path_factory.mktemp("neither"), configured())


@pytest.fixture(scope="module")
def first_only(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    return app_templates(tmp_path_factory.mktemp("first"), configured("aa"))


def trusted_by(templates: dict[str, Template], environment: str, role: Role) -> list[str] | None:
    """The principals that a role trusts, None if the role does not exist."""
    for resource in templates[resource_names.environment_stack(environment)]["Resources"].values():
        if resource["Properties"].get("RoleName") == resource_names.environment_role(environment, role):
            statements = resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            principals = [statement["Principal"]["AWS"] for statement in statements]
            return [arn for arns in principals for arn in (arns if isinstance(arns, list) else [arns])]
    return None


def allowed(template: Template) -> Iterator[tuple[str, str]]:
    """Each action that a template's identity policies allow, with its resources as text."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::IAM::Policy":
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                actions = statement["Action"]
                yield from (
                    (action, json.dumps(statement["Resource"]))
                    for action in (actions if isinstance(actions, list) else [actions])
                )


def test_no_role_can_copy_images_where_no_application_does(neither: dict[str, Template]) -> None:
    pulling = {"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
    for name, template in neither.items():
        ecr = {action for action, _ in allowed(template) if action.startswith("ecr:")}
        assert ecr <= {*pulling, "ecr:GetAuthorizationToken"}, name
    assert [trusted_by(neither, name, Role.PUSHER) for name in ("dev", "qa", "production")] == [None, None, None]
    assert not set(STEPS) & set(trusted_by(neither, "dev", Role.READER) or [])


def test_no_step_may_assume_a_pusher_where_no_application_copies_images(tmp_path: Path) -> None:
    configuration = load(configuration_file(tmp_path, configured()))
    assert [step for step in Step if environments_with_role(configuration, Role.PUSHER, step)] == []


def test_images_are_fetched_from_the_source_and_pushed_to_the_target_that_copy(first_only: dict[str, Template]) -> None:
    assert trusted_by(first_only, "qa", Role.PUSHER) == STEPS
    assert trusted_by(first_only, "production", Role.PUSHER) is None
    assert set(STEPS) <= set(trusted_by(first_only, "dev", Role.READER) or [])
    assert not set(STEPS) & set(trusted_by(first_only, "qa", Role.READER) or [])


def test_the_steps_assume_the_roles_at_both_ends_and_no_other(first_only: dict[str, Template]) -> None:
    assumed = [
        json.loads(on)
        for action, on in allowed(first_only[resource_names.hub_stack()])
        if action == "sts:AssumeRole" and "-pusher" in on
    ]
    both = ["arn:aws:iam::222222222222:role/promote-dev-reader", "arn:aws:iam::333333333333:role/promote-qa-pusher"]
    assert len(assumed) == len(STEPS)
    assert [[arn for arn in roles if "-reader" in arn or "-pusher" in arn] for roles in assumed] == [both, both]


def test_a_pusher_writes_into_our_own_repositories_only(first_only: dict[str, Template]) -> None:
    ours = "arn:aws:ecr:us-east-1:333333333333:repository/promote/*"
    reading = {"ecr:BatchGetImage", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer"}
    ecr = {(action, on) for action, on in allowed(first_only["promote-qa"]) if action.startswith("ecr:")}
    writing = {(action, on) for action, on in ecr if action not in {*reading, "ecr:GetAuthorizationToken"}}
    assert {on for _, on in writing} == {json.dumps(ours)}
    assert {action for action, _ in writing} == {
        "ecr:CompleteLayerUpload",
        "ecr:CreateRepository",
        "ecr:InitiateLayerUpload",
        "ecr:PutImage",
        "ecr:UploadLayerPart",
    }
