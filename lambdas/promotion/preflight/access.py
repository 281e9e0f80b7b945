"""The sessions in which the preflight asks: they can change nothing."""

from __future__ import annotations

from lambdas.promotion.aws.scoped_sessions import scoped_session
from lambdas.promotion.aws.sessions import Account
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.resource_names import Duty
from lambdas.promotion.contract.settings import Environment


def as_asker(promotion: Promotion, environment: Environment, duty: Duty, *more: tuple[list[str], list[str]]) -> Account:
    """Ask what the role's policies allow (IAM), and with `more` what else is there. It can change nothing."""
    own = environment.role_arn(duty)
    simulated = [own, environment.role_arn(Duty.EXECUTION)] if duty is Duty.DEPLOYER else [own]
    return scoped_session(promotion, environment, duty, (["iam:SimulatePrincipalPolicy"], simulated), *more)
