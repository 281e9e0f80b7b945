"""The ETag is the content's MD5 only for an object that was put whole and has no KMS key (S3 API: Object, ETag).

MiniStack's copies keep their source's, which would let a comparison across a copy succeed.
"""

import functools
from typing import Any
from uuid import uuid4

from ministack.services import s3

from sandbox.aws.patches.s3 import s3_answers
from sandbox.aws.patches.s3.default_encryption import ALGORITHM


def apply() -> None:
    _of_objects()
    _of_parts()


def _of_objects() -> None:
    put, copy, complete = s3._put_object, s3._copy_object, s3._complete_multipart_upload

    @functools.wraps(put)
    def put_tagged(bucket: str, key: str, *request: Any) -> Any:
        response = put(bucket, key, *request)
        if response[0] == 200 and _by_kms(response):
            response[1]["ETag"] = _changed(bucket, key)
        return response

    @functools.wraps(copy)
    def copy_tagged(bucket: str, key: str, headers: dict[str, str]) -> Any:
        response = copy(bucket, key, headers)
        if response[0] != 200:
            return response
        if _by_kms(response):
            return s3_answers.with_elements(response, {"ETag": _changed(bucket, key)})
        tag = f'"{s3.md5_hash(s3_answers.stored(bucket, key)["body"])}"'
        s3_answers.change(bucket, key, {"etag": tag})
        return s3_answers.with_elements(response, {"ETag": tag})

    @functools.wraps(complete)
    def complete_tagged(bucket: str, key: str, body: bytes, query: dict[str, Any], *request: Any) -> Any:
        is_new = s3._qp(query, "uploadId") in s3._multipart_uploads
        response = complete(bucket, key, body, query, *request)
        if not is_new or response[0] != 200 or not _by_kms(response):
            return response
        parts = s3_answers.stored(bucket, key)["etag"].strip('"').rpartition("-")[2]
        return s3_answers.with_elements(response, {"ETag": _changed(bucket, key, f"-{parts}")})

    s3._put_object = put_tagged
    s3._copy_object = copy_tagged
    s3._complete_multipart_upload = complete_tagged


def _of_parts() -> None:
    upload, copy = s3._upload_part, s3._upload_part_copy

    @functools.wraps(upload)
    def upload_tagged(bucket: str, key: str, body: bytes, query: dict[str, Any], headers: dict[str, str]) -> Any:
        response = upload(bucket, key, body, query, headers)
        if response[0] == 200 and _by_kms(response):
            response[1]["ETag"] = _part_changed(query)
        return response

    @functools.wraps(copy)
    def copy_tagged(bucket: str, key: str, query: dict[str, Any], headers: dict[str, str]) -> Any:
        response = copy(bucket, key, query, headers)
        if response[0] == 200 and _by_kms(response):
            return s3_answers.with_elements(response, {"ETag": _part_changed(query)})
        return response

    s3._upload_part = upload_tagged
    s3._upload_part_copy = copy_tagged


def _by_kms(response: Any) -> bool:
    return str(response[1].get(ALGORITHM, "")).startswith("aws:kms")


def _changed(bucket: str, key: str, suffix: str = "") -> str:
    tag = f'"{uuid4().hex}{suffix}"'
    s3_answers.change(bucket, key, {"etag": tag})
    return tag


def _part_changed(query: dict[str, Any]) -> str:
    tag = f'"{uuid4().hex}"'
    s3._multipart_uploads[s3._qp(query, "uploadId")]["parts"][int(s3._qp(query, "partNumber"))]["etag"] = tag
    return tag
