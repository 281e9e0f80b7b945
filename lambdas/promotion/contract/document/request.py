"""What was asked for, and by which execution."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a person typed: names only.

    Without `model_name` and `model_package_arn`, a stage takes what the stage before it last promoted well; the first
    stage takes the newest approved version. `allow_older`: the model may be older than the one that was promoted last.
    `roll_back`: not a model, but the previous last known good promotion of the stage, or the one that `roll_back_to`
    names by its promotion id. `accept_drift`: roll back although the endpoint serves what no promotion recorded.
    `dry_run`: plan the promotion and change nothing. `requested_by`: the requester's own claim of an identity; it is
    unverified.
    """

    application: str
    stage: str
    model_name: str | None = None
    model_package_arn: str | None = None
    allow_older: bool = False
    roll_back: bool = False
    requested_by: str | None = None
    dry_run: bool = False
    roll_back_to: str | None = None
    accept_drift: bool = False


@dataclass(frozen=True, kw_only=True)
class Execution:
    """The Step Functions execution that this promotion is."""

    arn: str
    started_at: datetime

    @property
    def promotion_id(self) -> str:
        """The execution's name; every log line has it."""
        return self.arn.rpartition(":")[2]
