"""The copy's simulated S3, with what a promotion asks of it besides: probes that must fail, and versions."""

from __future__ import annotations

import hashlib
from base64 import b64encode

from benchmarks.copy.simulation.contents import Content
from benchmarks.copy.simulation.s3_http import Request, Response, S3Error, document
from benchmarks.copy.simulation.simulated_s3 import BILLED_AS_READS, BILLED_AS_WRITES, SimulatedS3, StoredObject

_LAST_MODIFIED = "2026-11-01T00:00:00.000Z"
WRITES = BILLED_AS_WRITES | {"ListObjectVersions", "UploadPart", "PutObjectTagging"}
READS = BILLED_AS_READS


class SimulatedBuckets(SimulatedS3):
    """S3 of all accounts."""

    def respond(self, operation: str, request: Request) -> Response:
        own = getattr(self, f"_answer_{operation}", None)
        if own is None:
            return super().respond(operation, request)
        self.requests[operation] += 1
        self._clock.sleep(self._speeds.latency)
        try:
            response: Response = own(request)
        except S3Error as error:
            return error.respond(with_body=True)
        return response

    def read(self, bucket: str, key: str) -> bytes:
        """Return a small object's bytes."""
        return self.objects[bucket, key].body or b""

    def _answer_GetObject(self, request: Request) -> Response:  # noqa: N802 - an operation's own name
        """An object that was never written here has zeros for bytes."""
        stored = self._object(request.bucket, request.key)
        wanted = request.headers.get("if-match")
        if wanted and wanted.strip('"') != stored.etag.strip('"'):
            raise S3Error("PreconditionFailed", 412, "At least one of the preconditions you specified did not hold.")
        first, end = _range(request, stored.content.size)
        body = bytes(end - first) if stored.body is None else stored.body[first:end]
        self._clock.sleep(len(body) / self._speeds.rate)
        return Response(206 if "range" in request.headers else 200, _headers(stored, len(body)), body)

    def _answer_PutObject(self, request: Request) -> Response:  # noqa: N802
        digest = request.headers.get("x-amz-checksum-sha256")
        if digest and digest != b64encode(hashlib.sha256(request.body).digest()).decode():
            raise S3Error("BadDigest", 400, "The SHA256 you specified did not match the calculated checksum.")
        return self._PutObject(request).done()

    def _answer_UploadPart(self, request: Request) -> Response:  # noqa: N802
        upload = self._upload(request)
        part = Content.original(repr(sorted(request.query.items())), len(request.body))
        self._clock.sleep(part.size / self._speeds.rate)
        upload.parts[int(request.query["partNumber"])] = part
        return Response(headers={"etag": part.etag})

    def _answer_ListObjectVersions(self, request: Request) -> Response:  # noqa: N802
        prefix = request.query.get("prefix", "")
        versions = [
            (
                "Version",
                {
                    "Key": key,
                    "VersionId": "the-only-one",
                    "IsLatest": "true",
                    "ETag": stored.etag,
                    "Size": stored.content.size,
                    "LastModified": _LAST_MODIFIED,
                },
            )
            for (bucket, key), stored in sorted(self.objects.items())
            if bucket == request.bucket and key.startswith(prefix)
        ]
        return Response(body=document("ListVersionsResult", [("IsTruncated", "false"), *versions]))

    def _answer_ListMultipartUploads(self, request: Request) -> Response:  # noqa: N802
        return Response(body=document("ListMultipartUploadsResult", [("IsTruncated", "false")]))

    def _answer_PutObjectTagging(self, request: Request) -> Response:  # noqa: N802
        self._object(request.bucket, request.key)
        return Response()


def _headers(stored: StoredObject, length: int) -> dict[str, str]:
    return {
        "content-length": str(length),
        "etag": stored.etag,
        "last-modified": "Sun, 01 Nov 2026 00:00:00 GMT",
        "x-amz-version-id": "the-only-one",
    }


def _range(request: Request, size: int) -> tuple[int, int]:
    """Return the first byte and the one after the last; a range may have no end."""
    if request.headers.get("range", "").endswith("-"):
        return int(request.headers["range"].removeprefix("bytes=").removesuffix("-")), size
    first, end = request.range_of("range") or (0, size)
    return first, min(end, size)
