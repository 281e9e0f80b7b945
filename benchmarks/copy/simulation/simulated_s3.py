"""An S3 that moves no bytes: a copy's operations with S3's limits, conditions, checksums and answers, and their time.

A request takes the latency plus its bytes at the rate of one request. Above the published request rates of a prefix
(here: a bucket) it is refused with SlowDown. How many requests are under way at once changes nothing else: S3 publishes
no other limit. Numbers and sources: published.py.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.etree import ElementTree

from benchmarks.copy import published
from benchmarks.copy.published import Speeds
from benchmarks.copy.simulation.contents import Content
from benchmarks.copy.simulation.s3_http import Request, Response, S3Error, document
from benchmarks.copy.simulation.throttle import TokenBucket
from benchmarks.copy.simulation.virtual_time import VirtualTime

_LAST_MODIFIED = "2026-11-01T00:00:00.000Z"
_PAGE = 1000
_VERSION = "the-only-one"  # no contestant puts an object twice
_XML = "{http://s3.amazonaws.com/doc/2006-03-01/}"

READS = {"GetObject", "HeadObject", "ListObjectsV2", "ListParts", "ListMultipartUploads", "GetObjectTagging"}
WRITES = {
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateMultipartUpload",
    "PutObject",
    "UploadPartCopy",
}
# What a request is billed as (https://aws.amazon.com/s3/pricing/): lists as writes, an abort as nothing.
BILLED_AS_WRITES = (WRITES | {"ListObjectsV2", "ListParts", "ListMultipartUploads"}) - {"AbortMultipartUpload"}
BILLED_AS_READS = READS - BILLED_AS_WRITES


@dataclass(frozen=True)
class StoredObject:
    """An object. `parts`: by how many parts it was written. `body`: its bytes, where there are any (small ones)."""

    content: Content
    parts: int | None = None
    body: bytes | None = None

    @property
    def etag(self) -> str:
        return f'{self.content.etag[:-1]}-{self.parts}"' if self.parts else self.content.etag


@dataclass
class _Upload:
    bucket: str
    key: str
    parts: dict[int, Content] = field(default_factory=dict)


@dataclass(frozen=True)
class _Work:
    """A request that was admitted: bytes to move, seconds besides, and what is so when it is done."""

    done: Callable[[], Response]
    size: int = 0
    seconds: float = 0.0


class SimulatedS3:
    """Buckets that exist as soon as they are named; objects, open uploads, and a count of each operation."""

    def __init__(self, clock: VirtualTime, speeds: Speeds) -> None:
        self.objects: dict[tuple[str, str], StoredObject] = {}
        self.requests: Counter[str] = Counter()
        self.slowed_down = 0
        self._uploads: dict[str, _Upload] = {}
        self._keys: dict[str, tuple[int, list[str]]] = {}
        self._upload_ids = itertools.count(1)
        self._clock, self._speeds = clock, speeds
        self._writes: defaultdict[str, TokenBucket] = defaultdict(
            lambda: TokenBucket(speeds.writes_per_second, burst=speeds.burst)
        )
        self._reads: defaultdict[str, TokenBucket] = defaultdict(
            lambda: TokenBucket(speeds.reads_per_second, burst=speeds.burst)
        )

    def put(self, bucket: str, key: str, size: int) -> StoredObject:
        """Let an object be there that was uploaded at some time, with S3's own checksum."""
        stored = StoredObject(Content.original(f"{bucket}/{key}", size))
        self.objects[bucket, key] = stored
        return stored

    def open_uploads(self) -> int:
        return len(self._uploads)

    def respond(self, operation: str, request: Request) -> Response:
        """Serve a request, in virtual time."""
        if operation not in READS | WRITES:
            raise NotImplementedError(f"The simulated S3 has no {operation}. Add it to {__name__}.")
        self.requests[operation] += 1
        try:
            self._admit(operation, request)
            work: _Work = getattr(self, f"_{operation}")(request)
            self._clock.sleep(self._speeds.latency + work.size / self._speeds.rate + work.seconds)
            return work.done()
        except S3Error as error:
            return error.respond(with_body=operation != "HeadObject")

    def _admit(self, operation: str, request: Request) -> None:
        """Take from the prefixes' limits, or refuse. What is refused takes nothing from them."""
        limits = [(self._writes if operation in WRITES else self._reads)[request.bucket]]
        if "x-amz-copy-source" in request.headers:
            limits.append(self._reads[request.copy_source[0]])
        if not all(limit.has_token(self._clock.now) for limit in limits):
            self.slowed_down += 1
            self._clock.sleep(self._speeds.latency)
            raise S3Error("SlowDown", 503, "Please reduce your request rate.")
        for limit in limits:
            limit.take()

    def _sorted_keys(self, bucket: str) -> list[str]:
        """Return the keys of a bucket in order. Objects are never deleted here, so their number tells what is new."""
        number, keys = self._keys.get(bucket, (0, []))
        if number != len(self.objects):
            keys = sorted(key for name, key in self.objects if name == bucket)
            self._keys[bucket] = (len(self.objects), keys)
        return keys

    def _object(self, bucket: str, key: str) -> StoredObject:
        if (bucket, key) not in self.objects:
            raise S3Error("NoSuchKey", 404, "The specified key does not exist.")
        return self.objects[bucket, key]

    def _upload(self, request: Request) -> _Upload:
        upload = self._uploads.get(request.query["uploadId"])
        if upload is None or (upload.bucket, upload.key) != (request.bucket, request.key):
            raise S3Error("NoSuchUpload", 404, "The specified multipart upload does not exist.")
        return upload

    def _source(self, request: Request) -> StoredObject:
        source = self._object(*request.copy_source)
        wanted = request.headers.get("x-amz-copy-source-if-match")
        if wanted and wanted.strip('"') != source.etag.strip('"'):
            raise S3Error("PreconditionFailed", 412, "At least one of the preconditions you specified did not hold.")
        return source

    def _store(self, request: Request, stored: StoredObject) -> None:
        if request.headers.get("if-none-match") == "*" and (request.bucket, request.key) in self.objects:
            raise S3Error("PreconditionFailed", 412, "At least one of the preconditions you specified did not hold.")
        self.objects[request.bucket, request.key] = stored

    def _HeadObject(self, request: Request) -> _Work:  # noqa: N802 - an operation's own name
        stored = self._object(request.bucket, request.key)
        wanted = request.headers.get("if-match")
        if wanted and wanted.strip('"') != stored.etag.strip('"'):
            raise S3Error("PreconditionFailed", 412, "")
        return _Work(lambda: Response(headers=_headers(stored)))

    def _GetObject(self, request: Request) -> _Work:  # noqa: N802
        body = self._object(request.bucket, request.key).body
        if body is None:
            raise NotImplementedError(f"{request.key} has no bytes: a copy on S3's side must not read it.")
        first, end = request.range_of("range") or (0, len(body))
        part = body[first:end]
        headers = {"content-length": str(len(part)), "last-modified": "Sun, 01 Nov 2026 00:00:00 GMT"}
        return _Work(lambda: Response(206 if "range" in request.headers else 200, headers, part), size=len(part))

    def _PutObject(self, request: Request) -> _Work:  # noqa: N802
        content = Content.original(repr(request.body), len(request.body))
        stored = StoredObject(content, body=request.body)

        def done() -> Response:
            self._store(request, stored)
            return Response(headers={"etag": stored.etag})

        return _Work(done, size=content.size)

    def _CopyObject(self, request: Request) -> _Work:  # noqa: N802
        source = self._source(request)
        if source.content.size > published.LARGEST_COPY:
            raise S3Error(
                "InvalidRequest", 400, "The specified copy source is larger than the maximum allowable size: 5368709120"
            )

        def done() -> Response:
            stored = StoredObject(source.content, body=source.body)
            self._store(request, stored)
            fields = [*_result(stored.etag, stored.content), ("ChecksumType", "FULL_OBJECT")]
            return Response(headers={"x-amz-version-id": _VERSION}, body=document("CopyObjectResult", fields))

        return _Work(done, size=source.content.size)

    def _CreateMultipartUpload(self, request: Request) -> _Work:  # noqa: N802
        def done() -> Response:
            upload_id = f"upload-{next(self._upload_ids)}"
            self._uploads[upload_id] = _Upload(request.bucket, request.key)
            fields = {"Bucket": request.bucket, "Key": request.key, "UploadId": upload_id}
            return Response(body=document("InitiateMultipartUploadResult", fields))

        return _Work(done)

    def _UploadPartCopy(self, request: Request) -> _Work:  # noqa: N802
        upload, source, number = self._upload(request), self._source(request), int(request.query["partNumber"])
        first, end = request.range_of("x-amz-copy-source-range") or (0, source.content.size)
        if not 1 <= number <= published.MOST_PARTS:
            raise S3Error("InvalidArgument", 400, "Part number must be an integer between 1 and 10000, inclusive")
        if not first < end <= source.content.size:
            raise S3Error("InvalidArgument", 400, f"Range specified is not valid for source object of size {end}")
        if end - first > published.LARGEST_PART:
            raise S3Error("InvalidRequest", 400, "The specified copy range is larger than 5368709120")

        def done() -> Response:
            part = source.content.cut(first, end)
            upload.parts[number] = part
            return Response(body=document("CopyPartResult", _result(part.etag, part)))

        return _Work(done, size=end - first)

    def _CompleteMultipartUpload(self, request: Request) -> _Work:  # noqa: N802
        upload = self._upload(request)
        content = _assembled(upload, request)

        def done() -> Response:
            stored = StoredObject(content, parts=len(upload.parts))
            self._store(request, stored)
            self._uploads.pop(request.query["uploadId"], None)
            fields = {"Bucket": request.bucket, "Key": request.key, **dict(_result(stored.etag, content))}
            fields["ChecksumType"] = "FULL_OBJECT"
            return Response(
                headers={"x-amz-version-id": _VERSION}, body=document("CompleteMultipartUploadResult", fields)
            )

        return _Work(done, seconds=self._speeds.complete_per_part * len(upload.parts))

    def _AbortMultipartUpload(self, request: Request) -> _Work:  # noqa: N802
        self._upload(request)

        def done() -> Response:
            self._uploads.pop(request.query["uploadId"], None)
            return Response(204)

        return _Work(done)

    def _ListParts(self, request: Request) -> _Work:  # noqa: N802
        upload, after = self._upload(request), int(request.query.get("part-number-marker", 0))
        numbers = sorted(number for number in upload.parts if number > after)
        page = numbers[:_PAGE]
        parts = [
            ("Part", {"PartNumber": number, "Size": part.size, **dict(_result(part.etag, part))})
            for number, part in ((number, upload.parts[number]) for number in page)
        ]
        more = [("IsTruncated", _truth(len(numbers) > _PAGE)), ("NextPartNumberMarker", page[-1] if page else after)]
        return _Work(lambda: Response(body=document("ListPartsResult", [*more, *parts])))

    def _ListMultipartUploads(self, request: Request) -> _Work:  # noqa: N802
        uploads = [
            ("Upload", {"Key": upload.key, "UploadId": upload_id})
            for upload_id, upload in self._uploads.items()
            if upload.bucket == request.bucket and upload.key.startswith(request.query.get("prefix", ""))
        ]
        if len(uploads) > _PAGE:
            raise NotImplementedError("The simulated S3 lists at most 1,000 open uploads.")
        return _Work(
            lambda: Response(body=document("ListMultipartUploadsResult", [("IsTruncated", "false"), *uploads])),
        )

    def _ListObjectsV2(self, request: Request) -> _Work:  # noqa: N802
        after = request.query.get("continuation-token") or request.query.get("start-after", "")
        prefix, most = request.query.get("prefix", ""), int(request.query.get("max-keys", _PAGE))
        in_bucket = self._sorted_keys(request.bucket)
        # Every key of the prefix follows it immediately.
        begin = max(bisect_left(in_bucket, prefix), bisect_right(in_bucket, after))
        keys = list(
            itertools.takewhile(
                lambda key: key.startswith(prefix), itertools.islice(in_bucket, begin, begin + most + 1)
            )
        )
        page = keys[:most]
        contents = [
            ("Contents", {"Key": key, "Size": stored.content.size, "ETag": stored.etag, "LastModified": _LAST_MODIFIED})
            for key, stored in ((key, self.objects[request.bucket, key]) for key in page)
        ]
        more = [("IsTruncated", _truth(len(keys) > most)), ("KeyCount", len(page))]
        if len(keys) > most:
            more.append(("NextContinuationToken", page[-1]))
        return _Work(lambda: Response(body=document("ListBucketResult", [*more, *contents])))

    def _GetObjectTagging(self, request: Request) -> _Work:  # noqa: N802
        self._object(request.bucket, request.key)
        return _Work(lambda: Response(body=document("Tagging", {"TagSet": {}})))


