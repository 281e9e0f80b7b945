"""S3 needs the caller's KMS permissions to encrypt or decrypt with a customer's key. MiniStack does not ask.

Writing wants kms:GenerateDataKey, reading kms:Decrypt; an upload in parts wants both, because S3 reads the parts again.
S3 works in the bucket's Region and takes keys of that Region only, whatever Region a copy's other end has.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import kms, s3

from sandbox.aws.patches.s3 import s3_requests
from sandbox.aws.patches.s3.default_encryption import ALGORITHM, BUCKET_KEY

KEY = "x-amz-server-side-encryption-aws-kms-key-id"
# Requests on an object that touch its tags, lock or ACL, never its content.
WITHOUT_CONTENT = ("tagging", "acl", "retention", "legal-hold", "restore", "annotation")


@dataclass(frozen=True)
class Use:
    """One use of a key that a request implies. `key` is empty for the account's own `aws/s3` key."""

    action: str
    key: str
    bucket: str
    object_key: str
    by_bucket_key: bool

    @property
    def within(self) -> str:
        """What the encryption context says after the bucket: nothing under an S3 Bucket Key."""
        return "" if self.by_bucket_key else f"/{self.object_key}"


def apply() -> None:
    _allow_account_key()
    answer = s3._dispatch

    @functools.wraps(answer)
    def answer_if_key_allows(
        method: str, bucket: str, key: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Any:
        principal = s3_requests.caller()
        if principal is not None and key:
            for use in _uses(method, bucket, key, headers, query):
                refusal = _refusal(principal, use)
                if refusal is not None:
                    return refusal
        return answer(method, bucket, key, headers, body, query)

    s3._dispatch = answer_if_key_allows


def _allow_account_key() -> None:
    """Encryption with KMS that names no key takes the account's `aws/s3`, where MiniStack refuses."""
    resolve = s3._resolve_sse_write_headers

    @functools.wraps(resolve)
    def resolve_without_key(headers: dict[str, str], bucket: str) -> Any:
        if headers.get(ALGORITHM) == "aws:kms" and not headers.get(KEY):
            return {ALGORITHM: "aws:kms"}, None
        return resolve(headers, bucket)

    s3._resolve_sse_write_headers = resolve_without_key


def _uses(method: str, bucket: str, key: str, headers: dict[str, str], query: dict[str, Any]) -> Iterator[Use]:
    if any(name in query for name in WITHOUT_CONTENT):
        return
    if "x-amz-copy-source" in headers:
        yield from _reads(*s3_requests.copy_source(headers))
    if "uploadId" in query:
        upload = s3._multipart_uploads.get(s3._qp(query, "uploadId"))
        if upload and method in ("PUT", "POST"):
            yield from _of(upload["preserved_headers"], bucket, key, "kms:GenerateDataKey", "kms:Decrypt")
    elif method == "PUT" or (method == "POST" and "uploads" in query):
        written = headers if headers.get(ALGORITHM) else s3._bucket_default_sse_headers(bucket)
        yield from _of(written, bucket, key, "kms:GenerateDataKey")
    elif method == "GET" or (method == "HEAD" and headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"):
        yield from _reads(bucket, key, s3._qp(query, "versionId", ""))


def _reads(bucket: str, key: str, version: str) -> Iterator[Use]:
    bucket_record = s3._ensure_bucket(bucket)
    stored = bucket_record["objects"].get(key) if bucket_record else None
    if version:
        stored = next((v for v in s3._object_versions.get((bucket, key), []) if v["version_id"] == version), stored)
    if stored:
        yield from _of(stored.get("preserved_headers") or {}, bucket, key, "kms:Decrypt")


def _of(encryption: dict[str, str], bucket: str, key: str, *actions: str) -> Iterator[Use]:
    if encryption.get(ALGORITHM, "").startswith("aws:kms"):
        for action in actions:
            yield Use(action, encryption.get(KEY, ""), bucket, key, encryption.get(BUCKET_KEY) == "true")


def _refusal(principal: Any, use: Use) -> Any:
    owner = s3._bucket_owner_account(use.bucket) or get_account_id()
    if not use.key:
        # The key aws/s3 serves its own account only, and without any policy of the caller.
        return None if principal.account == owner else _denied(principal, use, "aws/s3", "resource")
    region = _region(use.bucket)
    # A bare key id or an alias is looked up in the caller's account, as KMS does for S3.
    account, key_region = _account_and_region(use.key) or (principal.account, region)
    if key_region != region:
        return s3._error("KMS.NotFoundException", f"Invalid arn {key_region}", 400)
    with request_scope(account, region):
        key = kms._resolve_key(use.key)
    if key is None or key.get("KeyState", "Enabled") != "Enabled":
        code = "KMS.NotFoundException" if key is None else "KMS.DisabledException"
        return s3._error(code, f"Key '{use.key}' does not exist or is not enabled", 400)
    request_context = s3_requests.context(
        principal,
        use.action,
        key["Arn"],
        region,
        **{
            "kms:ViaService": f"s3.{region}.amazonaws.com",
            "kms:CallerAccount": principal.account,
            "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{use.bucket}{use.within}",
        },
    )
    if principal.policies is None:
        identity = iam_evaluator.EvalResult("Allow")
    else:
        identity = iam_evaluator.evaluate(request_context, principal.policies, *principal.limits)
    decided = iam_evaluator.combine_resource_policy(
        identity, request_context, key.get("Policy"), account, required=True, limits=principal.limits
    )
    if decided.decision == "Allow":
        return None
    lacking = "resource" if identity.decision == "Allow" else "identity"
    return _denied(principal, use, key["Arn"], lacking, explicit=decided.decision == "Deny")


def _region(bucket: str) -> str:
    bucket_record = s3._ensure_bucket(bucket)
    return str(bucket_record["region"]) if bucket_record else str(get_region())


def _account_and_region(key: str) -> tuple[str, str] | None:
    try:
        arn = parse_arn(key)
    except ArnParseError:
        return None
    return arn.account_id, arn.region


def _denied(principal: Any, use: Use, key_arn: str, lacking: str, *, explicit: bool = False) -> Any:
    why = (
        f"with an explicit deny in a {lacking}-based policy"
        if explicit
        else f"because no {lacking}-based policy allows the {use.action} action"
    )
    message = f"User: {principal.arn} is not authorized to perform: {use.action} on resource: {key_arn} {why}"
    return s3._error("AccessDenied", message, 403, f"/{use.bucket}/{use.object_key}")
