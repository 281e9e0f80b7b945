"""The module that MiniStack takes for the service: it resets it with all the others."""

from sandbox.aws.faults import fault_queue
from sandbox.aws.faults.faults import Layer
from sandbox.aws.sagemaker import state
from sandbox.aws.sagemaker.api import request_faults
from sandbox.aws.sagemaker.api.api import handle_request

__all__ = ["forget", "get_state", "handle_request", "reset"]


def reset() -> None:
    """Forget everything: POST /_ministack/reset."""
    fault_queue.clear(Layer.SAGEMAKER)
    forget()


def forget(account: str | None = None) -> None:
    """Forget what one account has, or every account, and end its hosting processes."""
    for endpoint in state.forget(account):
        for fleet in endpoint.fleets():
            fleet.stop()
    request_faults.forget()


def get_state() -> None:
    """Nothing outlives the server: the processes that serve do not."""
