"""What every step shares: the typed document in and out, logs that name the promotion, errors with names."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from lambdas.promotion.aws import sessions
from lambdas.promotion.aws.logs import log_about, logger
from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.errors import CallRefused, PromotionError, ServiceUnavailable, UnexpectedFault
from lambdas.promotion.runtime.deadline import Clock

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


Event = dict[str, Any]
Handler = Callable[[Event, object], dict[str, Any]]


def now() -> datetime:
    return datetime.now(UTC)


def step(action: Callable[[Promotion], Promotion]) -> Handler:
    """Make a Lambda handler of a function from Promotion to Promotion.

    The event is {"promotion": the document, "attempt": how often Step Functions has tried this state before}.
    """
    return step_with_retry_count(lambda promotion, retry_count: action(promotion), name=action.__module__)


def step_with_retry_count(action: Callable[[Promotion, int], Promotion], *, name: str | None = None) -> Handler:
    """The same for a step that must know whether an earlier try may have had its effect already."""

    return step_with_event(
        lambda promotion, event: action(promotion, event["retry_count"]), name=name or action.__module__
    )


def step_with_event(action: Callable[[Promotion, Event], Promotion], *, name: str | None = None) -> Handler:
    """The same for a step that is told more than its promotion, and the attempt, in the event."""

    @errors_by_name
    def handler(event: Event, context: object) -> dict[str, Any]:
        return _run(lambda promotion: action(promotion, event), event, name or action.__module__)

    return handler


def step_with_clock(action: Callable[[Promotion, Clock], Promotion]) -> Handler:
    """The same for a step whose work may be too much for one run: it stops in time and is run again."""

    @errors_by_name
    def handler(event: Event, context: object) -> dict[str, Any]:
        return _run(lambda promotion: action(promotion, Clock.of(context)), event, action.__module__)

    return handler


def _run(action: Callable[[Promotion], Promotion], event: Event, name: str) -> dict[str, Any]:
    promotion = Promotion.from_json(event["promotion"])
    log_about(promotion, retry_count=event["retry_count"])
    done = action(promotion)
    logger.info("Step done", extra={"step": name})
    return done.to_json()


def hub_s3() -> S3Client:
    """S3 as the step's own role, in the hub, where the lists lie."""
    return sessions.own_s3()


def errors_by_name(action: Handler) -> Handler:
    """Let nothing out but our errors: their names are what Retry and Catch, and the operator, go by."""

    @functools.wraps(action)
    def handler(event: Event, context: object) -> dict[str, Any]:
        logger.clear_state()  # a warm Lambda must not log about the promotion before this one
        try:
            return action(event, context)
        except PromotionError as error:
            logger.warning("Step failed", extra={"error": type(error).__name__, "cause": str(error)})
            raise
        except ClientError as error:
            logger.exception("AWS refused a call")
            said = error.response.get("Error", {}).get("Message") or str(error)
            raise CallRefused(f"AWS refused {error.operation_name}: {said}") from error
        except (HTTPClientError, ConnectionError) as error:
            logger.exception("AWS could not be reached")
            raise ServiceUnavailable(f"AWS could not be reached: {error}. It was retried.") from error
        except BotoCoreError as error:
            logger.exception("A call could not be made")
            raise CallRefused(f"A call to AWS could not be made: {error}") from error
        except Exception as error:
            logger.exception("A fault in Promote")
            raise UnexpectedFault(
                f"A fault in Promote itself ({type(error).__name__}: {error}). The log group of the step "
                f"{action.__module__} has the trace: please report it. Promoting again is safe."
            ) from error

    return handler
