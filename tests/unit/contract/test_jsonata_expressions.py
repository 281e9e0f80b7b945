"""JSONata in a smoke test: what it cannot do, and that it ends."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from lambdas.promotion.contract import jsonata_expressions
from lambdas.promotion.contract.jsonata_expressions import BadExpression, TooSlow


@pytest.mark.parametrize("text", ["label =", "$match(", "'abc", "a.b[", "/(/", ""])
def test_invalid_jsonata_is_reported(text: str) -> None:
    with pytest.raises(BadExpression):
        jsonata_expressions.require_readable(text)


def test_what_is_wrong_with_an_expression_is_reported() -> None:
    with pytest.raises(BadExpression, match="Unexpected end of expression"):
        jsonata_expressions.require_readable("label =")


def test_an_error_without_a_message_is_reported_by_its_name() -> None:
    """The package lets out what Python's functions raise, which may have no text."""
    assert str(jsonata_expressions._bad(OverflowError())) == "OverflowError"


@pytest.mark.parametrize(
    ("expression", "document"),
    [("$unknown(1)", {}), ("a > 'x'", {"a": 1}), ("1/0", {}), ("$number('x') = 1", {}), ("$toMillis('x') = 1", {})],
)
def test_what_cannot_be_applied_is_an_error_and_not_false(expression: str, document: Any) -> None:
    with pytest.raises(BadExpression):
        jsonata_expressions.is_true(expression, document)


@pytest.mark.parametrize(
    "expression",
    [
        "( $f := function($x){ $f($x) }; $f(1) )",
        # Neither of these two comes to a place where the package would look at its own time limit.
        "$match('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', /(a+)+$/) = 1",
        "$sum([1..9999999]) = 1",
    ],
)
def test_every_evaluation_ends_in_time(expression: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonata_expressions, "SECONDS", 0.2)
    with pytest.raises(TooSlow, match=r"0\.2 seconds"):
        jsonata_expressions.is_true(expression, {})


def test_endless_recursion_is_an_error() -> None:
    with pytest.raises(BadExpression, match="Stack overflow"):
        jsonata_expressions.is_true("( $f := function($x){ 1 + $f($x) }; $f(1) )", {})


def test_the_signal_alarm_is_reset() -> None:
    before = signal.getsignal(signal.SIGALRM)
    assert jsonata_expressions.is_true("a = 1", {"a": 1})
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
