"""The operations that the sandbox has: the quotas of SageMaker's endpoints, one for each instance type."""

import functools
import hashlib
from collections.abc import Callable

from ministack.core.responses import get_account_id, get_region

from recordings import store
from sandbox.aws.sagemaker.api import paging, shapes
from sandbox.aws.sagemaker.api.errors import Refusal
from sandbox.aws.sagemaker.endpoints import quotas
from sandbox.aws.sagemaker.state import Record

PAGE = 100


def list_quotas(request: Record) -> Record:
    _require_known_service(request)
    chosen = [
        _described(instance_type)
        for instance_type in _instance_types()
        if request.get("QuotaCode") in (None, code(instance_type))
    ]
    return paging.page(chosen, request, "Quotas", size=PAGE)


def get_quota(request: Record) -> Record:
    _require_known_service(request)
    for instance_type in _instance_types():
        if code(instance_type) == request["QuotaCode"]:
            return {"Quota": _described(instance_type)}
    raise Refusal("NoSuchResourceException", "The request failed because the specified quota does not exist.")


@functools.cache
def code(instance_type: str) -> str:
    """AWS's code, or one in its form where none was published: AWS's own codes are not made from names."""
    name = quotas.name(instance_type)
    return _published_codes().get(name) or f"L-{hashlib.sha256(name.encode()).hexdigest()[:8].upper()}"


@functools.cache
def _published_codes() -> dict[str, str]:
    published = store.response("service-quotas/ListServiceQuotas/endpoint-usage-codes")["Quotas"]
    return {quota["QuotaName"]: quota["QuotaCode"] for quota in published}


@functools.cache
def _instance_types() -> list[str]:
    types = shapes.operation("CreateEndpointConfig").service_model.shape_for("ProductionVariantInstanceType")
    return sorted(types.metadata["enum"])


def _described(instance_type: str) -> Record:
    place = f"{get_region()}:{get_account_id()}"
    return {
        "ServiceCode": "sagemaker",
        "ServiceName": "Amazon SageMaker",
        "QuotaArn": f"arn:aws:servicequotas:{place}:sagemaker/{code(instance_type)}",
        "QuotaCode": code(instance_type),
        "QuotaName": quotas.name(instance_type),
        "Value": quotas.of(instance_type),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
        "QuotaAppliedAtLevel": "ACCOUNT",
    }


def _require_known_service(request: Record) -> None:
    if request["ServiceCode"] != "sagemaker":
        raise Refusal("NoSuchResourceException", "The request failed because the specified service does not exist.")


OPERATIONS: dict[str, Callable[[Record], Record]] = {
    "ListServiceQuotas": list_quotas,
    "GetServiceQuota": get_quota,
}
