"""Where two JSON documents differ, as text. Pure: no AWS calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lambdas.promotion.contract.smoke_test_report import shortened

_LONGEST_QUOTE = 60
_ROUNDED = 1 + 1e-9  # 1.1 and 1 differ by 0.1, in decimal numbers only


def differences(
    expected: Any, received: Any, *, absolute: float = 0.0, relative: float = 0.0, path: str = "$"
) -> Iterator[str]:
    """Yield each difference.

    A number may differ by `absolute`, or by `relative` of the expected one, whichever is more. True is not a number.
    """
    if _is_number(expected) and _is_number(received):
        if not _is_near(expected, received, absolute, relative):
            yield _differs(path, expected, received)
    elif isinstance(expected, dict) and isinstance(received, dict):
        yield from (f"{path}.{name} is missing" for name in expected if name not in received)
        yield from (f"{path}.{name} is unexpected" for name in received if name not in expected)
        for name in [name for name in expected if name in received]:
            yield from differences(
                expected[name], received[name], absolute=absolute, relative=relative, path=f"{path}.{name}"
            )
    elif isinstance(expected, list) and isinstance(received, list):
        if len(expected) != len(received):
            yield f"{path} has {len(received)} items, not {len(expected)}"
        for index, pair in enumerate(zip(expected, received, strict=False)):
            yield from differences(*pair, absolute=absolute, relative=relative, path=f"{path}[{index}]")
    elif type(expected) is not type(received) or expected != received:
        yield _differs(path, expected, received)


def _is_near(expected: float, received: float, absolute: float, relative: float) -> bool:
    if expected == received:
        return True
    try:
        return abs(expected - received) <= max(absolute, relative * abs(expected)) * _ROUNDED
    except OverflowError:  # JSON allows integers that are larger than any float
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _differs(path: str, expected: Any, received: Any) -> str:
    return f"{path} is {_quoted(received)}, not {_quoted(expected)}"


def _quoted(value: Any) -> str:
    return shortened(json.dumps(value), _LONGEST_QUOTE)
