"""What happens to a step's own calls on a bad day, on demand: the words for it, and a client for the board.

The other boards make a service misbehave (sandbox.aws.faults.sagemaker, sandbox.aws.faults.s3). This one sits in the
process of the step's Lambda, so it can kill it, and it knows every service: STS, DynamoDB and ECR as well.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sandbox.aws.faults.board_client import ControlClient

FAULTS_PATH = "/_sandbox/faults/steps"
TAKE_PATH = "/_sandbox/faults/steps/take"
CALLS_PATH = "/_sandbox/faults/steps/calls"


class Moment(StrEnum):
    """When the board is asked about a call."""

    BEFORE = "before"
    AFTER = "after"  # AWS has done it, and its answer is on its way: a refused call has no such moment


class Kind(StrEnum):
    """What goes wrong."""

    KILL_BEFORE = "kill_before"  # the process ends before the request leaves
    KILL_AFTER = "kill_after"  # the process ends before the answer is seen
    ERROR = "error"  # an error before any effect
    ERROR_AFTER = "error_after"  # the effect happens, then the error
    TIMEOUT = "timeout"  # no answer, and no effect
    TIMEOUT_AFTER = "timeout_after"  # the effect happens, then no answer comes

    @property
    def moment(self) -> Moment:
        return Moment.AFTER if self.value.endswith("_after") else Moment.BEFORE

    @property
    def is_kill(self) -> bool:
        return self in (Kind.KILL_BEFORE, Kind.KILL_AFTER)


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
    """One thing that will go wrong, *times* times (None: until it is cleared)."""

    step: str  # a glob over steps and states
    operation: str  # a glob over API operations
    kind: Kind
    service: str = "*"  # a glob over services
    times: int | None = 1
    each: bool = False  # once for every call of every step that it applies to; then *times* is None
    code: str = "ThrottlingException"
    message: str = "Rate exceeded"
    status: int = 400


class StepFaults(ControlClient):
    """A client for the board of a running sandbox."""

    def inject(self, step: str, operation: str, kind: Kind | str, **details: Any) -> Fault:
        """Add a fault; *details* are the other fields of Fault."""
        if details.get("each"):
            details = {"times": None, **details}
        fault = Fault(step=step, operation=operation, kind=Kind(kind), **details)
        self._call("POST", FAULTS_PATH, asdict(fault))
        return fault

    def pending(self) -> list[Fault]:
        """The faults that have not happened yet, with the times that are left."""
        return [from_record(record) for record in self._call("GET", FAULTS_PATH)]

    def injected(self) -> list[tuple[Call, Kind]]:
        """What went wrong since the last clear(), in order."""
        said = self._call("GET", CALLS_PATH)["happened"]
        return [(Call(**one["call"]), Kind(one["kind"])) for one in said]

    def clear(self) -> None:
        """Drop the faults and forget the calls."""
        self._call("DELETE", FAULTS_PATH)

    def record(self) -> None:
        """Write down every call from now on, until clear()."""
        self._call("POST", CALLS_PATH)

    def calls(self) -> list[Call]:
        """The calls that were begun, in order. A call that is tried again stands there again."""
        return [Call(**one) for one in self._call("GET", CALLS_PATH)["calls"]]


def from_record(record: dict[str, Any]) -> Fault:
    """A fault from its JSON. Raises KeyError, TypeError, ValueError."""
    return Fault(**{**record, "kind": Kind(record["kind"])})
