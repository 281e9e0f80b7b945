"""What every step shares: the typed document in and out, logs that name the promotion, errors with names."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from lambdas.promotion import measures
from lambdas.promotion.document import Promotion
from lambdas.promotion.errors import CallRefused, PromotionError, ServiceUnavailable, UnexpectedFault

logger = Logger(service="promote", use_rfc3339=True)

Event = dict[str, Any]
Handler = Callable[[Event, object], dict[str, Any]]


def now() -> datetime:
    return datetime.now(UTC)


def step(act: Callable[[Promotion], Promotion]) -> Handler:
    """Make a Lambda handler of a function from Promotion to Promotion.

    The event is {"promotion": the document, "attempt": how often Step Functions has tried this state before}.
    """
    return step_with_attempt(lambda promotion, attempt: act(promotion), name=act.__module__)


def step_with_attempt(act: Callable[[Promotion, int], Promotion], *, name: str | None = None) -> Handler:
    """The same for a step that must know whether an earlier try may have had its effect already."""

    @errors_by_name
    def handler(event: Event, context: object) -> dict[str, Any]:
        promotion = Promotion.from_json(event["promotion"])
        log_about(promotion, attempt=event["attempt"])
        done = act(promotion, event["attempt"])
        logger.info("Step done", extra={"step": name or act.__module__})
        if done.result:
            measures.count_ending(done.result.outcome, seconds=done.result.seconds)
        return done.to_json()

    return handler


def errors_by_name(act: Handler) -> Handler:
    """Let nothing out but our errors: their names are what Retry and Catch, and the operator, go by."""

    @functools.wraps(act)
    def handler(event: Event, context: object) -> dict[str, Any]:
        logger.clear_state()  # a warm Lambda must not log about the promotion before this one
        try:
            return act(event, context)
        except PromotionError as error:
            logger.warning("Step refused or failed", extra={"error": type(error).__name__, "cause": str(error)})
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
                f"{act.__module__} has the trace: please report it. Promoting again is safe."
            ) from error

    return handler


def log_about(promotion: Promotion, **more: object) -> None:
    """Put the promotion on every line of this invocation."""
    logger.append_keys(
        promotion_id=promotion.execution.promotion_id,
        application=promotion.request.application,
        stage=promotion.stage.name,
        **more,
    )
