"""An execution that ended unsuccessfully, by whatever EventBridge or Step Functions tells of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from lambdas.promotion.contract.document import Execution, Failure, Outcome
from lambdas.promotion.contract.errors import NotYetVisible
from lambdas.promotion.contract.steps import FAILED_STATE
from lambdas.promotion.outcome.execution_history import LastState

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_FAILURE_BY_STATUS = {
    "ABORTED": Failure(
        error="Aborted", family=Outcome.ABORTED, cause="Somebody stopped the execution (StopExecution)."
    ),
    "TIMED_OUT": Failure(
        error="TimedOut",
        family=Outcome.ABORTED,
        cause="The execution ran longer than its state machine allows, which is longer than any stage's deadline.",
    ),
    "FAILED": Failure(
        error="States.Runtime",
        family=Outcome.ERRORED,
        cause="Step Functions ended the execution itself, past every state that could have told why.",
    ),
}
UNSUCCESSFUL: tuple[Literal["ABORTED", "TIMED_OUT", "FAILED"], ...] = ("ABORTED", "TIMED_OUT", "FAILED")


@dataclass(frozen=True, kw_only=True)
class AbortedExecution:
    """`status`: FAILED, TIMED_OUT or ABORTED. `input`: what the execution was started with; None if it cannot be read.

    `error`, `cause`: what the execution ended with, if Step Functions says it.
    """

    execution: Execution
    input: object
    status: str
    stopped_at: datetime
    error: str | None = None
    cause: str | None = None

    def ended_itself(self, last: LastState) -> bool:
        """Whether the workflow concluded it: it ended in the state `Promotion failed`, with that state's error.

        That state cannot catch an error of its own: then the execution ends with States.QueryEvaluationError or
        States.Runtime.
        """
        error = self.error or last.error
        return self.status == "FAILED" and last.name == FAILED_STATE and error is not None and error == _error_of(last)

    def failure(self, last: LastState) -> Failure:
        """Return why the execution ended: what its states found, or what its caller or Step Functions says."""
        if self.ended_itself(last) and last.failure:
            return last.failure
        usual = _FAILURE_BY_STATUS[self.status]
        error, cause = self.error or last.error, self.cause or last.cause
        before = f"The promotion had failed with {last.failure.error}: {last.failure.cause}" if last.failure else None
        reason = ": ".join(filter(None, (error, cause)))
        return Failure(
            error=(error or usual.error) if self.status == "FAILED" else usual.error,
            family=usual.family,
            cause=" ".join(filter(None, (usual.cause, reason, before))),
        )


def of_event(detail: Mapping[str, Any], *, stepfunctions: SFNClient) -> AbortedExecution | None:
    """Return the execution of an event (AWS: "Step Functions Execution Status Change"), as Step Functions describes it.

    Only `executionArn` is taken from the event: a late one may be of an execution that was redriven, and one of
    somebody else's making says anything. None if the execution has not ended unsuccessfully. Raises NotYetVisible if it
    should have by the event's `status`, and runs: what Step Functions describes may be stale (API: DescribeExecution).
    """
    arn = detail["executionArn"]
    described = stepfunctions.describe_execution(executionArn=arn)
    status = described["status"]
    if status not in UNSUCCESSFUL:
        if status != "SUCCEEDED" and detail.get("status") in UNSUCCESSFUL:
            raise NotYetVisible(
                f"An event says that {arn} is {detail['status']}, and Step Functions that it is {status}. Nothing was "
                "cleaned up. It is looked at again."
            )
        return None
    return AbortedExecution(
        execution=Execution(arn=arn, started_at=_to_milliseconds(described["startDate"])),
        input=_json(described.get("input")),
        status=status,
        stopped_at=_to_milliseconds(described["stopDate"]),
        error=described.get("error"),
        cause=described.get("cause"),
    )


def _to_milliseconds(instant: datetime) -> datetime:
    """Return a time as the events of an execution have it: a float of seconds is not exact to the millisecond."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=round(instant.timestamp() * 1000))


def _error_of(last: LastState) -> str | None:
    return last.failure.error if last.failure else None


def _json(text: str | None) -> object:
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return None
