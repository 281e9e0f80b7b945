"""Where the service is hooked into MiniStack."""

import functools
from typing import Any

from ministack import app
from ministack.core import router
from ministack.services import tagging

from sandbox.aws.controls import paths
from sandbox.aws.controls.client import SAGEMAKER_PATH
from sandbox.aws.sagemaker import state
from sandbox.aws.sagemaker.api import api
from sandbox.aws.sagemaker.endpoints import lifetime
from sandbox.aws.sagemaker.hosting import async_invocation

SERVICE = "sagemaker"
RUNTIME = "sagemaker-runtime"


def install() -> None:
    # Not in SERVICE_TO_IAM_NAMESPACE: MiniStack would check one permission on one resource. It only authenticates, and
    # the service checks every permission that a call needs (see authorization).
    app.SERVICE_HANDLERS[SERVICE] = api.handle_request
    app.SERVICE_HANDLERS[RUNTIME] = async_invocation.handle_request
    _route()
    _join_reset()
    paths.serve(_handle)
    tagging._RESOURCE_TAG_COLLECTORS[SERVICE] = _tagged_resources


def _route() -> None:
    router.SERVICE_PATTERNS[SERVICE] = {
        "target_prefixes": ["SageMaker."],
        "host_patterns": [r"api\.sagemaker\."],
        "credential_scope": SERVICE,
    }
    detect = router.detect_service

    @functools.wraps(detect)
    def detect_service(method: str, path: str, headers: dict[str, str], query_params: dict[str, Any]) -> str:
        service = str(detect(method, path, headers, query_params))
        # Both services sign for "sagemaker"; only the control plane names its operation in a header.
        return RUNTIME if service == SERVICE and "x-amz-target" not in headers else service

    router.detect_service = detect_service
    app.detect_service = detect_service


def _join_reset() -> None:
    app.SERVICE_REGISTRY[SERVICE] = {"module": SERVICE}
    app._loaded_modules[SERVICE] = lifetime


async def _handle(method: str, path: str, _body: bytes, query: dict[str, Any]) -> paths.Response | None:
    if (method, path) != ("DELETE", SAGEMAKER_PATH):
        return None
    await api.in_worker(lifetime.forget, next(iter(query.get("account", [])), None))
    return paths.as_json(200, {"forgotten": True})


def _tagged_resources() -> Any:
    for arn, tags in state.tags.items():
        yield arn, [{"Key": key, "Value": value} for key, value in tags.items()]
