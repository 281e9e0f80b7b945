"""What AWS does on a bad day, on demand: the words for it, and a client for the sandbox's switchboard."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sandbox.aws.faults.board_client import ControlClient

FAULTS_PATH = "/_sandbox/faults/sagemaker/sagemaker"
STATE_PATH = "/_sandbox/sagemaker"


class Kind(StrEnum):
    """What goes wrong."""

    SILENT_ROLLBACK = "silent_rollback"  # the update ends InService, on the old configuration
    FAIL = "fail"  # the endpoint goes Failed
    NO_CAPACITY = "no_capacity"  # no instances: a creation fails, an update rolls back
    ROLLBACK_FAILED = "rollback_failed"  # the update ends UpdateRollbackFailed
    SYSTEM_UPDATING = "system_updating"  # the endpoint sits in SystemUpdating for a while
    THROTTLE = "throttle"  # ThrottlingException before any effect
    ERROR = "error"  # any error before any effect
    ERROR_AFTER = "error_after"  # the effect happens, then the error
    HANG = "hang"  # no answer for a while or until the faults are cleared, then the effect
    HANG_AFTER = "hang_after"  # the effect happens, then no answer for a while
    STALE = "stale"  # an old answer, or "not found" for what was just created
    DUPLICATE_EVENTS = "duplicate_events"  # each event is sent twice
    QUOTA = "quota"  # `value` instances of the type `resource` are allowed, as long as the fault waits


@dataclass(frozen=True)
class Fault:
    """One thing that will go wrong, *times* times (None: until it is cleared)."""

    operation: str  # a glob over API operations
    kind: Kind
    account: str | None = None
    resource: str = "*"  # a glob over the name of what the operation is about
    times: int | None = 1
    seconds: float = 0.0
    code: str = "InternalFailure"
    message: str = "The request processing has failed because of an unknown error, exception or failure."
    status: int = 500
    reason: str | None = None  # FailureReason
    value: float = 0.0


class SageMakerFaults(ControlClient):
    """A client for the switchboard of a running sandbox."""

    def inject(self, operation: str, kind: Kind | str, **details: Any) -> Fault:
        """Add a fault; *details* are the other fields of Fault."""
        fault = Fault(operation=operation, kind=Kind(kind), **details)
        self._call("POST", FAULTS_PATH, asdict(fault))
        return fault

    def pending(self) -> list[Fault]:
        """The faults that have not happened yet, with the times that are left."""
        return [Fault(**{**record, "kind": Kind(record["kind"])}) for record in self._call("GET", FAULTS_PATH)]

    def clear(self) -> None:
        self._call("DELETE", FAULTS_PATH)

    def forget_sagemaker(self, account: str | None = None) -> None:
        """Drop the models, endpoints, packages and hosting processes of one account, or of all."""
        self._call("DELETE", STATE_PATH + (f"?account={account}" if account else ""))
