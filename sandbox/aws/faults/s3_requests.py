"""Faults of requests to S3."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from ministack.services import s3

from sandbox.aws.controls import paths
from sandbox.aws.controls.client import CHECKSUM_PATH
from sandbox.aws.controls.paths import Response
from sandbox.aws.faults import disconnections, fault_queue, s3_operations
from sandbox.aws.faults.faults import KINDS, Fault, Kind, Layer
from sandbox.aws.patches.s3 import s3_answers


def install() -> None:
    disconnections.install()
    _inject_faults()
    _join_reset()
    paths.serve(_handle)


def _inject_faults() -> None:
    answer = s3.handle_request

    @functools.wraps(answer)
    async def answer_with_faults(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], **options: Any
    ) -> Any:
        bucket, key = s3._parse_bucket_key(path, headers)
        subject = key or s3._qp(query, "prefix")
        operation = "" if options.get("internal") else s3_operations.name(method, key, headers, query)
        fault = operation and fault_queue.take(Layer.S3, KINDS[Layer.S3], operation, bucket=bucket, key=subject)
        served = functools.partial(answer, method, path, headers, body, query, **options)
        return await _apply(fault, method, served) if fault else await served()

    s3.handle_request = answer_with_faults


async def _apply(fault: Fault, method: str, serve: Callable[[], Awaitable[Any]]) -> Any:
    match fault.kind:
        case Kind.ERROR | Kind.THROTTLE:
            return _error(fault, method)
        case Kind.DISCONNECT:
            return disconnections.disconnected()
        case Kind.HANG:
            await fault_queue.hang(Layer.S3, fault.seconds)
            return await serve()
    response = await serve()
    match fault.kind:
        case Kind.ERROR_AFTER:
            return _error(fault, method)
        case Kind.HANG_AFTER:
            await fault_queue.hang(Layer.S3, fault.seconds)
            return response
    return disconnections.disconnected()


def _error(fault: Fault, method: str) -> Any:
    error = fault.error
    status, headers, body = s3._error(error.code, error.message, error.status)
    return status, headers, b"" if method == "HEAD" else body


def _join_reset() -> None:
    reset = s3.reset

    @functools.wraps(reset)
    def reset_all() -> None:
        reset()
        fault_queue.clear(Layer.S3)

    s3.reset = reset_all


async def _handle(method: str, path: str, _body: bytes, query: dict[str, Any]) -> Response | None:
    if (method, path) != ("DELETE", CHECKSUM_PATH):
        return None
    return _forget_checksum(s3._qp(query, "bucket"), s3._qp(query, "key"))


def _forget_checksum(bucket: str, key: str) -> Response:
    held = s3._ensure_bucket(bucket)
    if held is None or key not in held["objects"]:
        return paths.as_json(404, {"message": f"the object s3://{bucket}/{key} does not exist"})
    s3_answers.change(bucket, key, {"checksums": {}, "checksum_type": None})
    return paths.as_json(200, {"forgotten": True})
