"""A multipart upload has the checksum type that its creation names, and each part has a checksum.

MiniStack knows only those over the parts, and a copied part has none (S3 User Guide: checking object integrity).
"""

import functools
from typing import Any

from ministack.services import s3

from sandbox.aws.patches.s3 import s3_answers
from sandbox.aws.patches.s3_multipart import full_object_checksums, multipart_parts

# Only of these can S3 make the whole's checksum from the parts'; CRC64NVME exists over the whole only.
_LINEAR = ("CRC32", "CRC32C", "CRC64NVME")


def apply() -> None:
    _create()
    _give_parts_their_own()
    _complete()
    _report()


def _create() -> None:
    create = s3._create_multipart_upload

    @functools.wraps(create)
    def create_typed(bucket: str, key: str, headers: dict[str, str]) -> Any:
        algorithm, _ = s3._resolve_multipart_checksum_algorithm(headers)
        kind = headers.get("x-amz-checksum-type", "").upper() or _default_type(algorithm)
        if algorithm and not _exists(algorithm, kind):
            wrong = f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
            return s3._error("InvalidRequest", wrong, 400)
        status, answer, body = create(bucket, key, headers)
        if status == 200:
            upload = s3._multipart_uploads[s3.fromstring(body).findtext(s3_answers.name_of("UploadId"))]
            upload["algorithm"] = algorithm
            if kind == "FULL_OBJECT":
                # Without this, MiniStack makes none over the parts.
                upload["full_object"] = algorithm or "CRC64NVME"
                upload["checksum_algorithm"] = None
            if algorithm:
                answer["x-amz-checksum-type"] = kind
        return status, answer, body

    s3._create_multipart_upload = create_typed


def _default_type(algorithm: str | None) -> str:
    return "FULL_OBJECT" if algorithm in (None, "CRC64NVME") else "COMPOSITE"


def _exists(algorithm: str, kind: str) -> bool:
    return algorithm in _LINEAR if kind == "FULL_OBJECT" else algorithm != "CRC64NVME"


def _give_parts_their_own() -> None:
    of_part, copy = s3._resolve_part_checksums, s3._upload_part_copy

    @functools.wraps(of_part)
    def of_typed_part(body: bytes, headers: dict[str, str], upload: dict[str, Any]) -> Any:
        wanted = upload.get("algorithm")
        checksums, refusal = of_part(body, headers, upload)
        if refusal or not wanted:
            return checksums, refusal
        sent = [name for name in s3._S3_CHECKSUM_HEADERS if f"x-amz-checksum-{name}" in headers]
        if sent and wanted.lower() not in sent:
            wrong = f"Checksum Type mismatch occurred, expected checksum Type: {wanted.lower()}, actual checksum Type: "
            return {}, s3._error("InvalidRequest", wrong + sent[0], 400)
        return {**checksums, wanted: s3._compute_s3_checksum(wanted, body)}, None

    @functools.wraps(copy)
    def copy_with_checksum(bucket: str, key: str, query: dict[str, Any], headers: dict[str, str]) -> Any:
        response = copy(bucket, key, query, headers)
        upload = s3._multipart_uploads.get(s3._qp(query, "uploadId"), {})
        algorithm = upload.get("algorithm")
        if response[0] != 200 or not algorithm:
            return response
        part = upload["parts"][int(s3._qp(query, "partNumber"))]
        part["checksums"] = {algorithm: s3._compute_s3_checksum(algorithm, part["body"])}
        return s3_answers.with_elements(response, {f"Checksum{algorithm}": part["checksums"][algorithm]})

    s3._resolve_part_checksums = of_typed_part
    s3._upload_part_copy = copy_with_checksum


def _complete() -> None:
    complete = s3._complete_multipart_upload

    @functools.wraps(complete)
    def complete_typed(
        bucket: str, key: str, body: bytes, query: dict[str, Any], headers: dict[str, str] | None = None
    ) -> Any:
        upload_id = s3._qp(query, "uploadId")
        upload = s3._multipart_uploads.get(upload_id)
        if upload is None:
            return complete(bucket, key, body, query, headers)
        named = multipart_parts.listed(body)
        refusal = _refusal(upload, named, headers or {})
        if refusal:
            return refusal
        response = complete(bucket, key, body, query, headers)
        if response[0] == 200 and upload.get("full_object"):
            response = full_object_checksums.restate(response, bucket, key, upload["full_object"])
        if response[0] == 200:
            # The same answer to the same request again.
            s3._completed_multipart_uploads[upload_id]["response"] = response
        return response

    s3._complete_multipart_upload = complete_typed


def _refusal(upload: dict[str, Any], named: list[dict[str, str]], headers: dict[str, str]) -> Any:
    kind = "FULL_OBJECT" if upload.get("full_object") else "COMPOSITE"
    requested = headers.get("x-amz-checksum-type", kind).upper()
    if requested != kind:
        wrong = f"The upload was created using the {kind} checksum mode. The complete request must use the same."
        return s3._error("InvalidRequest", wrong, 400)
    algorithm = upload.get("full_object") or upload.get("algorithm")
    if kind == "COMPOSITE" and algorithm:
        for part in named:
            if f"Checksum{algorithm}" not in part:
                wrong = (
                    f"The upload was created using a {algorithm.lower()} checksum. The complete request must include "
                    f"the checksum for each part. It was missing for part {part.get('PartNumber')} in the request."
                )
                return s3._error("InvalidRequest", wrong, 400)
    sent = headers.get(f"x-amz-checksum-{str(algorithm).lower()}")
    numbers = [int(part.get("PartNumber") or 0) for part in named]
    if upload.get("full_object") and sent and set(numbers) <= upload["parts"].keys():
        whole = b"".join(upload["parts"][number]["body"] for number in numbers)
        if sent != s3._compute_s3_checksum(algorithm, whole):
            wrong = f"The {algorithm} you specified did not match the calculated checksum."
            return s3._error("BadDigest", wrong, 400)
    return None


def _report() -> None:
    attributes = s3._get_object_attributes

    @functools.wraps(attributes)
    def attributes_typed(*request: Any) -> Any:
        status, headers, body = attributes(*request)
        root = s3.fromstring(body) if status == 200 else None
        checksum = root.find(s3_answers.name_of("Checksum")) if root is not None else None
        if checksum is None:
            return status, headers, body
        # MiniStack calls that of every object with parts COMPOSITE; only those end with the number of parts.
        composite = any("-" in (value.text or "") for value in checksum)
        kind = checksum.find(s3_answers.name_of("ChecksumType"))
        kind.text = "COMPOSITE" if composite else "FULL_OBJECT"
        return status, headers, s3._xml_body(root)

    s3._get_object_attributes = attributes_typed
