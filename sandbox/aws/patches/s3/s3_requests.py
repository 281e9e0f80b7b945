"""The caller of an S3 request is known for as long as the request is processed."""

import functools
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.core.router import extract_access_key_id
from ministack.services import s3

_caller: ContextVar[Any] = ContextVar("sandbox_s3_caller", default=None)


def caller() -> Any:
    """The request's principal with its policies (`PrincipalInfo`), or None: anonymous, or MiniStack's own call."""
    return _caller.get()


def context(principal: Any, action: str, resource: str, region: str, **keys: Any) -> Any:
    """What a policy is evaluated against (`EvalContext`)."""
    return iam_evaluator.EvalContext(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=principal.account,
        action=action,
        resource_arn=resource,
        region=region,
        principal_keys=principal.keys,
        service_context={name.lower(): value for name, value in keys.items()},
    )


def copy_source(headers: dict[str, str]) -> tuple[str, str, str]:
    """The bucket, the key and the version (or none) that a copy reads."""
    path, _, query = headers.get("x-amz-copy-source", "").partition("?")
    bucket, _, key = s3.url_unquote(path).lstrip("/").partition("/")
    return bucket, key, s3._parse_qs(query).get("versionId", [""])[0]


def apply() -> None:
    answer = s3.handle_request

    @functools.wraps(answer)
    async def answer_caller(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any], **options: Any
    ) -> Any:
        principal = None if options.get("internal") else _principal(headers, query_params)
        token = _caller.set(principal)
        try:
            return await answer(method, path, headers, body, query_params, **options)
        finally:
            _caller.reset(token)

    s3.handle_request = answer_caller


def _principal(headers: dict[str, str], query_params: dict[str, Any]) -> Any:
    access_key = extract_access_key_id(headers, query_params)
    if not access_key:
        return None
    account = iam_evaluator.find_iam_access_key_account(access_key) or get_account_id()
    principal = iam_evaluator.resolve_principal(access_key, account)
    return None if isinstance(principal, iam_evaluator.AuthError) else principal


def may(action: str, bucket: str, key: str = "") -> bool:
    """Whether the caller may do something to a bucket or an object: its own policies, and the bucket's."""
    principal, owner = _caller.get(), s3._bucket_owner_account(bucket)
    if principal is None or owner is None:
        return True
    request_context = context(
        principal, action, f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}", get_region()
    )
    identity = iam_evaluator.EvalResult("Allow")
    if principal.policies is not None:
        identity = iam_evaluator.evaluate(request_context, principal.policies, *principal.limits)
    policy = s3._bucket_policies.get_scoped(owner, None, bucket) or ""
    decided = iam_evaluator.combine_resource_policy(identity, request_context, policy, owner, limits=principal.limits)
    return bool(decided.decision == "Allow")
