"""Which API operation a request is, as far as objects are concerned."""

from collections.abc import Collection, Mapping

_OF_OBJECTS = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
_OF_UPLOADS = {"GET": "ListParts", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}


def name(method: str, key: str, headers: Mapping[str, str], query: Collection[str]) -> str:
    """The operation's name; empty for those on buckets' settings and objects' tags, locks and ACLs."""
    copies = "x-amz-copy-source" in headers
    if not key:
        return _of_bucket(method, query)
    if "uploads" in query:
        return "CreateMultipartUpload"
    if "uploadId" in query:
        return _OF_UPLOADS.get(method) or ("UploadPartCopy" if copies else "UploadPart")
    if set(query) - {"versionId", "x-id", "partNumber"}:
        return "GetObjectAttributes" if "attributes" in query else ""
    return "CopyObject" if copies else _OF_OBJECTS.get(method, "")


def _of_bucket(method: str, query: Collection[str]) -> str:
    if method == "POST" and "delete" in query:
        return "DeleteObjects"
    if method == "GET" and "list-type" in query:
        return "ListObjectsV2"
    if method == "GET" and "uploads" in query:
        return "ListMultipartUploads"
    return ""
