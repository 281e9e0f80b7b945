"""InvokeEndpoint: a request to a model goes to a container of the endpoint that was asked."""

import json
import re
import uuid
from typing import Any
from urllib.parse import unquote

from ministack.core.responses import get_account_id

from sandbox.aws.faults.faults import Kind
from sandbox.aws.sagemaker import state
from sandbox.aws.sagemaker.api import api, arns, authorization, request_faults
from sandbox.aws.sagemaker.api.errors import Refusal
from sandbox.aws.sagemaker.endpoints.endpoint import Endpoint
from sandbox.aws.sagemaker.endpoints.fleet import Fleet, ServedModel
from sandbox.aws.sagemaker.hosting import container_logs
from sandbox.aws.sagemaker.hosting.hosting import HostingFailed, TargetModelMissing
from sandbox.aws.sagemaker.hosting.process import CUSTOM_ATTRIBUTES, Invocation, Reply

PATH = re.compile(r"/endpoints/(?P<name>[^/]+)/invocations")
# Of a request and of an answer (API: InvokeEndpoint, Body; Developer Guide: Invoke a serverless endpoint).
MAX_BYTES, MAX_SERVERLESS_BYTES = 6_291_456, 4 * 1024**2
TARGET_MODEL = "X-Amzn-SageMaker-Target-Model"
TARGET_CONTAINER = "X-Amzn-SageMaker-Target-Container-Hostname"


async def handle_request(
    method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
) -> api.Response:
    """Answer one invocation."""
    try:
        match = PATH.fullmatch(path)
        if match is None or method != "POST":
            raise Refusal("UnknownOperationException", f"The sandbox's SageMaker Runtime has no {method} {path}.", 404)
        name = unquote(match["name"])
        request = {"EndpointName": name, "TargetModel": headers.get(TARGET_MODEL.lower())}
        request["TargetContainerHostname"] = headers.get(TARGET_CONTAINER.lower())
        authorization.require(authorization.required_permissions("InvokeEndpoint", request), headers, query_params)
        request_faults.refuse("InvokeEndpoint", name)
        await request_faults.hang("InvokeEndpoint", name, Kind.HANG)
        variant, reply = await api.in_worker(_invoke, name, headers, body)
        request_faults.refuse_after("InvokeEndpoint", name)
        await request_faults.hang("InvokeEndpoint", name, Kind.HANG_AFTER)
    except authorization.Unauthenticated as failure:
        return failure.response
    except Refusal as refusal:
        return refused(refusal)
    answer_headers = {"Content-Type": reply.content_type, "x-Amzn-Invoked-Production-Variant": variant}
    if reply.custom_attributes:
        answer_headers[CUSTOM_ATTRIBUTES] = reply.custom_attributes
    return 200, answer_headers, reply.body


def find(name: str) -> Endpoint:
    """The endpoint of that name. Raises what an invocation is answered when there is none."""
    endpoint: Endpoint | None = state.endpoints.get(name.lower())
    if endpoint is None or endpoint.name != name:
        raise _not_found(name)
    return endpoint


def _invoke(name: str, headers: dict[str, str], body: bytes) -> tuple[str, Reply]:
    endpoint = find(name)
    with endpoint.fleet_for_a_request() as fleet:
        if fleet is None:
            raise _not_found(name)
        if "AsyncInferenceConfig" in endpoint.config:
            raise Refusal("ValidationError", f"Endpoint {name} only supports asynchronous inference.")
        most = _most_bytes(endpoint)
        if len(body) > most:
            raise _too_large(most)
        variant, reply = invoke(endpoint, fleet, headers, body)
        if len(reply.body) > most:
            # Which error it is was not found (recordings/sagemaker-runtime/InvokeEndpoint.yaml: answer-too-large).
            raise _model_error(endpoint, "model", 500, f"The response has more than {most} bytes.")
        return variant, reply


def _most_bytes(endpoint: Endpoint) -> int:
    serverless = any("ServerlessConfig" in variant for variant in endpoint.config["ProductionVariants"])
    return MAX_SERVERLESS_BYTES if serverless else MAX_BYTES


