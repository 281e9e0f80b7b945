"""S3 in memory, as far as the copy's steps use it: several buckets of objects that have a size but no bytes.

It responds to each request and not in an order, so calls may be concurrent. Pages are short, and every condition
that the product sends is checked. Exact parameters are the Stubbers' part.
"""

from __future__ import annotations

import io
import itertools
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse
from botocore.response import StreamingBody

from lambdas.promotion.aws import error_translation

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RequestParams = dict[str, Any]
Response = dict[str, Any]
_PAGE = 3


class S3Error(Exception):
    """An error of S3, by its code and status."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(code)
        self.code, self.status = code, status


@dataclass(frozen=True)
class Stored:
    """An object. `content` stands for its bytes; the work lists in the hub's bucket have real ones."""

    size: int
    content: str
    etag: str
    algorithm: str | None = "CRC64NVME"
    body: bytes = b""

    @property
    def version(self) -> str:
        """Every write has another ETag here, and so it has another version."""
        return self.etag.strip('"')


@dataclass
class Upload:
    """An open upload: the bytes of each part by its number. `deleted`: its object was deleted after it was opened."""

    bucket: str
    key: str
    algorithm: str
    parts: dict[int, tuple[int, int]] = field(default_factory=dict)
    content: str = ""
    copies: Counter[int] = field(default_factory=Counter)
    deleted: bool = False

    def etag(self, part: int) -> str | None:
        """Return the ETag of a part: another one each time that it is copied, as under a KMS key; None without it."""
        return f'"{part}-{self.copies[part]}"' if part in self.parts else None


