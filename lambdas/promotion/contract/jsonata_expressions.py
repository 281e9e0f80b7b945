"""JSONata expressions over an answer's JSON: read when the app is synthesised, evaluated in the smoke test.

docs/decisions/0015: the package, its bounds and what it costs. It knows neither files nor the network. Its own time
limit looks between two parts of an expression only, and a regular expression or a long range can take hours within
one, so an alarm of the operating system ends the evaluation. Only the main thread can have one: there a handler runs.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

SECONDS = 2.0
_DEEPEST = 200


class BadExpression(ValueError):
    """The text is no JSONata, or it cannot be applied to this answer; the message says why."""


class TooSlow(BadExpression):
    """The evaluation did not end in time."""


class _Alarm(BaseException):
    """No Exception, because the package handles those."""


def require_readable(expression: str) -> None:
    """Raise BadExpression unless it is JSONata."""
    with _in_time():
        _parsed(expression)


def is_true(expression: str, document: Any) -> bool:
    """Say whether the expression is exactly true for a JSON document. Raises BadExpression."""
    with _in_time():
        parsed = _parsed(expression)
        try:
            return parsed.evaluate(document) is True
        except Exception as error:
            raise _bad(error) from error


def _parsed(expression: str) -> Any:
    from jsonata import Jsonata  # noqa: PLC0415 - only a test with an expression needs it

    try:
        return Jsonata(expression, stack=_DEEPEST)
    except Exception as error:
        raise _bad(error) from error


def _bad(error: Exception) -> BadExpression:
    # Beside its own errors the package lets out what Python's functions raise.
    return BadExpression(str(error) or type(error).__name__)


@contextmanager
def _in_time() -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, _ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _Alarm as alarm:
        raise TooSlow(f"it did not end within {SECONDS:g} seconds") from alarm
    finally:
        signal.signal(signal.SIGALRM, before)


def _ring(signum: int, frame: FrameType | None) -> NoReturn:
    raise _Alarm
