"""What the states hand on beside the document: what failed, what became of that, what is recorded and announced.

stacks/workflow makes the keys of its JSONata objects from these fields, and its paths follow them (document_paths.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lambdas.promotion.contract.document import Failure, Promotion, to_json


@dataclass(frozen=True, kw_only=True)
class StateError:
    """What a state failed with, under Step Functions' own keys. The cause of a Lambda's error is JSON as text."""

    Error: str = ""
    Cause: str = ""


@dataclass(frozen=True, kw_only=True)
class AnnouncementAttributes:
    """The attributes of the message on the topic: always all four, so that a subscriber's filter can rely on them."""

    outcome: str
    application: str
    stage: str
    error: str


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """A message on the hub's topic."""

    subject: str
    message: str
    attributes: AnnouncementAttributes

    def to_json(self) -> dict[str, Any]:
        return to_json(self)


@dataclass(frozen=True, kw_only=True)
class RecordedOutcome:
    """The answer of the step that records a promotion.

    `last_known_good`: what the endpoint can be rolled back to after this promotion, as JSON text; None if that stays
    as it was. `announcement`: None if the outcome is not announced.
    """

    last_known_good: str | None = None
    announcement: Announcement | None = None


@dataclass(frozen=True, kw_only=True)
class Envelope(RecordedOutcome):
    """The document with what happened to its promotion. A field that does not apply is absent.

    `promotion`: absent if the promotion failed before it was resolved. `failed`: the first error of a state.
    `rollback_failed`, `scaling_failed`, `preview_not_deleted`: the error of a state that ran because of it.
    `untouched`: unless AWS or Lambda interrupted the state that failed, this promotion has not changed the endpoint.
    `interrupted`: the last run of a rollback's step had no answer, but may have had its effect. `failure`: the first
    error with all that followed from it, explained.
    """

    promotion: Promotion | None = None
    failed: StateError | None = None
    rollback_failed: StateError | None = None
    scaling_failed: StateError | None = None
    preview_not_deleted: StateError | None = None
    untouched: bool = False
    interrupted: bool = False
    failure: Failure | None = None
    not_announced: StateError | None = None
