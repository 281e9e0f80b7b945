"""The faults that wait to happen to S3."""

import fnmatch

from sandbox.aws.faults.s3 import Fault
from sandbox.aws.faults.waiting_faults import FaultQueue

_faults: FaultQueue[Fault] = FaultQueue()
add, pending, clear, hang = _faults.add, _faults.pending, _faults.clear, _faults.hang


def take(operation: str, bucket: str, key: str) -> Fault | None:
    """The first fault that applies, used up once."""
    return _faults.take(
        lambda fault: (
            fnmatch.fnmatchcase(operation, fault.operation)
            and fault.bucket in (None, bucket)
            and key.startswith(fault.prefix)
        )
    )
