"""The front door of the control plane: JSON requests in, JSON answers out. Other services use it as well."""

import asyncio
import concurrent.futures
import contextvars
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.aws.faults.faults import Kind
from sandbox.aws.sagemaker.api import authorization, request_faults, shapes
from sandbox.aws.sagemaker.api.authorization import RequiredPermission
from sandbox.aws.sagemaker.api.errors import Refusal
from sandbox.aws.sagemaker.api.operations import OPERATIONS, subject
from sandbox.aws.sagemaker.state import Record

Response = tuple[int, dict[str, str], bytes]
JSON = "application/x-amz-json-1.1"

# Not the loop's own executor: an operation that asks the sandbox's S3 must never wait for a thread that waits for it.
_workers = concurrent.futures.ThreadPoolExecutor(16, thread_name_prefix="sagemaker")


@dataclass(frozen=True)
class Service:
    """A service of the JSON protocol: its name in botocore, its operations, and what they ask of whom.

    `subject` names what a request is about, for faults.
    """

    name: str
    operations: Mapping[str, Callable[[Record], Record]]
    required_permissions: Callable[[str, Record], Iterator[RequiredPermission]]
    subject: Callable[[Record], str]

    async def handle_request(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Response:
        """Answer one request."""
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        try:
            if operation not in self.operations:
                raise Refusal("UnknownOperationException", f"The sandbox's {self.name} has no operation {operation!r}.")
            answer = await self._answer(operation, _parameters(body), headers, query_params)
        except authorization.Unauthenticated as failure:
            return failure.response
        except Refusal as refusal:
            return refused(refusal)
        content = json.dumps(answer).encode() if shapes.operation(operation, self.name).output_shape else b""
        return 200, {"Content-Type": JSON}, content

    async def _answer(
        self, operation: str, parameters: Record, headers: dict[str, str], query: dict[str, Any]
    ) -> Record:
        authorization.require(self.required_permissions(operation, parameters), headers, query)
        shapes.validate(operation, parameters, service=self.name)
        present = {key: value for key, value in parameters.items() if value is not None}
        about = self.subject(present)
        request_faults.refuse(operation, about)
        await request_faults.hang(operation, about, Kind.HANG)
        if (outdated := request_faults.stale_answer(operation, about, present)) is not None:
            return outdated
        answer = shapes.answer(operation, await in_worker(self.operations[operation], present), service=self.name)
        request_faults.remember(operation, about, answer)
        request_faults.refuse_after(operation, about)
        await request_faults.hang(operation, about, Kind.HANG_AFTER)
        return request_faults.with_unknown_field(operation, about, answer)


def refused(refusal: Refusal) -> Response:
    """An error, as the JSON protocol carries it."""
    body = {"__type": refusal.code, "message": refusal.message, **refusal.fields}
    return refusal.status, {"Content-Type": JSON, "x-amzn-errortype": refusal.code}, json.dumps(body).encode()


async def in_worker(function: Any, *arguments: Any) -> Any:
    """Run blocking work off the event loop, for the request's account and Region."""
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_workers, lambda: context.run(function, *arguments))


def _parameters(body: bytes) -> Record:
    try:
        parameters = json.loads(body or b"{}")
    except ValueError as error:
        raise Refusal("SerializationException", "The request is not JSON.") from error
    if not isinstance(parameters, dict):
        raise Refusal("SerializationException", "The request is not a JSON object.")
    return parameters


SAGEMAKER = Service("sagemaker", OPERATIONS, authorization.required_permissions, subject)
handle_request = SAGEMAKER.handle_request
