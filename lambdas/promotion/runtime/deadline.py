"""How long an invocation may begin new work."""

from __future__ import annotations

import time
from dataclasses import dataclass

from lambdas.promotion.contract import time_limits

# Lambda's own limit, for a step that runs elsewhere (a test).
_LONGEST_INVOCATION = time_limits.LONGEST_INVOCATION.total_seconds()
_RESERVE = time_limits.INVOCATION_RESERVE.total_seconds()


@dataclass(frozen=True)
class Clock:
    """How long a step may begin new work: `until` is a time of time.monotonic()."""

    until: float

    @classmethod
    def of(cls, context: object) -> Clock:
        """Return the clock of a Lambda invocation, with the time that what is under way needs to end."""
        left = getattr(context, "get_remaining_time_in_millis", lambda: _LONGEST_INVOCATION * 1000)()
        return cls(time.monotonic() + left / 1000 - min(_RESERVE, left / 4000))
