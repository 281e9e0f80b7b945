"""A completion with If-None-Match conflicts, each time, if the key's object was deleted since the upload was created.

While there is an object the precondition fails. MiniStack completes the upload as soon as there is none.
"""

import functools
from collections.abc import Callable
from typing import Any

from ministack.services import s3

_CONFLICT = "sandbox_conflict"


def apply() -> None:
    complete = s3._complete_multipart_upload
    s3._delete_object = _noting(s3._delete_object, lambda bucket, key, *_: [(bucket, key)])
    s3._delete_objects = _noting(s3._delete_objects, lambda bucket, *_: [(bucket, key) for key in _keys(bucket)])

    @functools.wraps(complete)
    def complete_without_conflict(
        bucket: str, key: str, body: bytes, query: dict[str, Any], headers: dict[str, str] | None = None
    ) -> Any:
        upload = s3._multipart_uploads.get(s3._qp(query, "uploadId"), {})
        conditional = (headers or {}).get("if-none-match")
        if conditional and upload.get(_CONFLICT) and key not in _keys(bucket):
            return s3._error(
                "ConditionalRequestConflict",
                "The conditional request cannot succeed due to a conflicting operation against this resource.",
                409,
                extra={"Condition": "If-None-Match", "Key": key},
            )
        return complete(bucket, key, body, query, headers)

    s3._complete_multipart_upload = complete_without_conflict


def _noting(delete: Callable[..., Any], deleted: Callable[..., list[tuple[str, str]]]) -> Callable[..., Any]:
    """The deletion, which marks the open uploads of the objects that it took away."""

    @functools.wraps(delete)
    def delete_and_note(*request: Any, **options: Any) -> Any:
        before = {(bucket, key) for bucket, key in deleted(*request) if key in _keys(bucket)}
        response = delete(*request, **options)
        for upload in list(s3._multipart_uploads.values()):
            target = (upload["bucket"], upload["key"])
            if target in before and target[1] not in _keys(target[0]):
                upload[_CONFLICT] = True
        return response

    return delete_and_note


def _keys(bucket: str) -> Any:
    record = s3._ensure_bucket(bucket)
    return record["objects"].keys() if record else ()
