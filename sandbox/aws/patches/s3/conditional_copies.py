"""CopyObject with `If-None-Match: *` never overwrites. MiniStack honours the header on PutObject and on the completion
of a multipart upload, not on a copy.
"""

import functools
from typing import Any

from ministack.services import s3


def apply() -> None:
    copy = s3._copy_object

    @functools.wraps(copy)
    def copy_if(bucket_name: str, key: str, headers: dict[str, str]) -> Any:
        bucket = s3._ensure_bucket(bucket_name)
        existing = bucket["objects"].get(key) if bucket else None
        return s3._check_put_preconditions(headers, existing) or copy(bucket_name, key, headers)

    s3._copy_object = copy_if
