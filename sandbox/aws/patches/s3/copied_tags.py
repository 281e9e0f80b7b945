"""Reading and writing tags needs permissions of its own, also where a copy takes the tags of its source.

MiniStack copies them for anyone.
"""

import functools
from typing import Any

from ministack.services import s3

from sandbox.aws.patches.s3 import s3_requests


def apply() -> None:
    answer = s3._dispatch

    @functools.wraps(answer)
    def answer_with_tag_permission(
        method: str, bucket: str, key: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Any:
        for action, name, object_key in _required_action(method, bucket, key, headers, query):
            if not s3_requests.may(action, name, object_key):
                return s3._error("AccessDenied", f"Access Denied: {action}", 403, f"/{name}/{object_key}")
        return answer(method, bucket, key, headers, body, query)

    s3._dispatch = answer_with_tag_permission


def _required_action(
    method: str, bucket: str, key: str, headers: dict[str, str], query: dict[str, Any]
) -> list[tuple[str, str, str]]:
    if headers.get("x-amz-tagging"):
        return [("s3:PutObjectTagging", bucket, key)]
    copies_tags = headers.get("x-amz-tagging-directive", "COPY").upper() == "COPY"
    # Parts have no tags.
    if method != "PUT" or "partNumber" in query or "x-amz-copy-source" not in headers or not copies_tags:
        return []
    source, source_key, version = s3_requests.copy_source(headers)
    source_bucket = s3._ensure_bucket(source)
    current = source_bucket["objects"].get(source_key, {}).get("version_id") if source_bucket else None
    if not s3._object_tags.get((source, source_key, version or current)):
        return []
    read = "s3:GetObjectVersionTagging" if version else "s3:GetObjectTagging"
    return [(read, source, source_key), ("s3:PutObjectTagging", bucket, key)]
