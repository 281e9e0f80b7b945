"""Distinguish insufficient capacity from a failing model, and decide on a retry. Pure: no AWS calls."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from lambdas.promotion.contract.document import Change
from lambdas.promotion.contract.settings import Stage

# A FailureReason is free text; these are its words when capacity was insufficient (AWS: SageMaker,
# "InsufficientInstanceCapacity"; the text contains EC2's own name of the error).
_LACKING = re.compile(
    r"insufficient\s*(instance|ml)?\s*capacity|unable to provision requested ml compute capacity", re.IGNORECASE
)


def is_lacking(reason: str | None) -> bool:
    """Whether SageMaker reports insufficient capacity as the reason."""
    return bool(reason and _LACKING.search(reason))


def may_retry(stage: Stage, change: Change, *, deadline: datetime, now: datetime) -> bool:
    """Whether the stage allows another attempt, and there is time for it before the promotion's deadline."""
    retries = stage.capacity_retries
    return (
        retries is not None
        and change.capacity_failures < retries.max_attempts
        and now + timedelta(seconds=retries.wait_seconds) < deadline
    )
