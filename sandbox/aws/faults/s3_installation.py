"""Where the fault board is hooked into MiniStack."""

import functools
import json
from collections.abc import Awaitable, Callable
from typing import Any

from ministack import app
from ministack.services import s3

from sandbox.aws.faults import broken_connections, s3_board, s3_operations
from sandbox.aws.faults.s3 import CHECKSUM_PATH, FAULTS_PATH, STATUS, Fault, Kind, from_record
from sandbox.aws.patches.s3 import s3_answers


def install() -> None:
    broken_connections.install()
    _inject_faults()
    _join_reset()
    _serve_control_paths()


def _inject_faults() -> None:
    answer = s3.handle_request

    @functools.wraps(answer)
    async def answer_with_faults(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], **options: Any
    ) -> Any:
        bucket, key = s3._parse_bucket_key(path, headers)
        subject = key or s3._qp(query, "prefix")
        operation = "" if options.get("internal") else s3_operations.name(method, key, headers, query)
        fault = s3_board.take(operation, bucket, subject) if operation else None
        served = functools.partial(answer, method, path, headers, body, query, **options)
        return await _apply(fault, method, served) if fault else await served()

    s3.handle_request = answer_with_faults


async def _apply(fault: Fault, method: str, serve: Callable[[], Awaitable[Any]]) -> Any:
    match fault.kind:
        case Kind.ERROR:
            return _error(fault, method)
        case Kind.BREAK:
            return broken_connections.broken()
        case Kind.HANG:
            await s3_board.hang(fault.seconds)
            return await serve()
    response = await serve()
    match fault.kind:
        case Kind.ERROR_AFTER:
            return _error(fault, method)
        case Kind.HANG_AFTER:
            await s3_board.hang(fault.seconds)
            return response
    return broken_connections.broken()


def _error(fault: Fault, method: str) -> Any:
    status, headers, body = s3._error(fault.code, fault.message, fault.status or STATUS.get(fault.code, 400))
    return status, headers, b"" if method == "HEAD" else body


def _join_reset() -> None:
    reset = s3.reset

    @functools.wraps(reset)
    def reset_all() -> None:
        reset()
        s3_board.clear()

    s3.reset = reset_all


def _serve_control_paths() -> None:
    shortcuts = app._handle_post_body_shortcuts

    @functools.wraps(shortcuts)
    async def with_control_paths(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], request_id: str
    ) -> Any:
        if path == FAULTS_PATH:
            return _faults(method, body)
        if path == CHECKSUM_PATH and method == "DELETE":
            return _forget_checksum(s3._qp(query, "bucket"), s3._qp(query, "key"))
        return await shortcuts(method, path, headers, body, query, request_id)

    app._handle_post_body_shortcuts = with_control_paths


def _faults(method: str, body: bytes) -> Any:
    if method == "DELETE":
        s3_board.clear()
    elif method == "POST":
        try:
            s3_board.add(from_record(json.loads(body)))
        except (KeyError, TypeError, ValueError) as error:
            return _json(400, {"message": f"not a fault: {error}"})
    return _json(200, [vars(fault) for fault in s3_board.pending()])


def _forget_checksum(bucket: str, key: str) -> Any:
    found = s3._ensure_bucket(bucket)
    if found is None or key not in found["objects"]:
        return _json(404, {"message": f"there is no object s3://{bucket}/{key}"})
    s3_answers.change(bucket, key, {"checksums": {}, "checksum_type": None})
    return _json(200, {"forgotten": True})


def _json(status: int, content: Any) -> Any:
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()
