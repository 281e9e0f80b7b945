"""Execution roles: SageMaker assumes them to fetch a model, and has their permissions and no others."""

import time
from dataclasses import dataclass
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam, sts

SERVICE_PRINCIPAL = "sagemaker.amazonaws.com"
SESSION_SECONDS = 12 * 3600


class CannotAssume(Exception):
    """The role does not exist in this account, or does not trust SageMaker."""


@dataclass(frozen=True)
class Credentials:
    """Temporary credentials of an execution role."""

    access_key: str
    secret_key: str
    token: str
    account: str
    region: str


def assume(role_arn: str, session_name: str) -> Credentials:
    """Credentials of the role, as SageMaker gets them. Raises CannotAssume."""
    account, name = account_of(role_arn), role_arn.rsplit("/", 1)[-1]
    role = iam._roles.get_scoped(account, None, name) if account == get_account_id() else None
    if role is None or role["Arn"] != role_arn or not _trusts_sagemaker(role):
        raise CannotAssume(role_arn)
    credentials = Credentials(
        access_key=str(iam._gen_session_access_key()),
        secret_key=str(iam._gen_secret()),
        token=str(iam._gen_session_token()),
        account=account,
        region=str(get_region()),
    )
    sts.register_session(
        credentials.access_key,
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session_name}",
            "UserId": f"{role['RoleId']}:{session_name}",
            "SecretAccessKey": credentials.secret_key,
            "SessionToken": credentials.token,
            "Expiration": time.time() + SESSION_SECONDS,
        },
    )
    return credentials


def account_of(arn: str) -> str:
    return arn.split(":")[4]


def _trusts_sagemaker(role: dict[str, Any]) -> bool:
    context = iam_evaluator.EvalContext(
        principal_arn=SERVICE_PRINCIPAL,
        principal_type="Service",
        principal_account=get_account_id(),
        action="sts:AssumeRole",
        resource_arn=role["Arn"],
        region=get_region(),
        service_context={
            "aws:sourceaccount": get_account_id(),
            "aws:sourcearn": f"arn:aws:sagemaker:{get_region()}:{get_account_id()}:*",
        },
    )
    trust = iam_evaluator.evaluate_resource_policy(
        role.get("AssumeRolePolicyDocument"), context, service=SERVICE_PRINCIPAL
    )
    return bool(trust.decision == "Allow")
