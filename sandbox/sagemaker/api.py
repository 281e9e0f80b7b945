"""The front door of the control plane: JSON requests in, JSON answers out."""

import asyncio
import concurrent.futures
import contextvars
import json
from typing import Any

from sandbox.sagemaker import authorization, mishaps, shapes
from sandbox.sagemaker.errors import Refusal
from sandbox.sagemaker.faults import Kind
from sandbox.sagemaker.operations import OPERATIONS, subject
from sandbox.sagemaker.state import Record

Response = tuple[int, dict[str, str], bytes]
JSON = "application/x-amz-json-1.1"

# Not the loop's own executor: an operation that asks the sandbox's S3 must never wait for a thread that waits for it.
_workers = concurrent.futures.ThreadPoolExecutor(16, thread_name_prefix="sagemaker")


async def handle_request(
    method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
) -> Response:
    """Answer one request of the control plane."""
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    try:
        if operation not in OPERATIONS:
            raise Refusal("UnknownOperationException", f"The sandbox's SageMaker has no operation {operation!r}.")
        answer = await _answer(operation, _parameters(body), headers, query_params)
    except authorization.Unauthenticated as failure:
        return failure.response
    except Refusal as refusal:
        return refused(refusal)
    content = json.dumps(answer).encode() if shapes.operation(operation).output_shape else b""
    return 200, {"Content-Type": JSON}, content


def refused(refusal: Refusal) -> Response:
    """An error, as the JSON protocol carries it."""
    body = {"__type": refusal.code, "message": refusal.message, **refusal.members}
    return refusal.status, {"Content-Type": JSON, "x-amzn-errortype": refusal.code}, json.dumps(body).encode()


async def in_worker(function: Any, *arguments: Any) -> Any:
    """Run blocking work off the event loop, for the request's account and Region."""
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_workers, lambda: context.run(function, *arguments))


async def _answer(operation: str, parameters: Record, headers: dict[str, str], query: dict[str, Any]) -> Record:
    authorization.require(authorization.demands(operation, parameters), headers, query)
    shapes.validate(operation, parameters)
    given = {key: value for key, value in parameters.items() if value is not None}
    about = subject(given)
    mishaps.refuse(operation, about)
    await mishaps.hang(operation, about, Kind.HANG)
    if (outdated := mishaps.stale_answer(operation, about, given)) is not None:
        return outdated
    answer = shapes.answer(operation, await in_worker(OPERATIONS[operation], given))
    mishaps.remember(operation, about, answer)
    mishaps.refuse_after(operation, about)
    await mishaps.hang(operation, about, Kind.HANG_AFTER)
    return answer


def _parameters(body: bytes) -> Record:
    try:
        parameters = json.loads(body or b"{}")
    except ValueError as error:
        raise Refusal("SerializationException", "The request is not JSON.") from error
    if not isinstance(parameters, dict):
        raise Refusal("SerializationException", "The request is not a JSON object.")
    return parameters
