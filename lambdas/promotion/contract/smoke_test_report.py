"""What a smoke test asked and got, as the promotion's document and result keep it: shortened, never a whole payload."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

LONGEST = 200  # characters of what was asked, and of what came back


@dataclass(frozen=True, kw_only=True)
class SmokeTestResult:
    """One test. `received` is the first unexpected answer, or the first. `failures` of its `requests` failed.

    `milliseconds` has min, p50, p95 and max of the answers, in which a request that hung counts as long as it was
    waited for; it is empty if there is neither.
    """

    sent: str
    received: str | None
    requests: int
    failures: int
    milliseconds: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class SmokeReport:
    """The tests of a stage, in the order of its configuration."""

    tests: tuple[SmokeTestResult, ...] = ()


def shown(content: bytes, content_type: str, *, record: bool) -> str:
    """Return a payload's kind and size, and its beginning if it may be kept and is text."""
    text = _text_of(content) if record else None
    beginning = f"{shortened(text)} " if text else ""
    return f"{beginning}({content_type}, {len(content)} bytes)"


def _text_of(content: bytes) -> str | None:
    beginning = content[: LONGEST * 4 + 4]  # a character has four bytes at most
    try:
        # One that is cut at the end is left out.
        text = codecs.getincrementaldecoder("utf-8")().decode(beginning, final=len(beginning) == len(content))
    except UnicodeDecodeError:
        return None
    if any(not (character.isprintable() or character.isspace()) for character in text):
        return None
    return " ".join(text.split())


def shortened(text: str, longest: int = LONGEST) -> str:
    """Return a text of so many characters at most, and readable; what was cut ends with an ellipsis."""
    return readable(text if len(text) <= longest else f"{text[: longest - 1]}…")


def readable(text: str) -> str:
    """Return the text in which half a character (JSON can name it) is a question mark: UTF-8 cannot carry it."""
    return text.encode(errors="replace").decode()
