"""InvokeEndpointAsync: a request is taken, and its answer or its failure is put into S3 as the execution role.

What a failure's object says, and its name, is from memory. Topics are not notified.
"""

import json
import logging
import re
import threading
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from ministack.core.responses import get_account_id, get_region, request_scope

from sandbox.aws.faults.faults import Kind
from sandbox.aws.sagemaker import state
from sandbox.aws.sagemaker.api import api, authorization, request_faults, roles
from sandbox.aws.sagemaker.api.errors import Refusal
from sandbox.aws.sagemaker.endpoints.endpoint import Endpoint
from sandbox.aws.sagemaker.hosting import invocation
from sandbox.aws.sagemaker.hosting.process import CUSTOM_ATTRIBUTES
from sandbox.aws.sagemaker.models import artifact_access, models
from sandbox.aws.sagemaker.state import Record

logger = logging.getLogger("sagemaker")

PATH = re.compile(r"/endpoints/(?P<name>[^/]+)/async-invocations")
PREFIX = "x-amzn-sagemaker-"
MAX_INLINE_BYTES = 128_000


@dataclass(frozen=True)
class Request:
    """What one asynchronous request asks, and where its answer goes."""

    headers: dict[str, str]
    inference_id: str
    location: str | None
    body: bytes
    output: str
    failure: str | None
    key: str | None


async def handle_request(
    method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
) -> api.Response:
    """Answer one invocation: those that are not asynchronous as the other module does."""
    match = PATH.fullmatch(path)
    if match is None or method != "POST":
        return await invocation.handle_request(method, path, headers, body, query_params)
    name = unquote(match["name"])
    try:
        required = authorization.required_permissions("InvokeEndpointAsync", {"EndpointName": name})
        authorization.require(required, headers, query_params)
        request_faults.refuse("InvokeEndpointAsync", name)
        await request_faults.hang("InvokeEndpointAsync", name, Kind.HANG)
        endpoint = invocation.find(name)
        request = _accepted(endpoint, headers, body)
    except authorization.Unauthenticated as failure:
        return failure.response
    except Refusal as refusal:
        return invocation.refused(refusal)
    _begin(endpoint, request)
    answer_headers = {"Content-Type": "application/json", "X-Amzn-SageMaker-OutputLocation": request.output}
    if request.failure:
        answer_headers["X-Amzn-SageMaker-FailureLocation"] = request.failure
    return 202, answer_headers, json.dumps({"InferenceId": request.inference_id}).encode()


def _accepted(endpoint: Endpoint, headers: dict[str, str], body: bytes) -> Request:
    config: Record | None = endpoint.config.get("AsyncInferenceConfig")
    if config is None:
        raise Refusal("ValidationError", f"Endpoint {endpoint.name} is not configured for asynchronous inference.")
    location = headers.get(f"{PREFIX}inputlocation")
    if bool(location) == bool(body):
        raise Refusal("ValidationError", "Exactly one of InputLocation and Body must be specified.")
    if len(body) > MAX_INLINE_BYTES:
        raise Refusal("ValidationError", f"Body must have length less than or equal to {MAX_INLINE_BYTES} bytes.")
    output, output_id = config["OutputConfig"], str(uuid.uuid4())
    file = headers.get(f"{PREFIX}filename") or f"{output_id}.out"
    extension = headers.get(f"{PREFIX}s3outputpathextension", "")
    folder = "/".join(part.strip("/") for part in (output["S3OutputPath"], extension) if part)
    failures = output.get("S3FailurePath")
    return Request(
        headers=headers,
        inference_id=headers.get(f"{PREFIX}inference-id") or str(uuid.uuid4()),
        location=location,
        body=body,
        output=f"{folder}/{file}",
        failure=f"{failures.rstrip('/')}/{output_id}-error.out" if failures else None,
        key=output.get("KmsKeyId"),
    )


def _begin(endpoint: Endpoint, request: Request) -> None:
    account, region = get_account_id(), get_region()

    def run() -> None:
        with request_scope(account, region):
            _respond(endpoint, request)

    threading.Thread(target=run, name=f"request {request.inference_id}", daemon=True).start()


def _respond(endpoint: Endpoint, request: Request) -> None:
    """Put the answer where it belongs, or what went wrong. The caller gets nothing else."""
    try:
        credentials = roles.assume(_role(endpoint), "SageMaker")
        client = artifact_access.s3_client(credentials)
        try:
            body = request.body or _read(client, str(request.location))
            with endpoint.fleet_for_a_request() as fleet:
                if fleet is None:
                    raise Refusal("ValidationError", f"Endpoint {endpoint.name} serves nothing.")
                _, reply = invocation.invoke(endpoint, fleet, _as_of_a_call(request.headers), body)
        except Refusal as refusal:
            if request.failure:
                _write(client, request.failure, refusal.message.encode(), "text/plain", request.key)
            return
        _write(client, request.output, reply.body, reply.content_type, request.key)
    except (roles.CannotAssume, ClientError, BotoCoreError):
        logger.exception("the request %s to endpoint %s was lost", request.inference_id, endpoint.name)


def _role(endpoint: Endpoint) -> str:
    with state.LOCK:
        variant = endpoint.config["ProductionVariants"][0]
    return str(models.find(variant["ModelName"])["ExecutionRoleArn"])


def _as_of_a_call(headers: dict[str, str]) -> dict[str, str]:
    """The headers that a request at once would have."""
    named = {"content-type": f"{PREFIX}content-type", "accept": f"{PREFIX}accept"}
    named[CUSTOM_ATTRIBUTES.lower()] = f"{PREFIX}custom-attributes"
    return {name: headers[own] for name, own in named.items() if own in headers}


def _read(client: Any, uri: str) -> bytes:
    parsed = urlsplit(uri)
    try:
        content: bytes = client.get_object(Bucket=parsed.netloc, Key=parsed.path.lstrip("/"))["Body"].read()
    except ClientError as error:
        raise Refusal("ValidationError", f"The request {uri} cannot be read: {error}") from error
    return content


def _write(client: Any, uri: str, content: bytes, content_type: str, key: str | None) -> None:
    parsed = urlsplit(uri)
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}
    client.put_object(
        Bucket=parsed.netloc, Key=parsed.path.lstrip("/"), Body=content, ContentType=content_type, **encryption
    )
