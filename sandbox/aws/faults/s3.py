"""What S3 does on a bad day, on demand: the words for it, and a client for the fault board of a running sandbox."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from sandbox.aws.faults.board_client import ControlClient

FAULTS_PATH = "/_sandbox/faults/s3"
CHECKSUM_PATH = "/_sandbox/s3/checksum"

# What S3 answers with these codes (S3 API: Error responses).
STATUS = {
    "AccessDenied": 403,
    "ConditionalRequestConflict": 409,
    "ExpiredToken": 400,
    "InternalError": 500,
    "NoSuchKey": 404,
    "NoSuchUpload": 404,
    "PreconditionFailed": 412,
    "RequestTimeout": 400,
    "ServiceUnavailable": 503,
    "SlowDown": 503,
}


class Kind(StrEnum):
    """What goes wrong."""

    ERROR = "error"  # an error before any effect
    ERROR_AFTER = "error_after"  # the effect happens, then the error
    HANG = "hang"  # no answer for a while or until the faults are cleared, then the effect
    HANG_AFTER = "hang_after"  # the effect happens, then no answer for a while
    BREAK = "break"  # the connection breaks before any effect
    BREAK_AFTER = "break_after"  # the effect happens, then the connection breaks


@dataclass(frozen=True)
class Fault:
    """One thing that will go wrong, *times* times (None: until it is cleared)."""

    operation: str  # a glob over API operations
    kind: Kind = Kind.ERROR
    bucket: str | None = None
    prefix: str = ""  # of the key that is read or written, not of a copy's source
    times: int | None = 1
    seconds: float = 0.0
    code: str = "InternalError"
    message: str = "We encountered an internal error. Please try again."
    # None: what belongs to the code. 200: the error comes after S3 said 200, as it may of a copy or a completion.
    status: int | None = None


class S3Faults(ControlClient):
    """A client for the fault board of a running sandbox."""

    def inject(self, operation: str, code: str = "InternalError", **details: Any) -> Fault:
        """Add a fault; *details* are the other fields of Fault."""
        fault = Fault(operation=operation, code=code, **details)
        self._call("POST", FAULTS_PATH, asdict(fault))
        return fault

    def pending(self) -> list[Fault]:
        """The faults that have not happened yet, with the times that are left."""
        return [from_record(record) for record in self._call("GET", FAULTS_PATH)]

    def clear(self) -> None:
        self._call("DELETE", FAULTS_PATH)

    def forget_checksum(self, bucket: str, key: str) -> None:
        """Leave an object without a checksum, as those are that were put before S3 made one for each (2024)."""
        self._call("DELETE", f"{CHECKSUM_PATH}?{urlencode({'bucket': bucket, 'key': key})}")


def from_record(record: dict[str, Any]) -> Fault:
    """A fault from its JSON. Raises KeyError, TypeError, ValueError."""
    return Fault(**{**record, "kind": Kind(record["kind"])})
