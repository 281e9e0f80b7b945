"""No action prevents another, and what failed is raised as one error at the end."""

from __future__ import annotations

from typing import NoReturn

import pytest

from lambdas.promotion.contract.errors import NameTaken, Throttled, UnexpectedFault
from lambdas.promotion.runtime.isolation import Isolation


def fail(error: Exception) -> NoReturn:
    raise error


def test_results_are_kept_and_nothing_is_raised_if_nothing_failed() -> None:
    actions = Isolation("step")
    assert actions.attempt("first", lambda: 7) == 7
    actions.require_all_done()
    assert actions.done == {"first": 7}


def test_a_single_failure_comes_out_as_it_is() -> None:
    actions, error = Isolation("step"), NameTaken("it exists")
    assert actions.attempt("first", lambda: fail(error)) is None
    assert actions.attempt("second", lambda: "done") == "done"
    with pytest.raises(NameTaken) as raised:
        actions.require_all_done()
    assert raised.value is error


def test_of_several_the_first_that_no_retry_fixes_gives_the_name_and_each_its_message() -> None:
    actions = Isolation("step")
    for title, error in {"a": Throttled("slow"), "b": NameTaken("it exists"), "c": KeyError("x")}.items():
        actions.attempt(title, lambda error=error: fail(error))  # type: ignore[misc]
    with pytest.raises(NameTaken, match=r"^a: slow\nb: it exists\nc: A fault in Promote itself \(KeyError"):
        actions.require_all_done()


def test_the_same_message_is_reported_once() -> None:
    actions = Isolation("step")
    for title in ("a", "b", "c"):
        actions.attempt(title, lambda: fail(NameTaken("it exists")))
    with pytest.raises(NameTaken, match=r"^a: it exists$"):
        actions.require_all_done()


def test_an_error_that_is_not_ours_has_a_name() -> None:
    actions = Isolation("step")
    actions.attempt("a", lambda: fail(KeyError("x")))
    with pytest.raises(UnexpectedFault):
        actions.require_all_done()
