"""The events that the states send to the steps: stacks/workflow makes the payloads from these fields.

`retry_count` is how often Step Functions has run the same state before, after an error. Beside the fields every event
has its STEP, by which a function of several steps knows which to run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from lambdas.promotion.contract.document import Execution, Failure, Promotion, from_json
from lambdas.promotion.contract.envelope import StateError

E = TypeVar("E")
STEP = "step"
# Characters of JSON. A valid input has less than half of it; a state's payload cannot have all that an input can.
LONGEST_INPUT = 4_000
_TOO_DEEP = "The input is nested too deeply."


@dataclass(frozen=True, kw_only=True)
class StepEvent:
    """The event of most steps."""

    promotion: Promotion
    retry_count: int


@dataclass(frozen=True, kw_only=True)
class ExecutionInput:
    """What an execution was started with.

    `value`: of an input that is longer than LONGEST_INPUT only the names of application and stage; None if it cannot be
    read. `problem`: a sentence that says so, or None.
    """

    value: object
    problem: str | None = None


def read_input(text: str) -> ExecutionInput:
    """Return the input from the text in which the states hand it on (stacks/workflow/document_paths.py)."""
    try:
        handed_on = json.loads(text)
    except (ValueError, RecursionError):
        return ExecutionInput(value=None, problem=_TOO_DEEP)
    length = handed_on.get("length")
    problem = f"The input has {length} characters, more than {LONGEST_INPUT}." if length is not None else None
    return ExecutionInput(value=handed_on.get("input"), problem=problem)


@dataclass(frozen=True, kw_only=True)
class _StartedEvent:
    """`input_text`: what the execution was started with, for read_input; `input`: the same from an older definition."""

    execution: Execution
    input: Any = None
    input_text: str | None = None

    @property
    def started_with(self) -> ExecutionInput:
        return read_input(self.input_text) if self.input_text is not None else ExecutionInput(value=self.input)


@dataclass(frozen=True, kw_only=True)
class ResolveEvent(_StartedEvent):
    """The event of the steps that make the document."""


@dataclass(frozen=True, kw_only=True)
class CopyImageEvent:
    """`index`: which of the document's images is copied."""

    promotion: Promotion
    index: int


@dataclass(frozen=True, kw_only=True)
class WorkUnitSpan:
    """Where a work unit is stored in the list of all work units, in bytes."""

    offset: int
    length: int


@dataclass(frozen=True, kw_only=True)
class WorkUnitItem:
    """One item of the Map over the work units."""

    promotion: Promotion
    work_unit: WorkUnitSpan


@dataclass(frozen=True, kw_only=True)
class CopyUnitEvent(WorkUnitItem):
    """The event of the step that copies a work unit."""

    retry_count: int


@dataclass(frozen=True, kw_only=True)
class VerifyArtifactsEvent:
    """The event of the step that verifies copies: those of one work unit, or all that no Map has verified."""

    promotion: Promotion
    retry_count: int
    work_unit: WorkUnitSpan | None = None


@dataclass(frozen=True, kw_only=True)
class FailedWorkUnit:
    """What a Map has of a work unit that failed, in place of what was copied or verified."""

    failed: StateError


@dataclass(frozen=True, kw_only=True)
class AbortUploadsEvent:
    """The event of the step that aborts the uploads of a promotion that failed."""

    promotion: Promotion


@dataclass(frozen=True, kw_only=True)
class RollBackEvent(StepEvent):
    """`error_name`: the error after which the endpoint is rolled back."""

    error_name: str


@dataclass(frozen=True, kw_only=True)
class ResumeScalingEvent:
    """`failed`: only after a failure."""

    promotion: Promotion
    retry_count: int = 0
    failed: StateError | None = None


@dataclass(frozen=True, kw_only=True)
class ExplainFailureEvent:
    """The fields of the envelope that say what failed (envelope.py)."""

    failed: StateError
    execution: Execution
    promotion: Promotion | None = None
    rollback_failed: StateError | None = None
    scaling_failed: StateError | None = None
    preview_not_deleted: StateError | None = None
    untouched: bool = False


@dataclass(frozen=True, kw_only=True)
class RecordPromotionEvent(_StartedEvent):
    """`failure`: None after a promotion that went well."""

    retry_count: int
    promotion: Promotion | None = None
    failure: Failure | None = None


def from_event(event: dict[str, Any], kind: type[E]) -> E:
    """Return a step's event. What the step does not read may be there; raises if what it reads is not."""
    return from_json({field.name: event[field.name] for field in fields(kind) if field.name in event}, kind)  # type: ignore[arg-type]
