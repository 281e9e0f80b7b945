"""How many instances of a type the endpoints of an account may have in a Region."""

from ministack.core.responses import get_account_id

from sandbox.aws.faults import fault_queue
from sandbox.aws.faults.faults import Kind, Layer
from sandbox.aws.sagemaker import state
from sandbox.aws.sagemaker.api.errors import Refusal

# By the beginning of the type, the longest first; AWS's own defaults are smaller and differ by Region.
_DEFAULTS = {"ml.p": 8.0, "ml.g": 20.0, "": 1000.0}


def of(instance_type: str) -> float:
    """The quota of the type that a fault injects, or the default."""
    for fault in fault_queue.pending(Layer.SAGEMAKER):
        if fault.kind is Kind.QUOTA and fault.matches(account=get_account_id(), resource=instance_type):
            return fault.value
    return next(value for beginning, value in _DEFAULTS.items() if instance_type.startswith(beginning))


def require_room(wanted: dict[str, int]) -> None:
    """An update needs room for its new instances beside the old ones. Raises ResourceLimitExceeded."""
    for instance_type, more in wanted.items():
        used, quota = _used(instance_type), of(instance_type)
        if used + more > quota:
            raise Refusal(
                "ResourceLimitExceeded",
                f"The account-level service limit '{name(instance_type)}' is {quota:.0f} Instances, with current "
                f"utilization of {used} Instances and a request delta of {more} Instances. Please use AWS Service "
                "Quotas to request an increase for this quota. If AWS Service Quotas is not available, contact AWS "
                "support to request an increase for this quota.",
            )


def name(instance_type: str) -> str:
    """The quota's name (AWS: SageMaker, endpoints and quotas)."""
    return f"{instance_type} for endpoint usage"


def _used(instance_type: str) -> int:
    with state.LOCK:
        endpoints = list(state.endpoints.values())
    running = [variant for endpoint in endpoints for variant in endpoint.variants]
    coming = [variant for endpoint in endpoints if endpoint.pending for variant in endpoint.pending.variants]
    return sum(
        variant.instances or 0
        for variant in [*running, *coming]
        if variant.specification.get("InstanceType") == instance_type
    )
