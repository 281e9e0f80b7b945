"""Text that a caller, another account or AWS has written, as it can be handed on. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

_REPLACEMENT = "\ufffd"
# Control characters, and those that change the direction of what follows (Unicode Standard Annex 9, 2.1 to 2.6): they
# could hide what stands before them.
_NOT_SHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Missing(str):
    """A problem of a field that is required and has no value. Any other problem is one of what is there."""

    __slots__ = ()


def whole(text: str) -> str:
    """Return a text without halves of characters: JSON can escape them, and UTF-8 cannot have them."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def one_line(text: str) -> str:
    """Return a text as one line of whole characters; each of its line breaks and other blanks is one space."""
    return _NOT_SHOWN.sub(_REPLACEMENT, " ".join(whole(text).split()))


def in_lines(beginning: str, problems: Sequence[str], end: str) -> str:
    """Return a message of several problems with a line for each; one problem is part of its sentence.

    `beginning`: a sentence up to its colon. `end`: what to do.
    """
    if len(problems) == 1:
        return f"{beginning} {problems[0].rstrip('.')}. {end}"
    return "\n".join((beginning, *(f"- {one_line(problem)}" for problem in problems), end))


def cut(text: str, *, size: int) -> str:
    """Return the beginning of a text of whole characters that takes at most `size` bytes of UTF-8."""
    return whole(text).encode()[:size].decode(errors="ignore")


def as_json(value: object) -> str:
    """Return a value that a caller has sent as JSON; a sentence for one that is nested more deeply than can be read."""
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        return '"It is nested too deeply to be shown."'
