"""S3 in memory, as far as the copy's steps ask it: several buckets of objects that have a size but no bytes.

It answers by what is asked and not in an order, so many calls may be made at once. Pages are short, and every condition
that the product sends is checked. Exact parameters are the Stubbers' part.
"""

from __future__ import annotations

import io
import itertools
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse
from botocore.response import StreamingBody

from lambdas.promotion.aws import sessions

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RequestParams = dict[str, Any]
Answer = dict[str, Any]
_PAGE = 3


class Refusal(Exception):
    """What S3 refuses, by its code and status."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(code)
        self.code, self.status = code, status


@dataclass(frozen=True)
class Stored:
    """An object. `content` stands for its bytes; the lists in the hub's bucket have real ones."""

    size: int
    content: str
    etag: str
    algorithm: str | None = "CRC64NVME"
    body: bytes = b""


@dataclass
class Upload:
    """An open upload: the bytes of each part by its number."""

    bucket: str
    key: str
    algorithm: str
    parts: dict[int, tuple[int, int]] = field(default_factory=dict)
    content: str = ""


class FakeS3:
    """All buckets. `calls` counts what was asked, by operation."""

    def __init__(self, client: S3Client) -> None:
        self.objects: dict[tuple[str, str], Stored] = {}
        self.uploads: dict[str, Upload] = {}
        self.calls: Counter[str] = Counter()
        self._refusals: list[tuple[str, Refusal]] = []
        self._before: dict[str, Callable[[], None]] = {}
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self.client = client
        sessions.translate_errors(client, "A role")
        client.meta.events.register_first("provide-client-params.s3", self._remember)
        client.meta.events.register_first("before-call.s3", self._answer)  # type: ignore[arg-type]

    def put(self, bucket: str, key: str, size: int = 10, content: str = "", algorithm: str | None = "CRC64NVME") -> str:
        """Put an object there and return its ETag."""
        etag = f'"{next(self._numbers)}"'
        self.objects[bucket, key] = Stored(size, content or key, etag, algorithm)
        return etag

    def refuse(self, operation: str, code: str, status: int, times: int = 1) -> None:
        """Refuse the next calls of an operation."""
        self._refusals += [(operation, Refusal(code, status))] * times

    def before(self, operation: str, action: Callable[[], None]) -> None:
        """Do something before the next call of an operation is answered: what another does at that moment."""
        self._before[operation] = action

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        return sorted((key for own, key in self.objects if own == bucket and key.startswith(prefix)), key=str.encode)

    # The wire

    def _remember(self, params: RequestParams, context: dict[str, Any], **_: Any) -> None:
        context["sent"] = dict(params)

    def _answer(self, model: Any, context: dict[str, Any], **_: Any) -> tuple[AWSResponse, Answer]:
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
            except Refusal as refusal:
                said = {"Error": {"Code": refusal.code, "Message": "said"}, "ResponseMetadata": {}}
                return AWSResponse("", refusal.status, {}, None), said  # type: ignore[arg-type]

    def _find(self, asked: RequestParams, code: str = "NoSuchKey") -> Stored:
        found = self.objects.get((asked["Bucket"], asked["Key"]))
        if found is None:
            raise Refusal(code, 404)
        return found

    def _source(self, asked: RequestParams) -> Stored:
        found = self._find(asked["CopySource"])
        if asked["CopySourceIfMatch"] != found.etag:
            raise Refusal("PreconditionFailed", 412)
        return found

    def _make(self, asked: RequestParams, stored: Stored) -> None:
        if asked.get("IfNoneMatch") == "*" and (asked["Bucket"], asked["Key"]) in self.objects:
            raise Refusal("PreconditionFailed", 412)
        self.objects[asked["Bucket"], asked["Key"]] = stored

    def _upload(self, asked: RequestParams) -> Upload:
        found = self.uploads.get(asked["UploadId"])
        if found is None or (found.bucket, found.key) != (asked["Bucket"], asked["Key"]):
            raise Refusal("NoSuchUpload", 404)
        return found

    # Operations

    def _HeadObject(self, asked: RequestParams) -> Answer:  # noqa: N802 - as S3 calls it
        found = self._find(asked, "404")
        if asked.get("IfMatch", found.etag) != found.etag:
            raise Refusal("412", 412)
        checksum = {f"Checksum{found.algorithm}": found.content} if found.algorithm else {}
        return {"ETag": found.etag, "ContentLength": found.size, "ChecksumType": "FULL_OBJECT", **checksum}

    def _ListObjectsV2(self, asked: RequestParams) -> Answer:  # noqa: N802
        keys = self.keys(asked["Bucket"], asked["Prefix"])
        begin = int(asked.get("ContinuationToken", 0))
        page = [(key, self.objects[asked["Bucket"], key]) for key in keys[begin : begin + _PAGE]]
        more = begin + _PAGE < len(keys)
        return {
            "Contents": [{"Key": key, "ETag": one.etag, "Size": one.size} for key, one in page],
            "IsTruncated": more,
            **({"NextContinuationToken": str(begin + _PAGE)} if more else {}),
        }

    def _GetObject(self, asked: RequestParams) -> Answer:  # noqa: N802
        body = self._find(asked).body
        if "Range" in asked:
            first, _, last = asked["Range"].removeprefix("bytes=").partition("-")
            body = body[int(first) : int(last) + 1]
        return {"Body": StreamingBody(io.BytesIO(body), len(body))}

    def _PutObject(self, asked: RequestParams) -> Answer:  # noqa: N802
        body = asked["Body"]
        self._make(asked, Stored(len(body), body.decode(errors="replace"), f'"{next(self._numbers)}"', body=body))
        return {}

    def _CopyObject(self, asked: RequestParams) -> Answer:  # noqa: N802
        source = self._source(asked)
        etag = f'"{next(self._numbers)}"'
        self._make(asked, Stored(source.size, source.content, etag, asked["ChecksumAlgorithm"]))
        return {"CopyObjectResult": {"ETag": etag}}

    def _CreateMultipartUpload(self, asked: RequestParams) -> Answer:  # noqa: N802
        upload_id = f"upload-{next(self._numbers)}"
        self.uploads[upload_id] = Upload(asked["Bucket"], asked["Key"], asked["ChecksumAlgorithm"])
        return {"UploadId": upload_id}

    def _UploadPartCopy(self, asked: RequestParams) -> Answer:  # noqa: N802
        source, upload = self._source(asked), self._upload(asked)
        first, _, last = asked["CopySourceRange"].removeprefix("bytes=").partition("-")
        if int(last) >= source.size:
            raise Refusal("InvalidRange", 416)
        upload.parts[asked["PartNumber"]] = int(first), int(last)
        upload.content = source.content
        return {"CopyPartResult": {"ETag": f'"{asked["PartNumber"]}"'}}

    def _ListParts(self, asked: RequestParams) -> Answer:  # noqa: N802
        parts = self._upload(asked).parts
        after = [number for number in sorted(parts) if number > asked["PartNumberMarker"]]
        page = after[:_PAGE]
        found = [{"PartNumber": n, "ETag": f'"{n}"', "Size": parts[n][1] - parts[n][0] + 1} for n in page]
        more = len(after) > _PAGE
        return {"Parts": found, "IsTruncated": more, **({"NextPartNumberMarker": page[-1]} if more else {})}

    def _CompleteMultipartUpload(self, asked: RequestParams) -> Answer:  # noqa: N802
        upload = self._upload(asked)
        spans = [upload.parts[part["PartNumber"]] for part in asked["MultipartUpload"]["Parts"]]
        follow = [first for first, _ in spans] == [0, *(last + 1 for _, last in spans[:-1])]
        size = spans[-1][1] + 1
        if not follow or size != asked["MpuObjectSize"]:
            raise Refusal("InvalidRequest", 400)
        if asked.get(f"Checksum{upload.algorithm}", upload.content) != upload.content:
            raise Refusal("BadDigest", 400)
        self._make(asked, Stored(size, upload.content, f'"{next(self._numbers)}-{len(spans)}"', upload.algorithm))
        del self.uploads[asked["UploadId"]]
        return {}

    def _ListMultipartUploads(self, asked: RequestParams) -> Answer:  # noqa: N802
        found = [
            {"Key": one.key, "UploadId": upload_id}
            for upload_id, one in self.uploads.items()
            if one.bucket == asked["Bucket"] and one.key.startswith(asked["Prefix"])
        ]
        return {"Uploads": found, "IsTruncated": False}

    def _AbortMultipartUpload(self, asked: RequestParams) -> Answer:  # noqa: N802
        self._upload(asked)
        del self.uploads[asked["UploadId"]]
        return {}
