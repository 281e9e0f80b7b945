"""Every object has a checksum of its whole content: CRC64NVME unless the client names another, as in S3 since 2024.

MiniStack stores only what a client sends. Its CRC64NVME takes 100 ns a byte, so AWS's own implementation replaces it.
"""

import functools
from typing import Any

from awscrt import checksums  # type: ignore[import-untyped]
from ministack.services import s3

from sandbox.aws.patches.s3 import s3_answers


def apply() -> None:
    s3._crc64nvme = checksums.crc64nvme
    s3._crc32c = checksums.crc32c
    _store_with_every_object()
    _keep_type_with_versions()
    _answer_puts()
    _copy()


def _store_with_every_object() -> None:
    record = s3._record_object_version

    @functools.wraps(record)
    def record_with_checksum(bucket: str, key: str, prior: Any, stored: dict[str, Any], data: Any) -> Any:
        if not stored.get("checksums"):
            stored.update(_over(stored["body"], "CRC64NVME"))
        return record(bucket, key, prior, stored, data)

    s3._record_object_version = record_with_checksum


def _keep_type_with_versions() -> None:
    to_version, from_version = s3._version_entry_from_record, s3._object_record_from_version

    @functools.wraps(to_version)
    def to_typed_version(stored: dict[str, Any], version_id: str, data: Any) -> dict[str, Any]:
        return {**to_version(stored, version_id, data), "checksum_type": stored.get("checksum_type")}

    @functools.wraps(from_version)
    def from_typed_version(version: dict[str, Any]) -> dict[str, Any]:
        return {**from_version(version), "checksum_type": version.get("checksum_type")}

    s3._version_entry_from_record = to_typed_version
    s3._object_record_from_version = from_typed_version


def _answer_puts() -> None:
    put = s3._put_object

    @functools.wraps(put)
    def put_with_checksum(bucket: str, key: str, *request: Any) -> Any:
        response = put(bucket, key, *request)
        if response[0] == 200:
            stored = s3_answers.stored(bucket, key)
            response[1].update({f"x-amz-checksum-{name.lower()}": sum_ for name, sum_ in stored["checksums"].items()})
            response[1]["x-amz-checksum-type"] = "FULL_OBJECT"
        return response

    s3._put_object = put_with_checksum


def _copy() -> None:
    copy = s3._copy_object

    @functools.wraps(copy)
    def copy_whole(bucket: str, key: str, headers: dict[str, str]) -> Any:
        response = copy(bucket, key, headers)
        if response[0] != 200:
            return response
        # A copy is one object again, also when its source came in parts and had a checksum of those.
        algorithm = headers.get("x-amz-checksum-algorithm", "").upper()
        return restate(response, bucket, key, algorithm or next(iter(s3_answers.stored(bucket, key)["checksums"])))

    s3._copy_object = copy_whole


def restate(response: Any, bucket: str, key: str, algorithm: str) -> Any:
    """Give the current object this checksum of its whole content, and the answer too."""
    checksum = _over(s3_answers.stored(bucket, key)["body"], algorithm)
    s3_answers.change(bucket, key, checksum)
    texts = {f"Checksum{algorithm}": checksum["checksums"][algorithm], "ChecksumType": checksum["checksum_type"]}
    return s3_answers.with_elements(response, texts)


def _over(body: bytes, algorithm: str) -> dict[str, Any]:
    # MiniStack's checksums of annotations know more algorithms than those of objects.
    value = s3._annotation_checksum(algorithm, body)
    return {"checksums": {algorithm: value}, "checksum_type": "FULL_OBJECT"}
