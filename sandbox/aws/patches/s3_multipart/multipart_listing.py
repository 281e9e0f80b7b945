"""ListMultipartUploads encodes keys, begins after the marker, and describes the initiator and the checksum.

MiniStack ignores the encoding and lists the marker's own key again (S3 API: ListMultipartUploads). The last page of
uploads, and of parts, names what the next one would begin after (recordings/s3).
"""

import functools
from typing import Any

from ministack.services import s3

from sandbox.aws.patches.s3 import s3_answers, s3_requests

# Greater than any upload's id: with it, a marker's own key is left out.
_AFTER_ALL = "\U0010ffff"
_ENCODED = ("Key", "Prefix", "KeyMarker", "NextKeyMarker", "Delimiter")


def apply() -> None:
    create, uploads, parts = s3._create_multipart_upload, s3._list_multipart_uploads, s3._list_parts

    @functools.wraps(create)
    def create_by(bucket: str, key: str, headers: dict[str, str]) -> Any:
        response = create(bucket, key, headers)
        caller = s3_requests.caller()
        # An account's root is told by its canonical id, as MiniStack does.
        if response[0] == 200 and caller is not None and caller.type != "Root":
            upload_id = s3.fromstring(response[2]).findtext(s3_answers.name_of("UploadId"))
            s3._multipart_uploads[upload_id]["initiator"] = caller.arn
        return response

    @functools.wraps(uploads)
    def list_uploads(bucket: str, query: dict[str, Any]) -> Any:
        marker = s3._qp(query, "upload-id-marker")
        status, headers, body = uploads(bucket, {**query, "upload-id-marker": [marker or _AFTER_ALL]})
        if status != 200:
            return status, headers, body
        root = s3.fromstring(body)
        root.find(s3_answers.name_of("UploadIdMarker")).text = marker
        for listed in root.iter(s3_answers.name_of("Upload")):
            _describe(listed, listed.findtext(s3_answers.name_of("UploadId")))
        last = [*root.iter(s3_answers.name_of("Upload"))][-1:]
        for marker_name, field in (("NextKeyMarker", "Key"), ("NextUploadIdMarker", "UploadId")):
            _set(root, marker_name, last[0].findtext(s3_answers.name_of(field)) if last else "")
        if s3._qp(query, "encoding-type") == "url":
            _encode(root)
        return status, headers, s3._xml_body(root)

    @functools.wraps(parts)
    def list_parts(bucket: str, key: str, query: dict[str, Any]) -> Any:
        status, headers, body = parts(bucket, key, query)
        if status != 200:
            return status, headers, body
        root = s3.fromstring(body)
        _describe(root, s3._qp(query, "uploadId"))
        numbers = [element.text for element in root.iter(s3_answers.name_of("PartNumber"))]
        _set(root, "NextPartNumberMarker", numbers[-1] if numbers else "0")
        return status, headers, s3._xml_body(root)

    s3._create_multipart_upload = create_by
    s3._list_multipart_uploads = list_uploads
    s3._list_parts = list_parts


def _set(root: Any, name: str, text: str | None) -> None:
    """Set an element, which S3 always answers and MiniStack only for a page that is not the last."""
    element = root.find(s3_answers.name_of(name))
    if element is None:
        element = s3.SubElement(root, s3_answers.name_of(name))
    element.text = text


def _describe(element: Any, upload_id: str) -> None:
    upload = s3._multipart_uploads[upload_id]
    if "initiator" in upload:
        element.find(f"{s3_answers.name_of('Initiator')}/{s3_answers.name_of('ID')}").text = upload["initiator"]
    if upload.get("algorithm"):
        s3.SubElement(element, s3_answers.name_of("ChecksumAlgorithm")).text = upload["algorithm"]
        kind = "FULL_OBJECT" if upload.get("full_object") else "COMPOSITE"
        s3.SubElement(element, s3_answers.name_of("ChecksumType")).text = kind


def _encode(root: Any) -> None:
    s3.SubElement(root, s3_answers.name_of("EncodingType")).text = "url"
    for name in _ENCODED:
        for element in root.iter(s3_answers.name_of(name)):
            element.text = s3._url_encode(element.text or "")
