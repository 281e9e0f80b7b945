"""The sessions in which the preflight asks: they can change nothing."""

from __future__ import annotations

from lambdas.promotion.aws.scoped_sessions import scoped_session
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.resource_names import Role
from lambdas.promotion.contract.settings import Environment


def query_session(
    promotion: Promotion, environment: Environment, role: Role, *more: tuple[list[str], list[str]]
) -> RoleSession:
    """Ask what the role's policies allow (IAM), and with `more` what else is there. It can change nothing."""
    own = environment.role_arn(role)
    simulated = [own, environment.role_arn(Role.EXECUTION)] if role is Role.DEPLOYER else [own]
    return scoped_session(promotion, environment, role, (["iam:SimulatePrincipalPolicy"], simulated), *more)
