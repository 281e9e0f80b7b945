"""The faults that wait to happen, on the server's side."""

import fnmatch
import threading
from collections.abc import Collection
from dataclasses import replace

from sandbox.sagemaker.faults import Fault, Kind

_lock = threading.Lock()
_waiting: list[Fault] = []

# These shape how a deployment goes; the others are about one request.
OF_DEPLOYMENTS = frozenset(
    {Kind.SILENT_ROLLBACK, Kind.FAIL, Kind.NO_CAPACITY, Kind.ROLLBACK_FAILED, Kind.SYSTEM_UPDATING}
)


def add(fault: Fault) -> None:
    with _lock:
        _waiting.append(fault)


def waiting() -> list[Fault]:
    with _lock:
        return list(_waiting)


def clear() -> None:
    with _lock:
        _waiting.clear()


def take(operation: str | None, kinds: Collection[Kind], *, account: str, resource: str) -> Fault | None:
    """The first fault that applies, used up once. Without an operation (an event has none) any will do."""
    with _lock:
        for position, fault in enumerate(_waiting):
            if fault.kind in kinds and _applies(fault, operation, account, resource):
                _use_up(position, fault)
                return fault
    return None


def _applies(fault: Fault, operation: str | None, account: str, resource: str) -> bool:
    return (
        (operation is None or fnmatch.fnmatchcase(operation, fault.operation))
        and fault.account in (None, account)
        and fnmatch.fnmatchcase(resource, fault.resource)
    )


def _use_up(position: int, fault: Fault) -> None:
    if fault.times is None:
        return
    if fault.times > 1:
        _waiting[position] = replace(fault, times=fault.times - 1)
    else:
        del _waiting[position]
