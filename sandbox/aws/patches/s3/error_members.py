"""An error says which condition failed, and which upload, key or bucket is missing.

Recorded of AWS: recordings/s3. MiniStack answers code, message and resource only, and has a text of its own for an
upload that does not exist.
"""

import functools
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from ministack.services import s3

from sandbox.aws.patches.s3 import s3_requests

_request: ContextVar[tuple[Mapping[str, str], Mapping[str, Any]]] = ContextVar("sandbox_s3_request", default=({}, {}))
# As AWS spells them, by the header of the request.
_CONDITIONS = {
    "x-amz-copy-source-if-match": "x-amz-copy-source-If-Match",
    "if-none-match": "If-None-Match",
    "if-match": "If-Match",
}
_NO_UPLOAD = (
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
    "completed."
)


def apply() -> None:
    answer, error = s3.handle_request, s3._error

    @functools.wraps(answer)
    async def answer_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any], **options: Any
    ) -> Any:
        token = _request.set((headers, query_params))
        try:
            return await answer(method, path, headers, body, query_params, **options)
        finally:
            _request.reset(token)

    @functools.wraps(error)
    def error_with_members(
        code: str,
        message: str,
        status: int,
        resource: str = "",
        extra: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        if code == "NoSuchUpload":
            message = _NO_UPLOAD
        return error(code, message, status, resource, {**_members(code, resource), **(extra or {})}, headers)

    s3.handle_request = answer_request
    s3._error = error_with_members


def _members(code: str, resource: str) -> dict[str, str]:
    headers, query = _request.get()
    if code == "NoSuchUpload":
        return {"UploadId": s3._qp(query, "uploadId")}
    if code == "PreconditionFailed":
        conditions = [spelling for header, spelling in _CONDITIONS.items() if header in headers]
        # Of several it does not tell here which one failed.
        return {"Condition": conditions[0]} if len(conditions) == 1 else {}
    if code == "NoSuchKey" and "x-amz-copy-source" in headers:
        return {"Key": s3_requests.copy_source(dict(headers))[1]}
    if code == "NoSuchBucket" and resource:
        return {"BucketName": resource.strip("/").partition("/")[0]}
    return {}
