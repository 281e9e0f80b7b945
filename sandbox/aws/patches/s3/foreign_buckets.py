"""The policy of another account's bucket is evaluated for the caller, and the bucket can be the source of a copy.

MiniStack asks the bucket's policy about the caller's account instead of the caller, and looks for a copy's source, its
versions and its tags in the destination's account.
"""

import functools
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import AccountScopedDict, get_account_id, get_region, request_scope
from ministack.services import s3

from sandbox.aws.patches.s3 import s3_requests


class ByBucketOwner(AccountScopedDict):  # type: ignore[misc]
    """Records of objects, `(bucket, key, …)`, under the bucket's owner for every caller: bucket names are global."""

    __slots__ = ()

    def _scoped(self, key: Any) -> tuple[str, Any]:
        return s3._bucket_owner_account(key[0]) or get_account_id(), key


def apply() -> None:
    allows = s3._foreign_bucket_allows

    @functools.wraps(allows)
    def caller_allowed(
        owner: str,
        bucket: str,
        key: str,
        method: str,
        query_params: dict[str, Any],
        account: str,
        headers: dict[str, str] | None = None,
    ) -> bool:
        principal = s3_requests.caller()
        if principal is None:
            return bool(allows(owner, bucket, key, method, query_params, account, headers))
        return _policy_allows(principal, owner, bucket, key, method, query_params, headers or {})

    in_account = s3._ensure_bucket

    @functools.wraps(in_account)
    def of_any_account(name: str) -> Any:
        own = in_account(name)
        owner = s3._bucket_owner_account(name) if own is None else None
        return s3._buckets.get_scoped(owner, None, name) if owner else own

    s3._foreign_bucket_allows = caller_allowed
    s3._ensure_bucket = of_any_account
    s3._object_versions = ByBucketOwner()
    s3._object_tags = ByBucketOwner()


def _policy_allows(
    principal: Any,
    owner: str,
    bucket: str,
    key: str,
    method: str,
    query_params: dict[str, Any],
    headers: dict[str, str],
) -> bool:
    policy = s3._bucket_policies.get_scoped(owner, None, bucket)
    if not policy or (
        s3._public_access_blocked(owner, bucket, "RestrictPublicBuckets") and s3._policy_is_public(policy)
    ):
        return False
    path = f"/{bucket}/{key}" if key else f"/{bucket}"
    action = f"s3:{iam_actions._s3_action(method, path, query_params)}"
    with request_scope(owner, get_region()):
        keys = iam_actions.s3_service_context(action, query_params, path, headers)
    request_context = s3_requests.context(principal, action, f"arn:aws:s3:::{path[1:]}", get_region(), **keys)
    return bool(iam_evaluator.evaluate_resource_policy(policy, request_context).decision == "Allow")
