"""Report the age of the oldest lock."""

from __future__ import annotations

from typing import Any

from lambdas.promotion.aws import sessions
from lambdas.promotion.contract import resource_names
from lambdas.promotion.lock import age as lock_age
from lambdas.promotion.outcome import metrics
from lambdas.promotion.runtime.handler import Event, errors_by_name, now


@errors_by_name
def handler(event: Event, context: object) -> dict[str, Any]:
    """A schedule runs this; its event is not read."""
    locks = lock_age.locked_since(resource_names.ENDPOINTS_TABLE, sessions.own_dynamodb())
    seconds = lock_age.oldest_lock_seconds(locks, now=now())
    metrics.report_oldest_lock(seconds)
    return {"locks": len(locks), "seconds": seconds}
