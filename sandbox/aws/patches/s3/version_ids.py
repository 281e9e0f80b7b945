"""A version id on a bucket that never had versions is no valid id: 400, where MiniStack answers 404.

`null` names an object of such a bucket.
"""

import functools
from typing import Any

from ministack.services import s3

from sandbox.aws.patches.s3 import s3_requests


def apply() -> None:
    answer = s3._dispatch

    @functools.wraps(answer)
    def answer_valid(
        method: str, bucket: str, key: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Any:
        source, source_key, source_version = s3_requests.copy_source(headers)
        named = [(bucket, s3._qp(query, "versionId"))] if key else []
        named += [(source, source_version)] if source_key else []
        for of_bucket, version in named:
            if _is_invalid(of_bucket, version):
                return s3._error(
                    "InvalidArgument",
                    "Invalid version id specified",
                    400,
                    extra={"ArgumentName": "versionId", "ArgumentValue": version},
                )
        return answer(method, bucket, key, headers, body, query)

    s3._dispatch = answer_valid


def _is_invalid(bucket: str, version: str) -> bool:
    owner = s3._bucket_owner_account(bucket)
    return bool(version and version != "null" and owner and not s3._bucket_versioning.get_scoped(owner, None, bucket))
