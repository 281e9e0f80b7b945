"""What Step Functions remembers of an execution."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from lambdas.promotion.contract.document import Failure, Promotion, from_lenient_json
from lambdas.promotion.contract.envelope import Announcement, StateError
from lambdas.promotion.contract.errors import NotYetVisible

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

T = TypeVar("T")
# The last event of an execution, and where it has its error and cause (API: HistoryEvent).
_ENDS = {
    "ExecutionSucceeded": "",
    "ExecutionFailed": "executionFailedEventDetails",
    "ExecutionAborted": "executionAbortedEventDetails",
    "ExecutionTimedOut": "executionTimedOutEventDetails",
}


@dataclass(frozen=True, kw_only=True)
class LastState:
    """The state that an execution was in at last, and what it had come with.

    `promotion`: None if it was not resolved. `failure`: what failed, if that was explained. `announcement`: the
    workflow's own, if it was made; `not_announced`: the error with which SNS refused it. `error`, `cause`: what the
    execution ended with.
    """

    name: str | None = None
    promotion: Promotion | None = None
    failure: Failure | None = None
    announcement: Announcement | None = None
    not_announced: StateError | None = None
    error: str | None = None
    cause: str | None = None


def last_state(execution_arn: str, *, stepfunctions: SFNClient) -> LastState:
    """Return where an execution ended. Raises NotYetVisible as long as its history does not show its end."""
    pages = stepfunctions.get_paginator("get_execution_history").paginate(
        executionArn=execution_arn, reverseOrder=True, includeExecutionData=True
    )
    events = (event for page in pages for event in page["events"])
    end: Mapping[str, Any] = next(events, {})
    if end.get("type") not in _ENDS:
        raise NotYetVisible(
            f"The history of {execution_arn} does not show its end yet. If it recurs, the execution was redriven: "
            "clean up after it has ended."
        )
    details = end.get(_ENDS[end["type"]], {})
    entered: Mapping[str, Any] = next(
        (event["stateEnteredEventDetails"] for event in events if "stateEnteredEventDetails" in event), {}
    )
    document = _document(entered.get("input", ""))
    return LastState(
        name=entered.get("name"),
        # A state's input is the document, or has it as its member.
        promotion=_part(document.get("promotion") or document, Promotion),
        failure=_part(document.get("failure"), Failure),
        announcement=_part(document.get("announcement"), Announcement),
        not_announced=_part(document.get("not_announced"), StateError),
        error=details.get("error"),
        cause=details.get("cause"),
    )


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _part(document: object, kind: type[T]) -> T | None:
    try:
        return from_lenient_json(document, kind) if isinstance(document, dict) else None
    except ValueError:
        return None
