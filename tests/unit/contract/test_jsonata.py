"""JSONata in a smoke test: what it cannot do, that it ends, and that it takes no more than its share."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambdas.promotion.contract.jsonata import expressions, worker
from lambdas.promotion.contract.jsonata.expressions import BadExpression, Evaluator, TooCostly
from tests.unit.processes import children

# Each of them would take hours, gigabytes, or both.
ENDLESS = [
    "( $f := function($x){ $f($x) }; $f(1) )",
    "$match('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', /(a+)+$/) = 1",
    "$replace('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', /(a|aa)+$/, '') = 'x'",
    # MemoryError has no end in it, with a limit within the process (CPython 3.11).
    "$sum([1..9999999]) = 1",
    "$shuffle([1..9999999]) = 1",
    "$split($pad('a', 50000000, 'a'), '') = 1",
    "$formatNumber(1, $pad('0', 100000000)) = 'x'",
]
LARGE = [
    "$pad('x', 2000000000) = 'x'",
    "$eval('$pad(\"x\", 2000000000)') = 'x'",
    "( $f := function($x, $n){ $n = 0 ? $x : $f($x & $x, $n - 1) }; $f('xxxxxxxxxx', 40) ) = 'x'",
    "$replace('a', 'a', $pad('x', 900000000)) = 'x'",
]
IMPOSSIBLE = [
    "$unknown(1)",
    "a > 'x'",
    "1/0",
    "$number('x') = 1",
    "$toMillis('x') = 1",
    "$power(10, 400) = 1",
    "$power(99999999, 99999999) = 1",
    "$number($pad('1', 5000, '1')) = 1",
    "$eval($pad('(', 100000, '('))",
    "( $f := function($x){ 1 + $f($x) }; $f(1) )",
]


@pytest.fixture
def evaluator() -> Iterator[Evaluator]:
    with Evaluator() as evaluator:
        yield evaluator


def text(document: Any = None) -> bytes:
    return json.dumps(document or {}).encode()


@pytest.mark.parametrize("expression", ["label =", "$match(", "'abc", "a.b[", "/(/", "", "[" * 50_000, "(" * 3000])
def test_invalid_jsonata_is_reported(expression: str) -> None:
    with pytest.raises(BadExpression):
        expressions.require_readable(expression)


def test_what_is_wrong_with_an_expression_is_reported() -> None:
    with pytest.raises(BadExpression, match="Unexpected end of expression"):
        expressions.require_readable("label =")


def test_reading_evaluates_nothing() -> None:
    for expression in (*ENDLESS, *LARGE):
        expressions.require_readable(expression)


def test_all_readings_share_a_process() -> None:
    expressions.require_readable("1")
    before = children()
    expressions.require_readable("2")
    assert children() == before


@pytest.mark.parametrize("expression", IMPOSSIBLE)
def test_what_cannot_be_applied_is_an_error_and_not_false(expression: str, evaluator: Evaluator) -> None:
    with pytest.raises(BadExpression) as error:
        evaluator.is_true(expression, text({"a": 1}))
    assert not isinstance(error.value, TooCostly)
    assert str(error.value)


@pytest.mark.parametrize("expression", ENDLESS)
def test_every_evaluation_ends_in_time(expression: str, evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluator.is_true("1", text())  # it is started
    monkeypatch.setattr(expressions, "SECONDS", 0.2)
    started = time.monotonic()
    with pytest.raises(TooCostly, match=r"did not end within 0\.2 seconds|more than 512 MB"):
        evaluator.is_true(expression, text())
    assert time.monotonic() - started < 10  # on a busy machine


@pytest.mark.parametrize("expression", LARGE)
def test_no_evaluation_needs_more_memory_than_its_share(expression: str, evaluator: Evaluator) -> None:
    with pytest.raises(TooCostly, match="it needs more than 512 MB of memory"):
        evaluator.is_true(expression, text())


def test_an_evaluation_that_was_ended_does_not_harm_the_next(
    evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for expression in (ENDLESS[0], LARGE[0], "$error('x')"):
        with monkeypatch.context() as patch:
            patch.setattr(expressions, "SECONDS", 0.5)
            with pytest.raises(BadExpression):
                evaluator.is_true(expression, text())
        assert evaluator.is_true("a = 1", text({"a": 1}))


def test_an_answer_of_the_largest_size_can_be_evaluated(evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    """API: InvokeEndpoint, 6 MB. In as many objects as they can hold."""
    monkeypatch.setattr(expressions, "SECONDS", 60)
    assert evaluator.is_true("$exists($)", b"[" + b"{}," * 2_000_000 + b"{}]")


def test_an_error_of_any_length_is_short(evaluator: Evaluator) -> None:
    with pytest.raises(BadExpression) as error:
        evaluator.is_true("$error($pad('x', 100000, '\U0001f600'))", text())
    assert len(str(error.value)) == worker.LONGEST_MESSAGE
    assert 2 ** (8 * worker.ANSWER.size) > worker.LONGEST_MESSAGE * 4


def test_a_process_that_ends_by_itself_is_a_failed_evaluation(evaluator: Evaluator) -> None:
    evaluator.is_true("1", text())
    assert evaluator._process
    evaluator._process.kill()
    with pytest.raises(TooCostly, match="it ended the process that evaluated it"):
        evaluator.is_true("a = 1", text({"a": 1}))
    assert evaluator.is_true("a = 1", text({"a": 1}))


def test_the_process_has_neither_credentials_nor_this_ones_output(evaluator: Evaluator) -> None:
    evaluator.is_true("1", text())
    assert evaluator._process
    process = Path(f"/proc/{evaluator._process.pid}")
    assert {line.partition("=")[0] for line in (process / "environ").read_text().split("\0")} <= {"", "LD_LIBRARY_PATH"}
    assert [(process / "fd" / number).readlink() for number in "12"] == [Path(os.devnull)] * 2


def test_no_process_is_left() -> None:
    before = children()
    with Evaluator() as evaluator:
        assert children() == before
        evaluator.is_true("1", text())
        assert len(children() - before) == 1
    assert children() == before


def test_the_process_ends_with_its_parent() -> None:
    """Also in the middle of an evaluation, which nobody can end then."""
    package = expressions._folder_of("jsonata")
    arguments = [
        sys.executable,
        "-I",
        "-S",
        worker.__file__,
        package,
        "512",
        "0.3",
    ]
    expression = ENDLESS[0].encode()
    for request, ended_by in (
        (b"", 0),
        (worker.REQUEST.pack(True, len(expression), 2) + expression + b"{}", -signal.SIGALRM),
    ):
        process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.communicate(request, timeout=30)
        assert process.returncode == ended_by


def test_an_answer_that_breaks_off_is_none() -> None:
    for broken in (b"", b"\0", struct.pack(">H", 3) + b"T"):
        with subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", f"import os; os.write(1, {broken!r})"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert expressions._answer(process, ()) == b""
