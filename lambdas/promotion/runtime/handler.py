"""What every step shares: the typed document in and out, logs that name the promotion, errors with names."""

from __future__ import annotations

import functools
import gc
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.promotion.aws import error_translation, sessions
from lambdas.promotion.aws.logs import log_about, logger
from lambdas.promotion.aws.unreadable_answers import NO_ANSWER
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.errors import CallRefused, PromotionError, ServiceUnavailable, UnexpectedFault
from lambdas.promotion.contract.step_events import StepEvent, from_event
from lambdas.promotion.contract.text import cut, whole
from lambdas.promotion.runtime.deadline import Clock

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Event = dict[str, Any]
Handler = Callable[[Event, object], dict[str, Any]]
E = TypeVar("E", bound=StepEvent)
# Bytes: more is cut in an execution's cause anyway (outcome/failure_explanation.py).
_LONGEST_MESSAGE = 32_000


def now() -> datetime:
    return datetime.now(UTC)


def step(action: Callable[[Promotion], Promotion]) -> Handler:
    """Make a Lambda handler of a function from Promotion to Promotion. The event is a StepEvent."""
    return _handler(lambda event, context: action(event.promotion), StepEvent, action.__module__)


def step_with_retry_count(action: Callable[[Promotion, int], Promotion]) -> Handler:
    """The same for a step that must know whether an earlier run may have had its effect already."""
    return _handler(lambda event, context: action(event.promotion, event.retry_count), StepEvent, action.__module__)


def step_with_event(kind: type[E]) -> Callable[[Callable[[E], Promotion]], Handler]:
    """The same for a step that needs more than the document: the fields of its own kind of event."""
    return lambda action: _handler(lambda event, context: action(event), kind, action.__module__)


def step_with_clock(action: Callable[[Promotion, Clock], Promotion]) -> Handler:
    """The same for a step whose work may be too much for one run: it stops in time and is run again."""
    return _handler(lambda event, context: action(event.promotion, Clock.of(context)), StepEvent, action.__module__)


def _handler(action: Callable[[E, object], Promotion], kind: type[E], module: str) -> Handler:
    def handler(event: Event, context: object) -> dict[str, Any]:
        step_event = from_event(event, kind)
        log_about(step_event.promotion, retry_count=step_event.retry_count)
        promotion = action(step_event, context)
        logger.info("Step done")
        return promotion.to_json()

    handler.__module__ = module
    return errors_by_name(handler)


def hub_s3() -> S3Client:
    """S3 as the step's own role, in the hub, where the lists lie."""
    return sessions.own_s3()


def errors_by_name(action: Handler) -> Handler:
    """Let nothing out but our errors: their names are what Retry and Catch, and the operator, go by."""
    step = action.__module__.rpartition(".")[2]

    @functools.wraps(action)
    def handler(event: Event, context: object) -> dict[str, Any]:
        _enable_collection()
        logger.clear_state()  # a warm Lambda must not log about the promotion before this one
        logger.append_keys(step=step)
        try:
            return _postable_answer(action(event, context))
        except PromotionError as error:
            logger.warning("Step failed", extra={"error": type(error).__name__, "cause": str(error)})
            if cut(str(error), size=_LONGEST_MESSAGE) == str(error):
                raise
            raise _postable(error) from error
        except Exception as error:
            raise _postable(named(error, step)) from error

    return handler


def _enable_collection() -> None:
    """Collect garbage from now on, except for what was imported: lambdas/handlers disabled it meanwhile."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def _postable_answer(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the answer with texts that Lambda's runtime can post: SageMaker may cut a reason inside a character."""
    text = json.dumps(answer, ensure_ascii=False)
    if whole(text) == text:
        return answer
    posted: dict[str, Any] = json.loads(whole(text))
    return posted


def _postable(error: PromotionError) -> PromotionError:
    """Return the error with a message that Lambda's runtime can post, as UTF-8 and not longer than it takes."""
    return type(error)(cut(str(error), size=_LONGEST_MESSAGE))


def named(error: Exception, step: str) -> PromotionError:
    """Return our error for one that is not ours, with the name of the step."""
    if isinstance(error, ClientError):
        logger.error("AWS refused a call", exc_info=error)
        message = error.response.get("Error", {}).get("Message") or str(error)
        return CallRefused(f"AWS refused {error_translation.call_of(error)}: {message}")
    if isinstance(error, NO_ANSWER):
        logger.error("AWS could not be reached", exc_info=error)
        return ServiceUnavailable(f"AWS could not be reached: {error}. It was retried.")
    if isinstance(error, BotoCoreError):
        logger.error("A call could not be made", exc_info=error)
        return CallRefused(f"A call to AWS could not be made: {error}")
    logger.error("A fault in Promote", exc_info=error)
    return UnexpectedFault(
        f"A fault in Promote itself ({type(error).__name__}: {error}). {_log()} has the trace of the step {step}: "
        "please report it. Promoting again is safe."
    )


def _log() -> str:
    group = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
    return f"The log group {group}" if group else "The log"
