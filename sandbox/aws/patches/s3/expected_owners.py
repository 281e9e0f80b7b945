"""The expected owner of a bucket is compared with its owner: MiniStack ignores both headers."""

import functools
from typing import Any

from ministack.services import s3

from sandbox.aws.patches.s3 import s3_requests


def apply() -> None:
    answer = s3._dispatch

    @functools.wraps(answer)
    def answer_owner(method: str, bucket: str, key: str, headers: dict[str, str], *request: Any) -> Any:
        source, _, _ = s3_requests.copy_source(headers)
        for name, header in ((bucket, "x-amz-expected-bucket-owner"), (source, "x-amz-source-expected-bucket-owner")):
            owner = s3._bucket_owner_account(name)
            if headers.get(header) and owner and headers[header] != owner:
                return s3._error("AccessDenied", "Access Denied", 403, f"/{name}")
        return answer(method, bucket, key, headers, *request)

    s3._dispatch = answer_owner
