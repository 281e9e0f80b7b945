"""What Step Functions reports of an error, as an error's name and one text for a person. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from lambdas.promotion.contract.document import Failure, PreviewProgress, Promotion, Rollback, RollbackProgress
from lambdas.promotion.contract.envelope import StateError
from lambdas.promotion.contract.errors import (
    Errored,
    Refused,
    RollbackFailed,
    RolledBack,
    Transient,
    UnexpectedFault,
    every_error,
)
from lambdas.promotion.contract.step_events import ExplainFailureEvent
from lambdas.promotion.contract.text import cut, whole
from lambdas.promotion.preview import state as preview_state

_KILLED = (
    "A step's Lambda was killed (memory or time ran out). Its log group in the hub says where; promoting again is safe."
)
_STEP_FUNCTIONS = {
    "States.Timeout": "A step did not end within its time limit. Its log group in the hub says how far it came; "
    "promoting again is safe.",
    "States.ExceedToleratedFailureThreshold": "A unit of the copy was stopped from outside: the execution's Map Run "
    "shows which. Nothing was deployed; promoting again is safe.",
    "States.ItemReaderFailed": "The state machine's role could not read the list of what is to be copied in the hub's "
    "bucket: look at its permissions on the bucket and on the bucket's key (docs/iam.md), then promote again.",
    "States.DataLimitExceeded": "What a state returned is larger than 256 KiB, the most that Step Functions hands on: "
    "report it with the execution's history.",
    "States.QueryEvaluationError": "An expression of the state machine's definition could not be evaluated: report it "
    "with the execution's history.",
    "Lambda.TooManyRequestsException": "The hub has no Lambda concurrency left, after retries. Free some or raise the "
    "account's limit, then promote again.",
    **dict.fromkeys(("Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory"), _KILLED),
}
# Bytes: less than the 32,768 characters that Step Functions takes as a Fail state's cause, whatever the letters.
_LONGEST_CAUSE = 32_000
_LONGEST_REASON = 1_000
_MESSAGE = re.compile(r'\{"errorMessage": ?"((?:[^"\\]|\\u[0-9a-fA-F]{4}|\\["\\/bfnrt])*)("?)', re.DOTALL)
# The first half of a character whose second one was cut off.
_HALF_AT_THE_END = re.compile("[\ud800-\udbff]$")
_FAMILIES = (Refused, RolledBack, Errored)
# The errors with which a step that was not retried has changed nothing: AWS refused a call, or a rule the promotion.
_WITHOUT_EFFECT = {error.__name__ for error in every_error() if not issubclass(error, Transient | UnexpectedFault)}


def explain(error: str, cause: str) -> Failure:
    """Return the failure. A Lambda's cause is JSON with the exception's message in errorMessage; others are text."""
    return Failure(
        error=whole(error) or "UnknownError", family=_family_of(error), cause=_limited(_text_of(error, cause))
    )


def of_event(event: ExplainFailureEvent) -> Failure:
    """Return the first error, with what became of the endpoint, of its scaling and of the preview endpoint."""
    promotion = event.promotion
    failure, rollback_failed = _of(event.failed), _of_optional(event.rollback_failed)
    if promotion and rollback_failed and event.untouched and failure.error in _WITHOUT_EFFECT:
        failure = untouched(failure, promotion, rollback_failed)
    else:
        failure = after_rollback(failure, promotion.rollback if promotion else None, failed=rollback_failed)
    if event.scaling_failed:
        failure = with_scaling_failure(failure, event.scaling_failed)
    if promotion and not promotion.rollback:
        failure = after_preview(failure, promotion, not_deleted=_of_optional(event.preview_not_deleted))
    return failure


def after_rollback(failure: Failure, rollback: Rollback | None, *, failed: Failure | None = None) -> Failure:
    """Return the failure with what became of the endpoint: it is RolledBack only if the previous state serves again.

    `failed` is the failure of the rollback itself.
    """
    if failed:
        return Failure(
            error=RollbackFailed.__name__,
            family=Errored.__name__,
            cause=_limited(
                f"{failure.cause} Then the rollback failed as well ({failed.error}): {failed.cause} Look at once "
                f"what the endpoint serves. The promotion had failed with {failure.error}."
            ),
        )
    if rollback is None or rollback.progress is RollbackProgress.NOT_NEEDED:
        return failure
    family = failure.family
    if rollback.progress in {RollbackProgress.DONE, RollbackProgress.DELETED}:
        family = RolledBack.__name__
    elif family == RolledBack.__name__:
        family = Errored.__name__
    return replace(failure, family=family, cause=_limited(f"{failure.cause} {rollback.endpoint_summary}"))


def untouched(failure: Failure, promotion: Promotion, rollback_failed: Failure) -> Failure:
    """Return the failure of a step that had not changed the endpoint yet, so that no rollback was required."""
    second = "" if rollback_failed == failure else f" The endpoint could not be checked again: {rollback_failed.cause}"
    return replace(
        failure,
        cause=_limited(f"{failure.cause} {promotion.endpoint_in_words} was not changed by this promotion.{second}"),
    )


def with_scaling_failure(failure: Failure, scaling_failed: StateError) -> Failure:
    """Return the failure with a second one: the suspended scaling of the endpoint could not be resumed."""
    second = _of(scaling_failed)
    also = f"Its automatic scaling could not be resumed either ({second.error}). {second.cause}"
    first_half = cut(failure.cause, size=_LONGEST_CAUSE // 2)
    return replace(failure, cause=f"{first_half} {cut(also, size=_LONGEST_CAUSE // 2 - 1)}")


def after_preview(failure: Failure, promotion: Promotion, *, not_deleted: Failure | None = None) -> Failure:
    """Return the failure of a promotion that was not rolled back, with what became of its preview.

    A model that fails in its preview is Refused: nothing was live that could be rolled back. A preview
    endpoint that may still exist is reported first, and is an error of its own. `not_deleted` is the failure of its
    deletion.
    """
    preview = promotion.preview or (preview_state.begin(promotion) if not_deleted else None)
    if preview is None:
        return failure
    if preview.progress is PreviewProgress.DELETED:
        return replace(failure, family=Refused.__name__) if failure.family == RolledBack.__name__ else failure
    why = ""
    if not_deleted and not_deleted != failure:
        why = f" Its deletion failed ({not_deleted.error}): {not_deleted.cause[:_LONGEST_REASON]}"
    left = f"The preview endpoint {preview.endpoint} may still exist and cost money: delete it.{why}"
    return replace(
        failure,
        family=Errored.__name__,
        cause=_limited(f"{left} The promotion failed with {failure.error}: {failure.cause}"),
    )


def _of(error: StateError) -> Failure:
    return explain(error.Error, error.Cause)


def _of_optional(error: StateError | None) -> Failure | None:
    return _of(error) if error else None


def _family_of(error: str) -> str:
    for family in _FAMILIES:
        if error in {leaf.__name__ for leaf in every_error(family)} | {family.__name__}:
            return family.__name__
    return Errored.__name__


def _text_of(error: str, cause: str) -> str:
    message = cause
    try:
        parsed = json.loads(cause)
        if isinstance(parsed, dict) and isinstance(parsed.get("errorMessage"), str):
            message = parsed["errorMessage"] or cause
    except (ValueError, RecursionError):
        message = _message_prefix(cause)
    message = _limited(message)
    explanation = _STEP_FUNCTIONS.get(error)
    if explanation:
        return f"{explanation} ({message})" if message else explanation
    return message or f"Step Functions reports {error} without a cause; the execution's history shows the state."


def _message_prefix(cause: str) -> str:
    """Return the message, which comes first, of a work unit's cause, which is truncated (stacks/workflow/copy.py)."""
    match = _MESSAGE.match(cause)
    if not match:
        return cause
    message: str = json.loads(f'"{match[1]}"', strict=False)
    return message if match[2] else f"{_HALF_AT_THE_END.sub('', message)} …"


def _limited(text: str) -> str:
    return cut(text, size=_LONGEST_CAUSE)
