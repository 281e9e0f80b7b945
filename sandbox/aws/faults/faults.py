"""Faults that can be injected: at which layer, of which kind, and into which calls."""

import fnmatch
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Layer(StrEnum):
    """Where a fault is injected."""

    SAGEMAKER = "sagemaker"  # in the services SageMaker, Application Auto Scaling and Service Quotas
    S3 = "s3"  # in the service S3
    STEP = "step"  # in the process of a step's Lambda, or in the state machine: calls of every service


class Kind(StrEnum):
    """What goes wrong. A kind that ends in `_after` is injected after the call has had its effect."""

    ERROR = "error"
    ERROR_AFTER = "error_after"
    THROTTLE = "throttle"
    HANG = "hang"  # no response for some seconds or until the faults are cleared, then the effect
    HANG_AFTER = "hang_after"
    DISCONNECT = "disconnect"
    DISCONNECT_AFTER = "disconnect_after"
    TIMEOUT = "timeout"  # the caller gets no response, and need not wait for that
    TIMEOUT_AFTER = "timeout_after"
    KILL = "kill"  # the caller's process ends before the request leaves
    KILL_AFTER = "kill_after"  # the caller's process ends before it gets the response
    STALE = "stale"  # an old response, or "not found" for what was just created
    UNKNOWN_FIELD = "unknown_field"  # the response has a `field` that botocore does not know
    SILENT_ROLLBACK = "silent_rollback"  # the update ends InService, on the old configuration
    FAIL = "fail"  # the endpoint becomes Failed
    NO_CAPACITY = "no_capacity"  # no instances: a creation fails, an update rolls back
    ROLLBACK_FAILED = "rollback_failed"  # the update ends UpdateRollbackFailed
    SYSTEM_UPDATING = "system_updating"  # the endpoint is SystemUpdating for some seconds
    DUPLICATE_EVENTS = "duplicate_events"  # each event is sent twice
    QUOTA = "quota"  # `value` instances of the type `resource` are allowed, as long as the fault is pending

    @property
    def is_after(self) -> bool:
        return self.value.endswith("_after")


KILLS = frozenset({Kind.KILL, Kind.KILL_AFTER})
# These decide how a deployment of an endpoint ends; the others apply to one request.
OF_DEPLOYMENTS = frozenset(
    {Kind.SILENT_ROLLBACK, Kind.FAIL, Kind.NO_CAPACITY, Kind.ROLLBACK_FAILED, Kind.SYSTEM_UPDATING}
)
_OF_RESPONSES = frozenset({Kind.ERROR, Kind.ERROR_AFTER, Kind.THROTTLE})
_OF_SERVICES = _OF_RESPONSES | {Kind.HANG, Kind.HANG_AFTER}
KINDS = {
    Layer.SAGEMAKER: _OF_SERVICES
    | OF_DEPLOYMENTS
    | {Kind.STALE, Kind.UNKNOWN_FIELD, Kind.DUPLICATE_EVENTS, Kind.QUOTA},
    Layer.S3: _OF_SERVICES | {Kind.DISCONNECT, Kind.DISCONNECT_AFTER},
    Layer.STEP: _OF_RESPONSES | KILLS | {Kind.TIMEOUT, Kind.TIMEOUT_AFTER},
}


@dataclass(frozen=True)
class Error:
    """An error response."""

    code: str
    message: str
    status: int = 400


_THROTTLED = Error("ThrottlingException", "Rate exceeded")
_SLOW_DOWN = Error("SlowDown", "Please reduce your request rate.", 503)
_DEFAULTS = {
    Layer.SAGEMAKER: Error(
        "InternalFailure", "The request processing has failed because of an unknown error, exception or failure.", 500
    ),
    Layer.S3: Error("InternalError", "We encountered an internal error. Please try again.", 500),
    Layer.STEP: _THROTTLED,
}
# With which status S3 answers these codes (S3 API: Error responses). Every other code has 400.
_S3_STATUS = {
    "AccessDenied": 403,
    "ConditionalRequestConflict": 409,
    "InternalError": 500,
    "NoSuchKey": 404,
    "NoSuchUpload": 404,
    "PreconditionFailed": 412,
    "ServiceUnavailable": 503,
    "SlowDown": 503,
}


@dataclass(frozen=True)
class Call:
    """A call to AWS by a step, named as its module is, or by the state machine itself, named as the state is.

    `service` is botocore's name of it. The state machine has no process that could be killed.
    """

    step: str
    service: str
    operation: str


@dataclass(frozen=True)
class Fault:
    """A fault that is injected *times* times (None: until it is cleared), into the calls that match all its fields."""

    layer: Layer
    operation: str  # a glob over API operations
    kind: Kind = Kind.ERROR
    step: str = "*"  # a glob over steps and states
    service: str = "*"  # a glob over services
    account: str | None = None
    resource: str = "*"  # a glob over the name of what the operation is about
    bucket: str | None = None
    prefix: str = ""  # of the key that is read or written, not of a copy's source
    times: int | None = 1
    each: bool = False  # once for every different call that matches; then *times* is None
    seconds: float = 0.0
    code: str | None = None
    message: str | None = None
    # S3 may send an error with status 200, after a copy or a completion has begun.
    status: int | None = None
    reason: str | None = None  # the endpoint's FailureReason
    value: float = 0.0
    field: str = "BrandNew"  # where it is, with dots; the number of an item of a list

    @staticmethod
    def from_json(fields: dict[str, Any]) -> "Fault":
        """Raises KeyError, TypeError, ValueError."""
        fault = Fault(**{**fields, "layer": Layer(fields["layer"]), "kind": Kind(fields["kind"])})
        if fault.kind not in KINDS[fault.layer]:
            raise ValueError(f"{fault.kind} cannot be injected at the layer {fault.layer}")
        return fault

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def error(self) -> Error:
        """The error response that the fault stands for: its own, or the usual one of its layer."""
        usual = _DEFAULTS[self.layer]
        if self.kind is Kind.THROTTLE:
            usual = _SLOW_DOWN if self.layer is Layer.S3 else _THROTTLED
        code = self.code or usual.code
        status = _S3_STATUS.get(code, 400) if self.layer is Layer.S3 else usual.status
        return Error(code, self.message or usual.message, self.status or status)

    def matches(
        self,
        operation: str | None = None,
        *,
        step: str = "",
        service: str = "",
        account: str = "",
        resource: str = "",
        bucket: str = "",
        key: str = "",
    ) -> bool:
        """Whether the fault applies to a call. Every operation matches None: an event has none."""
        return (
            (operation is None or fnmatch.fnmatchcase(operation, self.operation))
            and fnmatch.fnmatchcase(step, self.step)
            and fnmatch.fnmatchcase(service, self.service)
            and self.account in (None, account)
            and fnmatch.fnmatchcase(resource, self.resource)
            and self.bucket in (None, bucket)
            and key.startswith(self.prefix)
        )
