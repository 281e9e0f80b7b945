"""The pusher: the role that keeps copies of the models' images in the target's image registry."""

from __future__ import annotations

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.roles import Role
from stacks.environment.base import AccountScope


def add_pusher(environment: AccountScope) -> None:
    role = environment.role(Role.PUSHER, "Stores copies of the models' images in this account's image registry")
    copies = (
        f"arn:aws:ecr:{environment.stack.region}:{environment.stack.account}:repository/{resource_names.IMAGE_PREFIX}/*"
    )
    environment.allow(role, "CreateRepositories", ["ecr:CreateRepository"], [copies])
    environment.allow(
        role,
        "PushImages",
        [
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:CompleteLayerUpload",
            "ecr:InitiateLayerUpload",
            "ecr:PutImage",
            "ecr:UploadLayerPart",
        ],
        [copies],
    )
    environment.allow(
        role,
        "SimulateOwnPermissions",
        ["iam:SimulatePrincipalPolicy"],
        [resource_names.environment_role_arn(environment.stack.account, environment.name, Role.PUSHER)],
    )
    environment.accept_wildcards(
        role,
        [f"Resource::{copies}"],
        "A repository has the name of its source's repository; a session is narrowed to one repository.",
    )
