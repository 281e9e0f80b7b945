"""Objects have the encryption AES256 by default, and the S3 Bucket Key.

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

    # By the configuration: reading its XML took 0.6 of a copy's 2.1 ms.
    defaults: dict[bytes, dict[str, str]] = {}

    @functools.wraps(default)
    def default_of_all(bucket: str) -> dict[str, str]:
        configured = s3._bucket_encryption.get(bucket) or b""
        if configured not in defaults:
            encryption = dict(default(bucket)) or {ALGORITHM: "AES256"}
            if encryption[ALGORITHM] == "aws:kms" and _has_bucket_key(configured):
                encryption[BUCKET_KEY] = "true"
            defaults[configured] = encryption
        return dict(defaults[configured])

    @functools.wraps(resolve)
    def resolve_bucket_key(headers: dict[str, str], bucket: str) -> Any:
        applied, refusal = resolve(headers, bucket)
        if refusal is None and applied.get(ALGORITHM) == "aws:kms":
            requested = headers.get(BUCKET_KEY)
            if requested == "true" or (requested is None and _has_bucket_key(s3._bucket_encryption.get(bucket) or b"")):
                applied[BUCKET_KEY] = "true"
            else:
                applied.pop(BUCKET_KEY, None)
        return applied, refusal

    s3._bucket_default_sse_headers = default_of_all
    s3._resolve_sse_write_headers = resolve_bucket_key


@functools.cache
def _has_bucket_key(configured: bytes) -> bool:
    if not configured:
        return False
    enabled = (element.text for element in s3.fromstring(configured).iter() if element.tag.endswith("BucketKeyEnabled"))
    return (next(enabled, "") or "").strip() == "true"