def _assembled(upload: _Upload, request: Request) -> Content:
    """Return what the parts make that the request names, by S3's rules."""
    named = [
        (int(part.findtext(f"{_XML}PartNumber", "0")), part.findtext(f"{_XML}ETag", ""))
        for part in ElementTree.fromstring(request.body).iter(f"{_XML}Part")  # noqa: S314 - botocore wrote it
    ]
    if [number for number, _ in named] != sorted({number for number, _ in named}):
        raise S3Error("InvalidPartOrder", 400, "The list of parts was not in ascending order.")
    parts = []
    for number, etag in named:
        part = upload.parts.get(number)
        if part is None or part.etag.strip('"') != etag.strip('"'):
            raise S3Error("InvalidPart", 400, "One or more of the specified parts could not be found.")
        parts.append(part)
    if not parts or any(part.size < published.SMALLEST_PART for part in parts[:-1]):
        raise S3Error("EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size")
    content = Content.concatenated(parts)
    if content.size > published.LARGEST_OBJECT:
        raise S3Error("EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size")
    if int(request.headers.get("x-amz-mp-object-size", content.size)) != content.size:
        raise S3Error("InvalidRequest", 400, "The provided 'x-amz-mp-object-size' does not match what was uploaded.")
    if request.headers.get("x-amz-checksum-crc64nvme", content.crc64nvme) != content.crc64nvme:
        raise S3Error("BadDigest", 400, "The CRC64NVME you specified did not match the calculated checksum.")
    return content


def _headers(stored: StoredObject) -> dict[str, str]:
    return {
        "content-length": str(stored.content.size),
        "content-type": "binary/octet-stream",
        "etag": stored.etag,
        "last-modified": "Sun, 01 Nov 2026 00:00:00 GMT",
        "x-amz-checksum-crc64nvme": stored.content.crc64nvme,
        "x-amz-checksum-type": "FULL_OBJECT",
        "x-amz-version-id": _VERSION,
    }


def _result(etag: str, content: Content) -> list[tuple[str, str]]:
    return [("ETag", etag), ("LastModified", _LAST_MODIFIED), ("ChecksumCRC64NVME", content.crc64nvme)]


def _truth(value: bool) -> str:
    return "true" if value else "false"
