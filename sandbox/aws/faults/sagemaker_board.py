"""The faults that wait to happen to SageMaker."""

import fnmatch
from collections.abc import Collection

from sandbox.aws.faults.sagemaker import Fault, Kind
from sandbox.aws.faults.waiting_faults import FaultQueue

# These shape how a deployment goes; the others are about one request.
OF_DEPLOYMENTS = frozenset(
    {Kind.SILENT_ROLLBACK, Kind.FAIL, Kind.NO_CAPACITY, Kind.ROLLBACK_FAILED, Kind.SYSTEM_UPDATING}
)

_faults: FaultQueue[Fault] = FaultQueue()
add, pending, clear, hang = _faults.add, _faults.pending, _faults.clear, _faults.hang


def take(operation: str | None, kinds: Collection[Kind], *, account: str, resource: str) -> Fault | None:
    """The first fault that applies, used up once. Without an operation (an event has none) any will do."""
    return _faults.take(lambda fault: fault.kind in kinds and _applies(fault, operation, account, resource))


def concerns(fault: Fault, *, account: str, resource: str) -> bool:
    """Whether a fault is about what somebody has or does."""
    return fault.account in (None, account) and fnmatch.fnmatchcase(resource, fault.resource)


def _applies(fault: Fault, operation: str | None, account: str, resource: str) -> bool:
    return (operation is None or fnmatch.fnmatchcase(operation, fault.operation)) and concerns(
        fault, account=account, resource=resource
    )
