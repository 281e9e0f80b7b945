"""How long an invocation may begin new work."""

from __future__ import annotations

import time
from dataclasses import dataclass

# Lambda's own limit, for a step that runs elsewhere (a test); and what a step leaves to requests that are under way.
_LONGEST_INVOCATION = 900  # seconds
_TO_END = 75


@dataclass(frozen=True)
class Clock:
    """How long a step may begin new work: `until` is a time of time.monotonic()."""

    until: float

    @classmethod
    def of(cls, context: object) -> Clock:
        """Return the clock of a Lambda invocation, with the time that what is under way needs to end."""
        left = getattr(context, "get_remaining_time_in_millis", lambda: _LONGEST_INVOCATION * 1000)()
        return cls(time.monotonic() + left / 1000 - min(_TO_END, left / 4000))
