"""Requests and answers of the JSON and query services, as botocore sends and reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from benchmarks.copy.simulation.s3_http import Response, document

_ACCESS_KEY = re.compile(r"Credential=(?:ASIA|AKIA)(\d{12})/")
# The services whose answers are XML, with what surrounds an answer.
QUERY = {"sts", "iam", "sns"}


class ServiceError(Exception):
    """An error that a service answers with."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


@dataclass(frozen=True)
class Call:
    """A request that was read. `account`: of the caller, whose key has it; `region`: of the endpoint."""

    service: str
    operation: str
    parameters: Mapping[str, Any]
    account: str


def account_of(request: Any) -> str:
    """Return the account of the credentials that a request was signed with (credentials below makes them)."""
    header = request.headers.get("Authorization", b"")
    match = _ACCESS_KEY.search(header.decode() if isinstance(header, bytes) else str(header))
    if match is None:
        raise ValueError("The request was not signed with the simulation's credentials.")
    return match[1]


def access_key(account: str) -> str:
    return f"ASIA{account}"


def parameters_of(service: str, request: Any) -> dict[str, Any]:
    """Return a request's parameters, as the API names them. Those of a query service are flat: Name.member.1."""
    body = request.body or b""
    if hasattr(body, "read"):
        body = body.read()
    text = body.decode() if isinstance(body, bytes) else body
    if service in QUERY:
        return dict(parse_qsl(text, keep_blank_values=True))
    parameters: dict[str, Any] = json.loads(text) if text.startswith("{") else {}
    return parameters | dict(parse_qsl(urlsplit(request.url).query))


def answer(service: str, operation: str, fields: Any) -> Response:
    """Return a service's answer with these fields. Bytes are an answer's whole body."""
    if isinstance(fields, bytes):
        return Response(headers={"content-type": "application/json"}, body=fields)
    if service in QUERY:
        body = document(f"{operation}Response", {f"{operation}Result": _members(fields)})
        return Response(headers={"content-type": "text/xml"}, body=body)
    return Response(headers={"content-type": "application/x-amz-json-1.1"}, body=json.dumps(fields).encode())


def refusal(service: str, error: ServiceError) -> Response:
    if service in QUERY:
        body = document("ErrorResponse", {"Error": {"Code": error.code, "Message": error.message}})
        return Response(error.status, {"content-type": "text/xml"}, body)
    fields = {"__type": error.code, "message": error.message}
    return Response(error.status, {"content-type": "application/x-amz-json-1.1"}, json.dumps(fields).encode())


def _members(value: Any) -> Any:
    """Write lists as the query protocol does, each entry as `member`."""
    if isinstance(value, Mapping):
        return {name: _members(each) for name, each in value.items()}
    if isinstance(value, list):
        return [("member", _members(each)) for each in value]
    if isinstance(value, bool):
        return str(value).lower()
    return value
