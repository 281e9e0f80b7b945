"""A variable has the noun of its value as its name (docs/glossary.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.structure.test_house import modules, parsed

EMPTY_NAMES = {"one", "found", "seen", "known", "where", "said", "told"}


def bound_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Each name that is assigned, is a parameter or a field, or is imported under another name, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.ExceptHandler | ast.alias) and (name := getattr(node, "asname", None) or node.name):
            yield name, node.lineno


def test_no_variable_has_a_name_that_says_nothing() -> None:
    empty = [
        f"{module}:{line} {name}"
        for module in modules()
        for name, line in bound_names(parsed(module))
        if name in EMPTY_NAMES
    ]
    assert empty == []


def test_every_way_to_bind_a_name_is_read() -> None:
    source = "import a as one\nfor found in a: pass\ndef f(seen): known = [where for where in a]\nsaid: int = 1\n"
    assert {name for name, _ in bound_names(ast.parse(source))} == EMPTY_NAMES - {"told"}
