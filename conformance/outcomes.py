"""What comes of a check."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class Verdict(enum.StrEnum):
    """What a check shows."""

    SAME = "same"
    DIFFERENT = "different"
    COULD_NOT_RUN = "could not run"


class CannotRun(Exception):
    """What the check asks could not be asked; the message says why. It proves nothing either way."""


class NotPrepared(Exception):
    """The account is not as the promotion needs it; the message says what to do."""


class OutOfBudget(Exception):
    """The plan costs more than the budget, or takes longer than the time limit; the message has both numbers."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was expected and what was answered; `differences` has a sentence for each field that is not as expected."""

    expected: Any
    answered: Any
    differences: Sequence[str] = ()

    @property
    def verdict(self) -> Verdict:
        return Verdict.DIFFERENT if self.differences else Verdict.SAME
