"""Answers that are none of AWS's: a proxy's page, an empty or a broken body. They say nothing of the call.

botocore takes many of them for an answer: a page with status 200 is an empty one to it, and so a list without objects.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from botocore.exceptions import (
    BotoCoreError,
    ConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
)
from botocore.model import OperationModel
from botocore.parsers import ResponseParserError

# What botocore raises if there is no answer, or only a part of one.
NO_ANSWER = (HTTPClientError, ConnectionError, IncompleteReadError, FlexibleChecksumError)

_JSON, _XML = frozenset({"json", "rest-json"}), frozenset({"query", "rest-xml"})
# The first byte of a CBOR item has its type in three bits; an answer is a map (RFC 8949).
_CBOR_ARGUMENT, _CBOR_MAP = 5, 5
_LONGEST_QUOTE = 80  # characters


class UnreadableAnswer(Exception):
    """The answer to a call is none of AWS's. It stays inside the client (error_translation.translate_errors)."""


def require_readable(operation_model: OperationModel, response_dict: Mapping[str, Any], **_: Any) -> None:
    """Raise UnreadableAnswer for what AWS does not send. A handler of botocore's event before-parse.

    A server error (5xx) passes: it is transient whatever its body is.
    """
    body, status = response_dict["body"], response_dict["status_code"]
    if status >= 500 or not isinstance(body, bytes):  # the body of an object, or of a model's response, is a stream
        return
    problem = _problem(operation_model, body, response_dict["headers"], succeeded=status < 300)
    if problem:
        raise UnreadableAnswer(f"status {status}, {problem}")


def is_unreadable(error: BaseException) -> bool:
    """Whether a client raised this because it could not read the answer."""
    if isinstance(error, UnreadableAnswer | ResponseParserError):
        return True
    # A value that is not what its type must be, such as a date.
    return isinstance(error, ValueError) and not isinstance(error, BotoCoreError)


def _problem(operation: OperationModel, body: bytes, headers: Mapping[str, str], *, succeeded: bool) -> str | None:
    # The one that botocore speaks, of those that the service has: JSON with CloudWatch.
    protocol = operation.service_model.resolved_protocol
    if not body:
        return "an empty body" if succeeded and _has_body(operation) else None
    content_type = str(headers.get("content-type", ""))
    # A HEAD request has no body, and its type is that of the object.
    if operation.http.get("method") != "HEAD" and content_type.startswith("text/html"):
        return f"a page: {_quoted(body)}"
    if protocol in _JSON:
        readable = _is_json_object(body)
    elif protocol in _XML:
        readable = _is_xml_of_aws(body, succeeded=succeeded)
    else:
        readable = body[0] >> _CBOR_ARGUMENT == _CBOR_MAP
    return None if readable else _quoted(body)


def _has_body(operation: OperationModel) -> bool:
    """Whether some field of the response is in its body, and not in a header."""
    shape = operation.output_shape
    return shape is not None and any("location" not in member.serialization for member in shape.members.values())


def _is_json_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def _is_xml_of_aws(body: bytes, *, succeeded: bool) -> bool:
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - botocore parses the same body by the same parser
    except ElementTree.ParseError:
        # An error of S3 repeats the key, which may have characters that XML cannot carry; its status says enough.
        return not succeeded and b"<Error>" in body
    return root.tag.rpartition("}")[2].lower() != "html"


def _quoted(body: bytes) -> str:
    return repr(body.decode(errors="replace")[:_LONGEST_QUOTE])