class FakeS3:
    """All buckets. `calls` counts the requests, by operation."""

    def __init__(self, client: S3Client) -> None:
        self.objects: dict[tuple[str, str], Stored] = {}
        self.now = datetime.now(UTC)  # when every object was written
        self.uploads: dict[str, Upload] = {}
        self.calls: Counter[str] = Counter()
        self.reports_versions = True  # of what a request has made, with the checksum
        self.unlisted_parts: set[int] = set()  # that a list does not show although they were copied
        self.stale_parts: set[int] = set()  # that a list shows with another ETag than they have
        self._refusals: list[tuple[str, S3Error]] = []
        self._before: dict[str, Callable[[], None]] = {}
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self.client = client
        error_translation.translate_errors(client, "A role")
        client.meta.events.register_first("provide-client-params.s3", self._remember)
        client.meta.events.register_first("before-call.s3", self._answer)  # type: ignore[arg-type]

    def put(self, bucket: str, key: str, size: int = 10, content: str = "", algorithm: str | None = "CRC64NVME") -> str:
        """Store an object and return its ETag."""
        etag = f'"{next(self._numbers)}"'
        self.objects[bucket, key] = Stored(size, content or key, etag, algorithm)
        return etag

    def refuse(self, operation: str, code: str, status: int, times: int = 1) -> None:
        """Refuse the next calls of an operation."""
        self._refusals += [(operation, S3Error(code, status))] * times

    def before(self, operation: str, action: Callable[[], None]) -> None:
        """Call a function before the next response of an operation: what another principal does at that moment."""
        self._before[operation] = action

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object; an open upload to its key can then never be completed with If-None-Match."""
        del self.objects[bucket, key]
        for upload in self.uploads.values():
            upload.deleted |= (upload.bucket, upload.key) == (bucket, key)

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        return sorted((key for own, key in self.objects if own == bucket and key.startswith(prefix)), key=str.encode)

    # The wire

    def _remember(self, params: RequestParams, context: dict[str, Any], **_: Any) -> None:
        context["sent"] = dict(params)

    def _answer(self, model: Any, context: dict[str, Any], **_: Any) -> tuple[AWSResponse, Response]:
        with self._lock:
            self.calls[model.name] += 1
            action = self._before.pop(model.name, None)
            if action:
                action()
            try:
                for refused in self._refusals:
                    if refused[0] == model.name:
                        self._refusals.remove(refused)
                        raise refused[1]
                return AWSResponse("", 200, {}, None), getattr(self, f"_{model.name}")(context["sent"])  # type: ignore[arg-type]
            except S3Error as error:
                response = {"Error": {"Code": error.code, "Message": "details"}, "ResponseMetadata": {}}
                return AWSResponse("", error.status, {}, None), response  # type: ignore[arg-type]

    def _find(self, params: RequestParams, code: str = "NoSuchKey") -> Stored:
        stored = self.objects.get((params["Bucket"], params["Key"]))
        if stored is None:
            raise S3Error(code, 404)
        return stored

    def _source(self, params: RequestParams) -> Stored:
        stored = self._find(params["CopySource"])
        if params["CopySourceIfMatch"] != stored.etag:
            raise S3Error("PreconditionFailed", 412)
        return stored

    def _make(self, params: RequestParams, stored: Stored) -> None:
        if params.get("IfNoneMatch") == "*" and (params["Bucket"], params["Key"]) in self.objects:
            raise S3Error("PreconditionFailed", 412)
        self.objects[params["Bucket"], params["Key"]] = stored

    def _upload(self, params: RequestParams) -> Upload:
        stored = self.uploads.get(params["UploadId"])
        if stored is None or (stored.bucket, stored.key) != (params["Bucket"], params["Key"]):
            raise S3Error("NoSuchUpload", 404)
        return stored

    # Operations

    def _HeadObject(self, params: RequestParams) -> Response:  # noqa: N802 - the operation's name
        stored = self._find(params, "404")
        if params.get("IfMatch", stored.etag) != stored.etag:
            raise S3Error("412", 412)
        checksum = {f"Checksum{stored.algorithm}": stored.content} if stored.algorithm else {}
        return {
            "ETag": stored.etag,
            "VersionId": stored.version,
            "ContentLength": stored.size,
            "ChecksumType": "FULL_OBJECT",
            **checksum,
        }

    def _ListObjectsV2(self, params: RequestParams) -> Response:  # noqa: N802
        keys = self.keys(params["Bucket"], params["Prefix"])
        keys = [key for key in keys if key.encode() > params.get("StartAfter", "").encode()]
        begin = int(params.get("ContinuationToken", 0))
        page = [(key, self.objects[params["Bucket"], key]) for key in keys[begin : begin + _PAGE]]
        more = begin + _PAGE < len(keys)
        return {
            "Contents": [
                {
                    "Key": key,
                    "ETag": stored.etag,
                    "Size": stored.size,
                    "LastModified": self.now,
                    **(
                        {"ChecksumAlgorithm": [stored.algorithm], "ChecksumType": "FULL_OBJECT"}
                        if stored.algorithm
                        else {}
                    ),
                }
                for key, stored in page
            ],
            "IsTruncated": more,
            **({"NextContinuationToken": str(begin + _PAGE)} if more else {}),
        }

    def _ListObjectVersions(self, params: RequestParams) -> Response:  # noqa: N802
        keys = self.keys(params["Bucket"], params["Prefix"])
        begin = keys.index(params["KeyMarker"]) + 1 if params.get("KeyMarker") else 0
        page = [(key, self.objects[params["Bucket"], key]) for key in keys[begin : begin + _PAGE]]
        more = begin + _PAGE < len(keys)
        return {
            "Versions": [
                version
                for key, stored in page
                for version in (
                    {"Key": key, "VersionId": stored.version, "IsLatest": True},
                    {"Key": key, "VersionId": f"before-{stored.version}", "IsLatest": False},
                )
            ],
            "DeleteMarkers": [{"Key": f"{params['Prefix']}deleted", "VersionId": "marker", "IsLatest": True}],
            "IsTruncated": more,
            **({"NextKeyMarker": page[-1][0], "NextVersionIdMarker": page[-1][1].version} if more else {}),
        }

    def _GetObject(self, params: RequestParams) -> Response:  # noqa: N802
        body = self._find(params).body
        if "Range" in params:
            first, _, last = params["Range"].removeprefix("bytes=").partition("-")
            body = body[int(first) : int(last) + 1]
        return {"Body": StreamingBody(io.BytesIO(body), len(body))}

    def _PutObject(self, params: RequestParams) -> Response:  # noqa: N802
        body = params["Body"]
        self._make(params, Stored(len(body), body.decode(errors="replace"), f'"{next(self._numbers)}"', body=body))
        return {}

    def _CopyObject(self, params: RequestParams) -> Response:  # noqa: N802
        source = self._source(params)
        etag = f'"{next(self._numbers)}"'
        made = Stored(source.size, source.content, etag, params["ChecksumAlgorithm"])
        self._make(params, made)
        if not self.reports_versions:
            return {"CopyObjectResult": {"ETag": etag}}
        checksum = {f"Checksum{made.algorithm}": made.content, "ChecksumType": "FULL_OBJECT"}
        return {"CopyObjectResult": {"ETag": etag, **checksum}, "VersionId": made.version}

    def _CreateMultipartUpload(self, params: RequestParams) -> Response:  # noqa: N802
        upload_id = f"upload-{next(self._numbers)}"
        self.uploads[upload_id] = Upload(params["Bucket"], params["Key"], params["ChecksumAlgorithm"])
        return {"UploadId": upload_id}

    def _UploadPartCopy(self, params: RequestParams) -> Response:  # noqa: N802
        source, upload = self._source(params), self._upload(params)
        whole = f"bytes=0-{source.size - 1}"
        first, _, last = params.get("CopySourceRange", whole).removeprefix("bytes=").partition("-")
        if int(last) >= source.size:
            raise S3Error("InvalidRange", 416)
        upload.parts[params["PartNumber"]] = int(first), int(last)
        upload.content = source.content
        upload.copies[params["PartNumber"]] += 1
        return {
            "CopyPartResult": {"ETag": upload.etag(params["PartNumber"]), f"Checksum{upload.algorithm}": source.content}
        }

    def _ListParts(self, params: RequestParams) -> Response:  # noqa: N802
        upload, hidden = self._upload(params), self.unlisted_parts
        parts = upload.parts
        after = [number for number in sorted(parts) if number > params["PartNumberMarker"] and number not in hidden]
        page = after[:_PAGE]
        stored = [
            {
                "PartNumber": number,
                "ETag": '"stale"' if number in self.stale_parts else upload.etag(number),
                "Size": parts[number][1] - parts[number][0] + 1,
            }
            for number in page
        ]
        more = len(after) > _PAGE
        return {"Parts": stored, "IsTruncated": more, **({"NextPartNumberMarker": page[-1]} if more else {})}

    def _CompleteMultipartUpload(self, params: RequestParams) -> Response:  # noqa: N802
        upload = self._upload(params)
        if upload.deleted:
            raise S3Error("ConditionalRequestConflict", 409)
        if any(upload.etag(part["PartNumber"]) != part["ETag"] for part in params["MultipartUpload"]["Parts"]):
            raise S3Error("InvalidPart", 400)
        spans = [upload.parts[part["PartNumber"]] for part in params["MultipartUpload"]["Parts"]]
        follow = [first for first, _ in spans] == [0, *(last + 1 for _, last in spans[:-1])]
        size = spans[-1][1] + 1
        if not follow or size != params["MpuObjectSize"]:
            raise S3Error("InvalidRequest", 400)
        if params.get(f"Checksum{upload.algorithm}", upload.content) != upload.content:
            raise S3Error("BadDigest", 400)
        made = Stored(size, upload.content, f'"{next(self._numbers)}-{len(spans)}"', upload.algorithm)
        self._make(params, made)
        del self.uploads[params["UploadId"]]
        if not self.reports_versions:
            return {"ETag": made.etag}
        checksum = {f"Checksum{made.algorithm}": made.content, "ChecksumType": "FULL_OBJECT"}
        return {"ETag": made.etag, **checksum, "VersionId": made.version}

    def _ListMultipartUploads(self, params: RequestParams) -> Response:  # noqa: N802
        stored = [
            {"Key": stored.key, "UploadId": upload_id, "Initiated": datetime(2026, 1, 1, tzinfo=UTC)}
            for upload_id, stored in self.uploads.items()
            if stored.bucket == params["Bucket"] and stored.key.startswith(params["Prefix"])
        ]
        return {"Uploads": stored, "IsTruncated": False}

    def _AbortMultipartUpload(self, params: RequestParams) -> Response:  # noqa: N802
        self._upload(params)
        del self.uploads[params["UploadId"]]
        return {}
