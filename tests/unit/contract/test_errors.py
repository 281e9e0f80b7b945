"""Every bad outcome has a name, a family and advice."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from lambdas.promotion.contract import errors
from lambdas.promotion.contract.errors import Errored, PromotionError, Refused, RolledBack, Transient, every_error
from tests import PROJECT

LEAVES = list(every_error())
FAMILIES = (Refused, RolledBack, Errored)
SOURCES = sorted((PROJECT / "lambdas").rglob("*.py"))
# The workflow raises some itself.
WORKFLOW = sorted((PROJECT / "stacks").rglob("*.py"))


@pytest.mark.parametrize("leaf", LEAVES)
def test_every_error_states_what_to_do(leaf: type[PromotionError]) -> None:
    """Its docstring is its own, and has a second sentence."""
    assert leaf.__doc__ is not None
    assert leaf.__doc__ not in {base.__doc__ for base in leaf.__bases__}
    assert len([part for part in leaf.__doc__.split(". ") if part.strip()]) > 1 or ";" in leaf.__doc__


@pytest.mark.parametrize("leaf", LEAVES)
def test_every_error_belongs_to_one_family(leaf: type[PromotionError]) -> None:
    assert [issubclass(leaf, family) for family in FAMILIES].count(True) == 1


def test_no_name_means_two_errors() -> None:
    assert len({leaf.__name__ for leaf in LEAVES}) == len(LEAVES)


def test_every_error_is_yielded_once() -> None:
    classes = {
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, PromotionError)
    }
    assert set(LEAVES) == {error_class for error_class in classes if not error_class.__subclasses__()}


def test_the_errors_of_a_family_are_only_its_own() -> None:
    assert set(every_error(Transient)) == {leaf for leaf in LEAVES if issubclass(leaf, Transient)}


def test_a_refusal_is_never_retried() -> None:
    assert not any(issubclass(leaf, Transient) for leaf in every_error(Refused))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_only_leaves_are_raised(source: Path) -> None:
    """Retry and Catch go by the names of leaves, so a family that is raised would be known to neither."""
    calls = [node.func.id for node in ast.walk(ast.parse(source.read_text())) if _is_call_of_a_name(node)]  # type: ignore[attr-defined]
    inner = {"PromotionError", "Refused", "RolledBack", "Errored", "Transient"}
    assert inner.isdisjoint(calls)


@pytest.mark.parametrize("leaf", LEAVES)
def test_every_error_can_be_raised_by_some_code(leaf: type[PromotionError]) -> None:
    by_a_step = any(f"{leaf.__name__}(" in source.read_text() for source in SOURCES if source.name != "errors.py")
    assert by_a_step or any(f"literal({leaf.__name__}.__name__)" in source.read_text() for source in WORKFLOW)


def _is_call_of_a_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


def test_a_denial_keeps_its_parts_for_a_report() -> None:
    denied = errors.AccessDenied(
        "text", role="copier", action="s3:GetObject", resource="arn", message="no", remedy="ask"
    )
    parts = (str(denied), denied.role, denied.action, denied.resource, denied.message, denied.remedy)
    assert parts == ("text", "copier", "s3:GetObject", "arn", "no", "ask")
    plain = errors.AccessDenied("text")
    assert {plain.role, plain.action, plain.resource, plain.message, plain.remedy} == {""}
