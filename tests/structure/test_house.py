"""What keeps the house livable: small folders, and no two modules that need each other."""

from __future__ import annotations

import ast
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests import PROJECT

MOST_MODULES = 15
# One step, one file: there are as many as the workflow has.
AS_MANY_AS_NEEDED = {"lambdas/handlers"}
ROOTS = {"lambdas", "stacks", "sandbox", "tests", "benchmarks", "docs", "recordings", "conformance"}


def modules() -> list[Path]:
    """The project's Python files, as paths below it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],  # noqa: S607 - the git of whoever runs the tests
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [Path(name) for name in listed.split() if (PROJECT / name).exists()]


@functools.cache
def parsed(module: Path) -> ast.Module:
    """A module of the project as its syntax tree, which no test may change."""
    return ast.parse((PROJECT / module).read_text())


def name_of(module: Path) -> str:
    return ".".join(module.with_suffix("").parts).removesuffix(".__init__")


def imported_by(module: Path, names: set[str]) -> Iterator[str]:
    """The project's modules that a module imports at its top, those for the type checker included."""
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.Import):
            yield from ({alias.name for alias in node.names} & names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            members = {f"{node.module}.{alias.name}" for alias in node.names} & names
            yield from members or ({node.module} & names)


def circles(imports: dict[str, set[str]]) -> dict[str, set[str]]:
    """What is left of a graph when everything that leads to an end is taken away: its circles."""
    left = dict(imports)
    while ends := [name for name, arrows in left.items() if not arrows & set(left)]:
        left = {name: arrows for name, arrows in left.items() if name not in ends}
    while starts := [name for name in left if not any(name in arrows for arrows in left.values())]:
        left = {name: arrows for name, arrows in left.items() if name not in starts}
    return {name: arrows & set(left) for name, arrows in left.items()}


def test_no_folder_has_too_many_modules() -> None:
    counts: dict[str, int] = {}
    for module in modules():
        if module.name != "__init__.py":
            counts[module.parent.as_posix()] = counts.get(module.parent.as_posix(), 0) + 1
    too_many = {folder: count for folder, count in counts.items() if count > MOST_MODULES}
    assert set(too_many) <= AS_MANY_AS_NEEDED


def test_no_modules_import_each_other_in_a_circle() -> None:
    names = {name_of(module) for module in modules() if module.parts[0] in ROOTS}
    imports = {
        name_of(module): set(imported_by(module, names)) - {name_of(module)}
        for module in modules()
        if module.parts[0] in ROOTS
    }
    assert len(imports) > 1
    assert circles(imports) == {}


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == {"b": {"c"}, "c": {"b"}}


def package_of(name: str) -> str:
    """The package of the product that a module belongs to, such as stacks.hub or lambdas.promotion.lock."""
    parts = name.split(".")
    return ".".join(parts[: 3 if parts[:2] == ["lambdas", "promotion"] else 2])


def test_no_packages_of_the_product_import_each_other_in_a_circle() -> None:
    """An arrow between two modules is one between their packages."""
    names = {name_of(module) for module in modules() if module.parts[0] in ROOTS - {"tests"}}
    imports: dict[str, set[str]] = {}
    for module in modules():
        if module.parts[0] in {"lambdas", "stacks"}:
            package = package_of(name_of(module))
            arrows = imports.setdefault(package, set())
            arrows |= {package_of(name) for name in imported_by(module, names)} - {package}
    assert len(imports) > len({"config", "baseline", "workflow", "environment", "hub"})
    assert circles(imports) == {}


def reads_environment_when_imported(tree: ast.Module) -> bool:
    """Whether `os.environ` or `os.getenv` stands outside of every function."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}:
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            pending += ast.iter_child_nodes(node)
    return False


def test_no_module_of_the_lambdas_reads_its_environment_when_it_is_imported() -> None:
    """The functions of a bundle share what they import in the sandbox, and their variables differ."""
    of_lambdas = [module for module in modules() if module.parts[0] == "lambdas"]
    assert len(of_lambdas) > 50
    assert [name_of(module) for module in of_lambdas if reads_environment_when_imported(parsed(module))] == []


def test_a_read_of_the_environment_is_found() -> None:
    assert reads_environment_when_imported(ast.parse("import os\nclass A:\n    a = os.environ['A']"))
    assert not reads_environment_when_imported(ast.parse("import os\ndef a():\n    return os.getenv('A')"))
