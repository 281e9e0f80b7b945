"""A caller without the permission to list a bucket gets 403 for a missing object, where MiniStack answers 404.

A missing upload is reported: its caller knows its id (API: ListParts, NoSuchUpload).
"""

import functools
from typing import Any

from ministack.services import s3

from sandbox.aws.patches.s3 import s3_requests


def apply() -> None:
    answer = s3._dispatch

    @functools.wraps(answer)
    def answer_with_list_permission(method: str, bucket: str, key: str, headers: dict[str, str], *request: Any) -> Any:
        response = answer(method, bucket, key, headers, *request)
        if response[0] != 404 or not key or b"NoSuchUpload" in response[2] or s3_requests.caller() is None:
            return response
        source, _, _ = s3_requests.copy_source(headers)
        listed_bucket = source or bucket
        if (method in ("GET", "HEAD") or source) and not s3_requests.may("s3:ListBucket", listed_bucket):
            return s3._error("AccessDenied", "Access Denied", 403, f"/{listed_bucket}/{key}")
        return response

    s3._dispatch = answer_with_list_permission
