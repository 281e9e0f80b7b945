"""Every object has a checksum of its whole content: CRC64NVME where the client names no other, as S3 does since 2024.

MiniStack stores only what a client sends, and nothing of the whole for an object that was uploaded in parts. Its
CRC64NVME takes 100 ns a byte, so AWS's own implementation replaces it.
"""

import functools
from typing import Any

from awscrt import checksums  # type: ignore[import-untyped]
from ministack.services import s3


def apply() -> None:
    s3._crc64nvme = checksums.crc64nvme
    s3._crc32c = checksums.crc32c
    _store_with_every_object()
    _keep_type_with_versions()
    _upload_in_parts()
    _copy()


def _store_with_every_object() -> None:
    record = s3._record_object_version

    @functools.wraps(record)
    def record_with_checksum(bucket: str, key: str, prior: Any, stored: dict[str, Any], data: Any) -> Any:
        if not stored.get("checksums"):
            _store(stored, "CRC64NVME")
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


def _upload_in_parts() -> None:
    create, complete = s3._create_multipart_upload, s3._complete_multipart_upload

    @functools.wraps(create)
    def create_typed(bucket: str, key: str, headers: dict[str, str]) -> Any:
        status, answer, body = create(bucket, key, headers)
        if status == 200:
            upload_id = s3.fromstring(body).findtext(f"{{{s3.S3_NS}}}UploadId")
            upload = s3._multipart_uploads[upload_id]
            algorithm = upload["checksum_algorithm"]
            # The SHA algorithms exist only over parts, CRC64NVME only over the whole, the others as the client says.
            default = "FULL_OBJECT" if algorithm in (None, "CRC64NVME") else "COMPOSITE"
            if headers.get("x-amz-checksum-type", default).upper() == "FULL_OBJECT":
                upload["full_object"] = algorithm or "CRC64NVME"
                upload["checksum_algorithm"] = None
                if algorithm:
                    answer["x-amz-checksum-type"] = "FULL_OBJECT"
        return status, answer, body

    @functools.wraps(complete)
    def complete_typed(
        bucket: str, key: str, body: bytes, query: dict[str, Any], headers: dict[str, str] | None = None
    ) -> Any:
        upload = s3._multipart_uploads.get(s3._qp(query, "uploadId"), {})
        algorithm = upload.get("full_object")
        if algorithm and upload["parts"]:
            whole = b"".join(upload["parts"][number]["body"] for number in sorted(upload["parts"]))
            sent = (headers or {}).get(f"x-amz-checksum-{algorithm.lower()}")
            if sent and sent != s3._compute_s3_checksum(algorithm, whole):
                return s3._error("BadDigest", f"The {algorithm} you specified did not match what was received.", 400)
        response = complete(bucket, key, body, query, headers)
        if algorithm and response[0] == 200:
            response = _answer_checksum(response, _stored(bucket, key))
        return response

    s3._create_multipart_upload = create_typed
    s3._complete_multipart_upload = complete_typed


def _copy() -> None:
    copy = s3._copy_object

    @functools.wraps(copy)
    def copy_whole(bucket: str, key: str, headers: dict[str, str]) -> Any:
        response = copy(bucket, key, headers)
        if response[0] != 200:
            return response
        stored = _stored(bucket, key)
        # A copy is one object again, also when its source came in parts and had a checksum of those.
        _store(stored, headers.get("x-amz-checksum-algorithm", "").upper() or next(iter(stored["checksums"])))
        for version in s3._object_versions.get((bucket, key), []):
            if version["version_id"] == stored.get("version_id"):
                version.update(checksums=stored["checksums"], checksum_type=stored["checksum_type"])
        return _answer_checksum(response, stored)

    s3._copy_object = copy_whole


def _stored(bucket: str, key: str) -> Any:
    return s3._ensure_bucket(bucket)["objects"][key]


def _store(stored: dict[str, Any], algorithm: str) -> None:
    stored["checksums"] = {algorithm: s3._compute_s3_checksum(algorithm, stored["body"])}
    stored["checksum_type"] = "FULL_OBJECT"


def _answer_checksum(response: Any, stored: dict[str, Any]) -> Any:
    status, headers, body = response
    root = s3.fromstring(body)
    for algorithm, value in stored["checksums"].items():
        s3.SubElement(root, f"{{{s3.S3_NS}}}Checksum{algorithm}").text = value
    s3.SubElement(root, f"{{{s3.S3_NS}}}ChecksumType").text = stored["checksum_type"]
    return status, headers, s3._xml_body(root)
