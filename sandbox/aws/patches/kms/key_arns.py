"""An object names the key that encrypts it by the key's ARN, whatever named it: an id, an alias, a bucket's default.

MiniStack keeps the text of the request.
"""

import functools
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import get_account_id, request_scope
from ministack.services import kms, s3

from sandbox.aws.patches.kms.kms_encryption import KEY
from sandbox.aws.patches.s3 import s3_requests


def apply() -> None:
    resolve = s3._resolve_sse_write_headers

    @functools.wraps(resolve)
    def resolve_to_arn(headers: dict[str, str], bucket: str) -> Any:
        applied, refusal = resolve(headers, bucket)
        if refusal is None and applied.get(KEY):
            applied = {**applied, KEY: _arn(applied[KEY], bucket)}
        return applied, refusal

    s3._resolve_sse_write_headers = resolve_to_arn


def _arn(key: str, bucket: str) -> str:
    """The ARN of a key that exists: an id and an alias are looked up in the caller's account, as KMS does for S3."""
    principal, record = s3_requests.caller(), s3._ensure_bucket(bucket)
    account = principal.account if principal else get_account_id()
    region = str(record["region"]) if record else ""
    try:
        named = parse_arn(key)
        account, region = named.account_id, named.region
    except ArnParseError:
        pass
    with request_scope(account, region):
        described = kms._resolve_key(key)
    return str(described["Arn"]) if described else key
