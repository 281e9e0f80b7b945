"""How a state fails, and how a definition is refused."""

from __future__ import annotations

from typing import Any


class Unsupported(Exception):
    """The definition has what the interpreter does not know. Teach it, or the benchmark measures something else."""


class StateFailed(Exception):
    """A state failed with an error that Retry and Catch go by. `cause`: its text."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause

    @property
    def output(self) -> dict[str, str]:
        """$states.errorOutput"""
        return {"Error": self.error, "Cause": self.cause}


# AWS: Step Functions, "Handling errors". States.ALL does not catch the first.
_NOT_CAUGHT_BY_ALL = {"States.Runtime", "States.DataLimitExceeded"}


def matches(handler: dict[str, Any], failure: StateFailed) -> bool:
    """Whether a retrier or a catcher is for this error."""
    names = handler["ErrorEquals"]
    if failure.error in names or ("States.TaskFailed" in names and failure.error != "States.Timeout"):
        return True
    return "States.ALL" in names and failure.error not in _NOT_CAUGHT_BY_ALL
