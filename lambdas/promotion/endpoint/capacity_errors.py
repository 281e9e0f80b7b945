"""Telling that AWS had no instances from a model that is bad, and whether it is worth asking for them again. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from lambdas.promotion.contract.document import Change, Promotion

# A FailureReason is a sentence for people; these are its words when instances were lacking (AWS: SageMaker,
# "InsufficientInstanceCapacity"; EC2's own name of the error stands in it).
_LACKING = re.compile(
    r"insufficient\s*(instance|ml)?\s*capacity|unable to provision requested ml compute capacity", re.IGNORECASE
)


def is_lacking(reason: str | None) -> bool:
    """Whether SageMaker gives missing instances as the reason."""
    return bool(reason and _LACKING.search(reason))


def may_retry(promotion: Promotion, change: Change, *, now: datetime) -> bool:
    """Whether the stage wants another try, and there is time for it before the deadline."""
    retries = promotion.stage.capacity_retries
    return (
        retries is not None
        and change.capacity_failures < retries.max_attempts
        and now + timedelta(seconds=retries.wait_seconds) < promotion.deadline
    )
