"""Where two JSON documents differ, in words. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lambdas.promotion.contract.smoke_test_report import shortened

_LONGEST_QUOTE = 60
_ROUNDED = 1 + 1e-9  # 1.1 and 1 differ by 0.1, in decimal numbers only


def differences(
    expected: Any, got: Any, *, absolute: float = 0.0, relative: float = 0.0, at: str = "$"
) -> Iterator[str]:
    """Yield each difference.

    A number may differ by `absolute`, or by `relative` of the expected one, whichever is more. True is no number.
    """
    if _is_number(expected) and _is_number(got):
        if not _is_near(expected, got, absolute, relative):
            yield _differs(at, expected, got)
    elif isinstance(expected, dict) and isinstance(got, dict):
        yield from (f"{at}.{name} is missing" for name in expected if name not in got)
        yield from (f"{at}.{name} is too much" for name in got if name not in expected)
        for name in [name for name in expected if name in got]:
            yield from differences(expected[name], got[name], absolute=absolute, relative=relative, at=f"{at}.{name}")
    elif isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            yield f"{at} has {len(got)} items, not {len(expected)}"
        for index, (one, other) in enumerate(zip(expected, got, strict=False)):
            yield from differences(one, other, absolute=absolute, relative=relative, at=f"{at}[{index}]")
    elif type(expected) is not type(got) or expected != got:
        yield _differs(at, expected, got)


def _is_near(expected: float, got: float, absolute: float, relative: float) -> bool:
    if expected == got:
        return True
    try:
        return abs(expected - got) <= max(absolute, relative * abs(expected)) * _ROUNDED
    except OverflowError:  # JSON knows whole numbers that are larger than any float
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _differs(at: str, expected: Any, got: Any) -> str:
    return f"{at} is {_quoted(got)}, not {_quoted(expected)}"


def _quoted(value: Any) -> str:
    return shortened(json.dumps(value), _LONGEST_QUOTE)
