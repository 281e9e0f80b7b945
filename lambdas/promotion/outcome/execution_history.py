"""What Step Functions remembers of an execution."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambdas.promotion.contract.document import Promotion, from_lenient_json

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


@dataclass(frozen=True, kw_only=True)
class LastState:
    """The state that an execution was in at last, and the promotion that it had come with, if it had one."""

    name: str | None = None
    promotion: Promotion | None = None


def last_state(execution_arn: str, *, stepfunctions: SFNClient) -> LastState:
    """Return where an execution ended."""
    pages = stepfunctions.get_paginator("get_execution_history").paginate(
        executionArn=execution_arn, reverseOrder=True, includeExecutionData=True
    )
    for page in pages:
        for event in page["events"]:
            entered = event.get("stateEnteredEventDetails")
            if entered:
                return LastState(name=entered["name"], promotion=_promotion_in(entered.get("input", "")))
    return LastState()


def _promotion_in(text: str) -> Promotion | None:
    """A state's input is the document, or has it as its member."""
    try:
        document = json.loads(text)
        return from_lenient_json(document.get("promotion") or document, Promotion)
    except (ValueError, AttributeError):
        return None
