"""What AWS's API allows of a value, from botocore's model: more than botocore itself checks before a call.

botocore checks types, required fields and minimums; AWS also refuses what is too long, too large, in another form or
none of the listed values.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.validate import ParamValidator


def violations(request: Mapping[str, Any], shape: Shape) -> Iterator[str]:
    """Yield what AWS would refuse of a request, with the API's path of each value."""
    report = ParamValidator().validate(request, shape)
    if report.has_errors():
        yield " ".join(report.generate_report().split())
    else:
        yield from _violations(request, shape, "")


def _violations(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        for name, part in value.items():
            yield from _violations(part, shape.members[name], f"{path}.{name}".lstrip("."))
    elif isinstance(shape, ListShape):
        yield from _limit_violations(len(value), shape, f"the number of {path}")
        for part in value:
            yield from _violations(part, shape.member, path)
    elif isinstance(shape, MapShape):
        for name, part in value.items():
            yield from _violations(part, shape.value, f"{path}.{name}")
    elif isinstance(value, str):
        yield from _text_violations(value, shape, path)
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{path} must be a finite number, not {value}"
    elif not isinstance(value, bool):
        yield from _limit_violations(value, shape, path)


def _text_violations(text: str, shape: Shape, path: str) -> Iterator[str]:
    choices, pattern = shape.metadata.get("enum", ()), shape.metadata.get("pattern")
    if choices and text not in choices:
        yield f"{path} must be one of {', '.join(choices)}, not {text!r}"
    if pattern and not _is_match(pattern, text):
        yield f"{path} must match {pattern}, and {text!r} does not"
    yield from _limit_violations(len(text), shape, f"the length of {path}")


def _limit_violations(value: float, shape: Shape, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if (least is not None and value < least) or (most is not None and value > most):
        yield f"{path} must be from {least} to {most}, not {value}"


def _is_match(pattern: str, text: str) -> bool:
    """The API's patterns are Java's; one that Python cannot read refuses nothing."""
    compiled = _compiled(pattern)
    return compiled is None or compiled.fullmatch(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        return None
