"""What an execution role may do, as IAM decides it: for services that MiniStack lets anyone use, or that it lacks."""

from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import request_scope
from ministack.services import kms

from sandbox.aws.sagemaker.api.roles import Credentials, account_of


def allows(credentials: Credentials, action: str, *resources: str) -> bool:
    """Whether the role's own policies allow it on each of the resources."""
    return all(_identity(credentials, action, resource, {})[0].decision == "Allow" for resource in resources)


def guarded_allows(credentials: Credentials, action: str, resource: str, policy: Any) -> bool:
    """Whether the role may use a resource that has a policy: within its account either allows, across both must."""
    identity, context, principal = _identity(credentials, action, resource, {})
    decision = iam_evaluator.combine_resource_policy(
        identity, context, policy, account_of(resource), limits=principal.limits
    )
    return bool(decision.decision == "Allow")


def may_decrypt(credentials: Credentials, key_arn: str) -> bool:
    """Whether the role may use a customer's key: MiniStack's S3 decrypts for everyone."""
    owner, region = account_of(key_arn), key_arn.split(":")[3]
    with request_scope(owner, region):
        policy = kms.key_policy_for_arn(key_arn)
    if policy is None:
        return False
    condition_keys = {"kms:viaservice": f"s3.{region}.amazonaws.com", "kms:calleraccount": credentials.account}
    identity, context, principal = _identity(credentials, "kms:Decrypt", key_arn, condition_keys)
    decision = iam_evaluator.combine_resource_policy(identity, context, *policy, required=True, limits=principal.limits)
    return bool(decision.decision == "Allow")


def _identity(
    credentials: Credentials, action: str, resource: str, condition_keys: dict[str, str]
) -> tuple[Any, Any, Any]:
    """What the identity policies say, the question as they read it, and who asks."""
    principal = iam_evaluator.resolve_principal(credentials.access_key, credentials.account)
    context = iam_evaluator.EvalContext(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=principal.account,
        action=action,
        resource_arn=resource,
        region=credentials.region if resource == "*" else resource.split(":")[3] or credentials.region,
        service_context=condition_keys,
        principal_keys=principal.keys,
        secure_transport=True,
    )
    return iam_evaluator.evaluate(context, principal.policies, *principal.limits), context, principal
