"""`python -m conformance` creates nothing that was not confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from conformance import __main__ as command
from conformance.account import Account, NoAccount
from tests.conformance.builders import FakeAccount


class Terminal:
    """Standard input."""

    def __init__(self, *, tty: bool) -> None:
        self._tty = tty

    def isatty(self) -> bool:
        return self._tty


@pytest.fixture
def began(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs that began."""
    runs: list[str] = []

    def run(_: Any, world: Any, *__: Any, **___: Any) -> list[str]:
        runs.append(world.run)
        return []

    monkeypatch.setattr(Account, "of_profile", lambda *_: FakeAccount())
    monkeypatch.setattr("conformance.runner.run", run)
    monkeypatch.setattr("sys.stdin", Terminal(tty=False))
    return runs


def main(*arguments: str) -> int:
    return command.main(["--profile", "p", *arguments])


def test_without_a_confirmation_the_plan_is_printed_and_nothing_else(
    began: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("--only", "recording") == command.SAME
    assert began == []
    output = capsys.readouterr().out
    assert "It creates, and deletes at its end:" in output
    assert "Nothing was created." in output


@pytest.mark.parametrize(("answer", "runs"), [("yes", 1), ("y", 0), ("", 0)])
def test_a_person_is_asked(monkeypatch: pytest.MonkeyPatch, began: list[str], answer: str, runs: int) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(tty=True))
    monkeypatch.setattr("builtins.input", lambda _: answer)
    main("--only", "recording")
    assert len(began) == runs


def test_with_a_confirmation_it_begins(began: list[str], tmp_path: Path) -> None:
    assert main("--yes", "--only", "recording", "--out", str(tmp_path)) == command.SAME
    assert len(began) == 1


def test_an_interrupt_has_an_exit_code_of_its_own(
    monkeypatch: pytest.MonkeyPatch, began: list[str], tmp_path: Path
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("conformance.runner.run", interrupt)
    assert main("--yes", "--only", "recording", "--out", str(tmp_path)) == command.INTERRUPTED
    assert began == []


def test_what_costs_more_than_the_budget_is_refused(began: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main("--yes", "--budget", "0.01") == command.REFUSED
    assert began == []
    assert "Nothing was created" in capsys.readouterr().err


def test_only_the_named_checks_are_planned(began: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main("--only", "Publish/bad-subject")
    assert ": 1 checks" in capsys.readouterr().out
    assert began == []


def test_a_profile_that_leads_nowhere_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> None:
        raise NoAccount("the profile p leads to no account")

    monkeypatch.setattr(Account, "of_profile", fail)
    assert main("--yes") == command.REFUSED
    assert "leads to no account" in capsys.readouterr().err


@pytest.mark.parametrize(("left", "code"), [([], command.SAME), (["bucket b"], command.LEFT)])
def test_a_clean_up_fails_if_anything_exists_afterwards(
    monkeypatch: pytest.MonkeyPatch, began: list[str], left: Sequence[str], code: int
) -> None:
    cleaned: list[str] = []

    def clean(_: Any, run: str, __: Any) -> Sequence[str]:
        cleaned.append(run)
        return left

    monkeypatch.setattr("conformance.cleanup.cleaning.clean", clean)
    assert main("--clean-up") == code
    assert main("--clean-up", "abc123") == code
    assert (began, cleaned) == ([], ["", "abc123"])
