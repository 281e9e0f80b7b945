"""A page has at most 1,000 entries, a key at most 1,024 bytes of any characters. MiniStack gives and takes more, and
loses a carriage return.

S3 User Guide: Naming Amazon S3 objects; S3 API: ListObjectsV2, ListParts, ListMultipartUploads.
"""

import functools
from typing import Any

from ministack.services import s3

PAGE = 1000
KEY_BYTES = 1024
_SIZES = ("max-keys", "max-parts", "max-uploads")


def apply() -> None:
    answer, write = s3._dispatch, s3._xml_body

    @functools.wraps(answer)
    def answer_within_limits(
        method: str, bucket: str, key: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Any:
        if len(key.encode()) > KEY_BYTES:
            return s3._error("KeyTooLongError", "Your key is too long", 400, f"/{bucket}/{key}")
        if method == "GET":
            query = {**query, **{name: [_at_most(query[name])] for name in _SIZES if name in query}}
        return answer(method, bucket, key, headers, body, query)

    @functools.wraps(write)
    def write_carriage_returns(root: Any) -> bytes:
        # An XML parser makes a line feed of each that is not escaped.
        return bytes(write(root)).replace(b"\r", b"&#13;")

    s3._dispatch = answer_within_limits
    s3._xml_body = write_carriage_returns


def _at_most(requested: Any) -> str:
    text = str(requested[0] if isinstance(requested, list) else requested)
    return str(min(int(text), PAGE)) if text.isdigit() else text
