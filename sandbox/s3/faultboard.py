"""The faults that wait to happen to S3, on the server's side."""

import fnmatch
import threading
from dataclasses import replace

from sandbox.s3.faults import Fault

_lock = threading.Lock()
_waiting: list[Fault] = []


def add(fault: Fault) -> None:
    with _lock:
        _waiting.append(fault)


def waiting() -> list[Fault]:
    with _lock:
        return list(_waiting)


def clear() -> None:
    with _lock:
        _waiting.clear()


def take(operation: str, bucket: str, key: str) -> Fault | None:
    """The first fault that applies, used up once."""
    with _lock:
        for position, fault in enumerate(_waiting):
            if (
                fnmatch.fnmatchcase(operation, fault.operation)
                and fault.bucket in (None, bucket)
                and key.startswith(fault.prefix)
            ):
                if fault.times == 1:
                    del _waiting[position]
                elif fault.times is not None:
                    _waiting[position] = replace(fault, times=fault.times - 1)
                return fault
    return None
