"""Which errors the code of a step can raise: by the names that its functions use, through all modules of lambdas/.

The graph is of names, so it is generous: a function that is mentioned counts as called. A name that a module binds to
something else than a function, a class or an import of lambdas/ leads nowhere.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lambdas.promotion.contract.errors import every_error

PROJECT = Path(__file__).parents[2]
_ERRORS_MODULE = "lambdas.promotion.contract.errors"
_SESSIONS_MODULE = "lambdas.promotion.aws.sessions"
_ERRORS = frozenset(error.__name__ for error in every_error())
# A function or class: its module and its name.
Symbol = tuple[str, str]


@dataclass
class _Module:
    """A module's definitions, and what its imported names stand for."""

    definitions: dict[str, ast.AST] = field(default_factory=dict)
    # A name to a module, or to a symbol of one.
    imports: dict[str, str | Symbol] = field(default_factory=dict)


class CallGraph:
    """The functions and classes of lambdas/, with the names that they use."""

    def __init__(self) -> None:
        files = sorted((PROJECT / "lambdas").rglob("*.py"))
        trees = {_name_of(file): ast.parse(file.read_text()) for file in files}
        self._modules = {name: _read(tree, trees) for name, tree in trees.items()}

    def errors_of(self, module: str, function: str = "handler") -> set[str]:
        """Return the names of the errors that a function, or what it calls, can raise."""
        return {name for owner, name in self._reached(module, function) if owner == _ERRORS_MODULE} & _ERRORS

    def words_of(self, module: str, function: str = "handler") -> set[str]:
        """Return each attribute and each text in a function and in what it calls: names of client calls are among them.

        What every session of a role shares (aws/sessions.py) is left out.
        """
        return {
            word
            for owner, name in self._reached(module, function)
            if owner in self._modules and owner != _SESSIONS_MODULE
            for node in ast.walk(self._modules[owner].definitions.get(name, ast.Pass()))
            for word in (getattr(node, "attr", None), getattr(node, "value", None))
            if isinstance(word, str)
        }

    def _reached(self, module: str, function: str) -> set[Symbol]:
        """Return a function and what it mentions, at any depth; of an error no more than its name."""
        reached: set[Symbol] = set()
        pending: list[Symbol] = [(module, function)]
        while pending:
            symbol = pending.pop()
            if symbol not in reached:
                reached.add(symbol)
                pending += self._used_by(symbol) if symbol[0] != _ERRORS_MODULE else ()
        return reached

    def _used_by(self, symbol: Symbol) -> Iterator[Symbol]:
        module = self._modules.get(symbol[0])
        definition = module.definitions.get(symbol[1]) if module else None
        if module is None or definition is None:
            return
        for name, attribute in _names(definition):
            target = module.imports.get(name)
            if isinstance(target, tuple):
                yield target
            elif target and attribute:
                yield target, attribute
            elif name in module.definitions:
                yield symbol[0], name


def _name_of(file: Path) -> str:
    return ".".join(file.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


def _read(tree: ast.Module, modules: Mapping[str, ast.Module]) -> _Module:
    module = _Module()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            module.definitions[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            module.definitions |= {target.id: node.value for target in targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                name = alias.asname or alias.name
                module.imports[name] = submodule if submodule in modules else (node.module, alias.name)
    return module


def _names(definition: ast.AST) -> Iterator[tuple[str, str | None]]:
    """Yield each name that is used, with the attribute that is taken of it. What is caught or tested is not raised."""
    if isinstance(definition, ast.ExceptHandler):
        for statement in definition.body:
            yield from _names(statement)
    elif isinstance(definition, ast.Attribute) and isinstance(definition.value, ast.Name):
        yield definition.value.id, definition.attr
    elif isinstance(definition, ast.Name):
        yield definition.id, None
    elif not _tests_a_type(definition):
        for child in ast.iter_child_nodes(definition):
            yield from _names(child)


def _tests_a_type(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"isinstance", "issubclass"}
    )
