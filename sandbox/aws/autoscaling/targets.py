"""Scalable targets: between how few and how many a variant is scaled."""

from sandbox.aws.autoscaling import resources
from sandbox.aws.sagemaker import state
from sandbox.aws.sagemaker.api import paging
from sandbox.aws.sagemaker.api.errors import Invalid, Refusal
from sandbox.aws.sagemaker.endpoints import scalable_targets
from sandbox.aws.sagemaker.endpoints.endpoint import now
from sandbox.aws.sagemaker.state import Record

PAGE = 50
_SUSPENSIONS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


def register(request: Record) -> Record:
    """Register, or change what is registered: what the request leaves out stays (API: RegisterScalableTarget)."""
    resources.require_scalable(request)
    with state.LOCK:
        key = resources.key_of(request)
        existing: Record = state.scalable_targets.get(key) or {}
        if existing and "Tags" in request:
            raise Invalid("Tags can be given when a scalable target is registered; use TagResource afterwards.")
        least = request.get("MinCapacity", existing.get("MinCapacity"))
        most = request.get("MaxCapacity", existing.get("MaxCapacity"))
        if least is None or most is None:
            raise Invalid("Both MinCapacity and MaxCapacity are required to register a new scalable target.")
        if least > most:
            raise Invalid("Maximum capacity cannot be less than minimum capacity.")
        suspended = {**dict.fromkeys(_SUSPENSIONS, False), **existing.get("SuspendedState", {})}
        state.scalable_targets[key] = {
            **existing,
            "ServiceNamespace": request["ServiceNamespace"],
            "ResourceId": key[0],
            "ScalableDimension": key[1],
            "MinCapacity": least,
            "MaxCapacity": most,
            "RoleARN": resources.role_arn(),
            "SuspendedState": {**suspended, **request.get("SuspendedState", {})},
            "CreationTime": existing.get("CreationTime") or now(),
            "ScalableTargetARN": existing.get("ScalableTargetARN") or resources.new_arn(),
            "Tags": existing.get("Tags") or request.get("Tags", {}),
        }
        return {"ScalableTargetARN": state.scalable_targets[key]["ScalableTargetARN"]}


def describe(request: Record) -> Record:
    chosen = [
        target
        for target in state.scalable_targets.values()
        if target["ServiceNamespace"] == request["ServiceNamespace"]
        and target["ResourceId"] in request.get("ResourceIds", [target["ResourceId"]])
        and target["ScalableDimension"] == request.get("ScalableDimension", target["ScalableDimension"])
    ]
    return paging.page(chosen, request, "ScalableTargets", size=PAGE)


def deregister(request: Record) -> Record:
    with state.LOCK:
        if resources.key_of(request) not in state.scalable_targets:
            raise resources.not_found("No scalable target found", request)
        scalable_targets.forget(resources.key_of(request))
    return {}


def tag(request: Record) -> Record:
    _tagged(request)["Tags"] |= request["Tags"]
    return {}


def list_tags(request: Record) -> Record:
    return {"Tags": _tagged(request)["Tags"]}


def _tagged(request: Record) -> Record:
    for target in state.scalable_targets.values():
        if target["ScalableTargetARN"] == request["ResourceARN"]:
            record: Record = target
            return record
    raise Refusal("ResourceNotFoundException", f"The resource {request['ResourceARN']} was not found.")