def _too_large(most: int) -> Refusal:
    if most == MAX_SERVERLESS_BYTES:
        return Refusal("ValidationError", f"Request {uuid.uuid4()} has oversize body.")
    return Refusal("ValidationError", f"Body must have length less than or equal to {most} bytes.", 413)


def invoke(endpoint: Endpoint, fleet: Fleet, headers: dict[str, str], body: bytes) -> tuple[str, Reply]:
    """A variant's name and its answer. Raises what the runtime answers when there is none."""
    variant = headers.get("x-amzn-sagemaker-target-variant") or endpoint.choose_variant()
    if variant not in fleet.variants:
        raise Refusal("ValidationError", f"Variant {variant} not found for Request.")
    model = fleet.variants[variant]
    invocation = Invocation(
        body=body,
        content_type=headers.get("content-type") or "application/octet-stream",
        accept=headers.get("accept") or "*/*",
        custom_attributes=headers.get(CUSTOM_ATTRIBUTES.lower()),
        target_model=headers.get(TARGET_MODEL.lower()),
        target_container=headers.get(TARGET_CONTAINER.lower()),
    )
    _require_target_model(endpoint, model, invocation)
    _require_target_container(endpoint, model, invocation)
    try:
        reply, container = model.invoke(invocation)
    except TargetModelMissing as missing:
        raise Refusal(
            "ValidationError",
            f"Failed to download model data(bucket: {missing.bucket}, key: {missing.key}). Please ensure that there is "
            "an object located at the URL and that the role passed to CreateModel has permissions to download the "
            "model.",
        ) from missing
    except (OSError, HostingFailed) as error:
        text = f"Your invocation timed out or its container is gone: {error}" if isinstance(error, OSError) else error
        raise _model_error(endpoint, "model", 500, str(text)) from error
    if reply.status != 200:
        raise _model_error(endpoint, container, reply.status, reply.body.decode(errors="replace"))
    return variant, reply


def _require_target_model(endpoint: Endpoint, model: ServedModel, invocation: Invocation) -> None:
    if invocation.target_model is not None and not model.is_multi_model:
        raise Refusal(
            "ValidationError",
            f"Endpoint {endpoint.name} is not a multi-model endpoint and does not support target model header.",
        )
    if invocation.target_model is None and model.is_multi_model:
        raise Refusal("ValidationError", f"Request {uuid.uuid4()} is missing a target model header.")


def _require_target_container(endpoint: Endpoint, model: ServedModel, invocation: Invocation) -> None:
    target = invocation.target_container
    if not model.direct:
        if target is not None:
            raise Refusal(
                "ValidationError",
                f"Endpoint {endpoint.name} is not configured for direct invocation and does not support "
                "TargetContainerHostname.",
            )
        return
    if target is None:
        raise Refusal(
            "ValidationError",
            f"Endpoint {endpoint.name} is configured for direct invocation: TargetContainerHostname is required.",
        )
    if target not in [container.title for container in model.containers]:
        raise Refusal("ValidationError", f"Endpoint {endpoint.name} has no container with the host name {target}.")


def _not_found(name: str) -> Refusal:
    return Refusal("ValidationError", f"Endpoint {name} of account {get_account_id()} not found.")


def _model_error(endpoint: Endpoint, container: str, status: int, message: str) -> Refusal:
    group, kind = container_logs.group_of(endpoint.name), "client" if status < 500 else "server"
    text = (
        f'Received {kind} error ({status}) from {container} with message "{message}". See '
        f"{group} in account {get_account_id()} for more information."
    )
    logs = arns.of("", "").replace(":sagemaker:", ":logs:").removesuffix("/") + f"log-group:{group}"
    return Refusal("ModelError", text, 424, OriginalStatusCode=status, OriginalMessage=message, LogStreamArn=logs)


def refused(refusal: Refusal) -> api.Response:
    body = {"Message": refusal.message, **refusal.fields}
    headers = {"Content-Type": "application/json", "x-amzn-errortype": refusal.code}
    return refusal.status, headers, json.dumps(body).encode()
