"""What a service does with a role: MiniStack's own services act without asking IAM about the role they were given."""

import time
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_region
from ministack.services import iam, sts

SESSION_SECONDS = 3600


class NotAllowed(Exception):
    """The role may not do it, or the service may not take the role."""


def require(role_arn: str, service: str, session: str, action: str, resource: str, **keys: Any) -> str:
    """Raise `NotAllowed` unless `service` may assume the role and the role's policies allow the action.

    Returns the ARN of the session, the principal that a resource's policy sees.
    """
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    _trusting(role_arn, service)
    principal = f"arn:aws:sts::{account}:assumed-role/{name}/{session}"
    request_context = iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context={key.lower(): value for key, value in keys.items()},
    )
    policies = iam_evaluator._gather_role_policies(name, account)
    limits = iam_evaluator._permissions_boundary(iam._roles, name, account)
    result = iam_evaluator.evaluate(request_context, policies, *limits)
    if result.decision != "Allow":
        why = (
            "with an explicit deny in an identity-based policy"
            if result.decision == "Deny"
            else f"because no identity-based policy allows the {action} action"
        )
        raise NotAllowed(f"User: {principal} is not authorized to perform: {action} on resource: {resource} {why}")
    return principal


def assume(role_arn: str, service: str, session: str) -> dict[str, str]:
    """Credentials of the role, as the service gets them, by the names that boto3 gives them. Raises `NotAllowed`."""
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    role = _trusting(role_arn, service)
    credentials = {
        "aws_access_key_id": str(iam._gen_session_access_key()),
        "aws_secret_access_key": str(iam._gen_secret()),
        "aws_session_token": str(iam._gen_session_token()),
    }
    sts.register_session(
        credentials["aws_access_key_id"],
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
            "UserId": f"{role['RoleId']}:{session}",
            "SecretAccessKey": credentials["aws_secret_access_key"],
            "SessionToken": credentials["aws_session_token"],
            "Expiration": time.time() + SESSION_SECONDS,
        },
    )
    return credentials


def _trusting(role_arn: str, service: str) -> dict[str, Any]:
    """The role's record. Raises `NotAllowed` if there is none or it does not trust the service."""
    role = iam._roles.get_scoped(role_arn.split(":")[4], None, role_arn.rsplit("/", 1)[-1])
    if role is None or not _trusts(role.get("AssumeRolePolicyDocument"), service):
        raise NotAllowed(f"{service} is not authorized to assume the role {role_arn}")
    return dict(role)


def _trusts(document: Any, service: str) -> bool:
    statements = iam_evaluator.json.loads(document) if isinstance(document, str) else document or {}
    listed = statements.get("Statement", [])
    for statement in listed if isinstance(listed, list) else [listed]:
        principal = statement.get("Principal")
        named = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement.get("Effect") == "Allow" and service in ([named] if isinstance(named, str) else named):
            return True
    return False
