"""The variables and functions of a JSONata expression: those that are neither its own nor JSONata's are misspelled.

A smoke test binds none, so an unknown variable has no value, and an unknown function ends the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonata

from stacks.config.file.suggestions import near


def problem(expression: str) -> str:
    """Return what is wrong with the names of an expression that can be read, or nothing."""
    nodes = list(_nodes(jsonata.Jsonata(expression).ast))
    used = {_name(node): node.type for node in nodes if node.type == "variable"}
    bound = {_name(node.lhs) for node in nodes if node.type == "bind"}
    bound |= {_name(argument) for node in nodes if node.type == "lambda" for argument in node.arguments or ()}
    bound |= {str(name) for node in nodes for name in (node.focus, node.index) if isinstance(name, str)}
    called = {_name(node.procedure) for node in nodes if node.type in {"function", "partial"} and node.procedure}
    existing = {*_functions(), *bound}
    for name in used:
        if name not in {"", "$", *existing}:
            kind = "function" if name in called else "variable"
            return f"there is no {kind} ${name}{near(f'${name}', (f'${other}' for other in sorted(existing)))}"
    return ""


def _functions() -> set[str]:
    return {str(name) for name in jsonata.Jsonata.static_frame.bindings}


def _name(node: Any) -> str:
    return str(node.value)


def _nodes(tree: Any) -> Iterator[Any]:
    """Yield each symbol of a syntax tree once: its fields are symbols, and lists of them."""
    pending, visited = [tree], set()
    while pending:
        node = pending.pop()
        if id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, list | tuple):
            pending += node
        elif isinstance(node, jsonata.parser.Parser.Symbol):
            yield node
            pending += [value for name, value in vars(node).items() if name != "_outer_instance"]
