"""CompleteMultipartUpload requires the upload's own parts, with the right numbers, order and sizes.

MiniStack takes any copied part, sorts what is listed, and makes objects of nothing and of tiny parts (S3 User Guide:
multipart upload limits; S3 API: CompleteMultipartUpload).
"""

import functools
import itertools
from collections.abc import Sequence
from typing import Any

from ministack.services import s3

from sandbox.aws.patches.s3 import s3_answers

NUMBERS = range(1, 10_001)
# Of every part but the last.
SMALLEST = 5 * 1024 * 1024


def apply() -> None:
    copy, complete = s3._upload_part_copy, s3._complete_multipart_upload

    @functools.wraps(copy)
    def copy_into_upload(bucket: str, key: str, query: dict[str, Any], headers: dict[str, str]) -> Any:
        upload = s3._multipart_uploads.get(s3._qp(query, "uploadId"), {})
        if (upload.get("bucket"), upload.get("key")) != (bucket, key):
            return s3._error("NoSuchUpload", "The specified multipart upload does not exist.", 404, f"/{bucket}/{key}")
        number = s3._qp(query, "partNumber")
        if not number.isdigit() or int(number) not in NUMBERS:
            wanted = "Part number must be an integer between 1 and 10000, inclusive"
            return s3._error("InvalidArgument", wanted, 400, extra={"ArgumentName": "partNumber"})
        return copy(bucket, key, query, headers)

    @functools.wraps(complete)
    def complete_parts(bucket: str, key: str, body: bytes, query: dict[str, Any], *request: Any) -> Any:
        upload_id = s3._qp(query, "uploadId")
        upload = s3._multipart_uploads.get(upload_id, {})
        is_ours = (upload.get("bucket"), upload.get("key")) == (bucket, key)
        refusal = _refusal(upload["parts"], listed(body)) if is_ours and _is_xml(body) else None
        return refusal or complete(bucket, key, body, query, *request)

    s3._upload_part_copy = copy_into_upload
    s3._complete_multipart_upload = complete_parts


def listed(body: bytes) -> list[dict[str, str]]:
    """The parts that a completion lists, as written: number, ETag, checksums."""
    try:
        root = s3.fromstring(body)
    except s3.ParseError:
        return []
    return [
        {field.tag.rpartition("}")[2]: field.text or "" for field in part}
        for part in root.iter()
        if part.tag in ("Part", s3_answers.name_of("Part"))
    ]


def _is_xml(body: bytes) -> bool:
    try:
        s3.fromstring(body)
    except s3.ParseError:
        return not body.strip()
    return True


def _refusal(parts: dict[int, Any], named: Sequence[dict[str, str]]) -> Any:
    numbers = [int(part.get("PartNumber") or 0) for part in named]
    if not numbers:
        return s3._error("InvalidRequest", "You must specify at least one part", 400)
    if any(number >= following for number, following in itertools.pairwise(numbers)):
        wanted = "The list of parts was not in ascending order. Parts must be ordered by part number."
        return s3._error("InvalidPartOrder", wanted, 400)
    for number in numbers[:-1]:
        # What is missing or has another ETag is refused by name, before its size counts.
        if number in parts and set(numbers) <= parts.keys() and parts[number]["size"] < SMALLEST:
            return _too_small(number, parts[number])
    return None


def _too_small(number: int, part: dict[str, Any]) -> Any:
    details = {
        "ETag": part["etag"].strip('"'),
        "MinSizeAllowed": str(SMALLEST),
        "PartNumber": str(number),
        "ProposedSize": str(part["size"]),
    }
    wanted = "Your proposed upload is smaller than the minimum allowed size"
    return s3._error("EntityTooSmall", wanted, 400, extra=details)
