"""JSON as its standard has it. Python's parser also reads what no other parser does. Pure: no AWS calls."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NoReturn


def parsed(content: bytes) -> Any:
    """Return the document. Raises ValueError for what is no JSON.

    NaN and Infinity are none, nor is UTF-16; a member that stands twice in an object means another value to each parser
    (RFC 8259, sections 4, 6 and 8.1).
    """
    try:
        # A byte order mark may be ignored.
        return json.loads(content.decode("utf-8-sig"), parse_constant=_not_a_number, object_pairs_hook=_object)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _not_a_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(members)
    if len(made) < len(members):
        counts = Counter(name for name, _ in members)
        twice = next(name for name in made if counts[name] > 1)
        raise ValueError(f"the member {json.dumps(twice)} stands twice in an object")
    return made
