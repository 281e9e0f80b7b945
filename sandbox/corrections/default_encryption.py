"""What S3 says about an object's encryption: AES256 where nobody asks for more, and the S3 Bucket Key.

MiniStack stores neither (S3 User Guide: default bucket encryption; Bucket Keys).
"""

import functools
from typing import Any

from ministack.services import s3

ALGORITHM = "x-amz-server-side-encryption"
BUCKET_KEY = "x-amz-server-side-encryption-bucket-key-enabled"


def apply() -> None:
    s3._SSE_STORED_HEADERS = (*s3._SSE_STORED_HEADERS, BUCKET_KEY)
    default, resolve = s3._bucket_default_sse_headers, s3._resolve_sse_write_headers

    @functools.wraps(default)
    def default_of_all(bucket: str) -> dict[str, str]:
        found = dict(default(bucket)) or {ALGORITHM: "AES256"}
        if found[ALGORITHM] == "aws:kms" and _has_bucket_key(bucket):
            found[BUCKET_KEY] = "true"
        return found

    @functools.wraps(resolve)
    def resolve_bucket_key(headers: dict[str, str], bucket: str) -> Any:
        applied, refusal = resolve(headers, bucket)
        if refusal is None and applied.get(ALGORITHM) == "aws:kms":
            asked = headers.get(BUCKET_KEY)
            if asked == "true" or (asked is None and _has_bucket_key(bucket)):
                applied[BUCKET_KEY] = "true"
            else:
                applied.pop(BUCKET_KEY, None)
        return applied, refusal

    s3._bucket_default_sse_headers = default_of_all
    s3._resolve_sse_write_headers = resolve_bucket_key


def _has_bucket_key(bucket: str) -> bool:
    configured = s3._bucket_encryption.get(bucket)
    if not configured:
        return False
    enabled = (one.text for one in s3.fromstring(configured).iter() if one.tag.endswith("BucketKeyEnabled"))
    return (next(enabled, "") or "").strip() == "true"
