"""Tests of the emulator patches that ask an account: which, and what their results come to."""

from __future__ import annotations

import ast

import pytest

from conformance.outcomes import CannotRun
from conformance.patches import patch_tests

PASSED = {"test": "f.py::t[a]", "when": "call", "outcome": "passed", "message": ""}


@pytest.mark.parametrize("file", patch_tests.listed())
def test_every_listed_test_exists(file: str) -> None:
    tree = ast.parse((patch_tests.FOLDER / file).read_text())
    assert set(patch_tests.listed()[file]) <= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(
    ("name", "selected"),
    [
        ("test_a_put_answers_with_the_checksum[bare_sandbox]", True),
        ("test_a_put_answers_with_the_checksum[unpatched]", False),
        ("test_a_copy_gets_the_checksum_of_the_whole_that_was_named[whole]", True),
        ("test_a_copy_gets_the_checksum_of_the_whole_that_was_named[none]", False),
        ("test_every_key_is_read_and_copied_as_it_was_put", False),
    ],
)
def test_what_cannot_ask_an_account_is_not_selected(name: str, selected: bool) -> None:
    assert patch_tests.selected(name, "test_s3_objects.py") == selected


def test_a_test_is_the_same_if_it_passes_with_all_its_parameters() -> None:
    assert patch_tests.outcome_of([PASSED, PASSED]).differences == []
    failed = {**PASSED, "outcome": "failed", "message": "assert 1 == 2"}
    assert patch_tests.outcome_of([PASSED, failed]).differences == ["f.py::t[a]: assert 1 == 2"]


@pytest.mark.parametrize(
    "line",
    [
        {**PASSED, "when": "setup", "outcome": "failed", "message": "AccessDenied"},
        {**PASSED, "outcome": "failed", "message": "conformance.guard.ForeignName: s3 CreateBucket of models"},
    ],
)
def test_a_test_that_could_not_ask_proves_nothing(line: dict[str, str]) -> None:
    with pytest.raises(CannotRun):
        patch_tests.outcome_of([line])


def test_a_test_that_was_not_reached_proves_nothing() -> None:
    with pytest.raises(CannotRun, match="did not run it"):
        patch_tests.outcome_of([])
