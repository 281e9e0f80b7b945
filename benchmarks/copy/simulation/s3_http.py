"""S3's requests and answers as they go over the wire, as far as a copy uses them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

_CHUNK = re.compile(rb"([0-9a-fA-F]+)(?:;[^\r\n]*)?\r\n")


@dataclass(frozen=True)
class Request:
    """A request to a bucket by its host name (bucket.s3.region.amazonaws.com). Header names are in lower case."""

    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def copy_source(self) -> tuple[str, str]:
        """Return bucket and key of the source. Versions are not simulated."""
        bucket, _, key = unquote(self.headers["x-amz-copy-source"].partition("?")[0]).lstrip("/").partition("/")
        return bucket, key

    def range_of(self, header: str) -> tuple[int, int] | None:
        """Return the first byte and the one after the last of a header such as bytes=0-99."""
        if header not in self.headers:
            return None
        first, _, last = self.headers[header].removeprefix("bytes=").partition("-")
        return int(first), int(last) + 1


@dataclass(frozen=True)
class Response:
    """What S3 answers."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class S3Error(Exception):
    """An error that S3 answers with: its code, status and message."""

    def __init__(self, code: str, status: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.status, self.message = code, status, message

    def respond(self, *, with_body: bool) -> Response:
        """Return it as an answer. An answer to HEAD has no body."""
        body = document("Error", {"Code": self.code, "Message": self.message}) if with_body else b""
        return Response(self.status, {"content-type": "application/xml"}, body)


def request_of(prepared: Any) -> Request:
    """Read a request that botocore is about to send (an AWSPreparedRequest, whichever copy of botocore made it)."""
    address = urlsplit(prepared.url)
    headers = {_text(name).lower(): _text(value) for name, value in prepared.headers.items()}
    body = prepared.body or b""
    if hasattr(body, "read"):
        body = body.read()
    if "aws-chunked" in headers.get("content-encoding", ""):
        body = _without_chunks(body)
    return Request(
        bucket=address.netloc.partition(".")[0],
        key=unquote(address.path.lstrip("/")),
        query=dict(parse_qsl(address.query, keep_blank_values=True)),
        headers=headers,
        body=body if isinstance(body, bytes) else body.encode(),
    )


def document(root: str, fields: Mapping[str, object] | Iterable[tuple[str, object]]) -> bytes:
    """Return an XML document. A member whose value has members of its own is written the same way."""
    return f'<?xml version="1.0" encoding="UTF-8"?>{_element(root, fields)}'.encode()


def _element(name: str, value: object) -> str:
    if isinstance(value, Mapping):
        value = value.items()
    if isinstance(value, str | int):
        return f"<{name}>{escape(str(value))}</{name}>"
    assert isinstance(value, Iterable)  # noqa: S101
    return f"<{name}>{''.join(_element(*member) for member in value)}</{name}>"


def _without_chunks(body: bytes) -> bytes:
    """Undo aws-chunked (AWS: Signature Version 4, "Authenticating requests using chunked uploads")."""
    content, position = b"", 0
    while chunk := _CHUNK.match(body, position):
        length = int(chunk[1], 16)
        if length == 0:
            break
        content += body[chunk.end() : chunk.end() + length]
        position = chunk.end() + length + 2
    return content


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
