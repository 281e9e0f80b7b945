"""The results of the benchmarks: a file for each, with what they were measured of, to see when they are old.

A result is old when code that ran has changed since, or what the app synthesises for it. Comments, docstrings and
blank lines change no result; of the project's modules only those count that the benchmark imports.
"""

from __future__ import annotations

import ast
import hashlib
import json
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]
FOLDER = PROJECT / "benchmarks" / "results"
_LIST_FILES = """
import importlib, json, sys
for name in {modules}:
    importlib.import_module(name)
print(json.dumps([module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)]))
"""


@dataclass(frozen=True)
class Stored:
    """`made`: by what and when. `files`: digests by path in the project. `facts`: digests of what is synthesised."""

    made: str
    files: dict[str, str]
    facts: dict[str, str]
    results: dict[str, Any]

    def changed_files(self) -> list[str]:
        """Return the files that are not what they were."""
        return [path for path, digest in self.files.items() if _digest_of(PROJECT / path) != digest]

    def changed_facts(self, facts: Mapping[str, Any]) -> list[str]:
        return [name for name, fact in facts.items() if self.facts.get(name) != digest_of_json(fact)]


def write(
    name: str,
    results: dict[str, Any],
    *,
    command: str,
    modules: Iterable[str],
    facts: Mapping[str, Any],
    folders: Sequence[str],
) -> Stored:
    """Store results.

    `modules`: those that the benchmark imports; `facts`: what it reads besides, as JSON has it; `folders`: where what
    decides about its results is, of all that is imported.
    """
    stored = Stored(
        made=f"on {datetime.now(UTC):%d %B %Y} by `{command}`, with Python {platform.python_version()}, "
        f"boto3 {version('boto3')}, s3transfer {version('s3transfer')}",
        files={path: _digest_of(PROJECT / path) for path in _imported(sorted(modules), folders)},
        facts={fact: digest_of_json(value) for fact, value in facts.items()},
        results=results,
    )
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(asdict(stored), indent=1) + "\n")
    return stored


def read(name: str) -> Stored:
    return Stored(**json.loads((FOLDER / f"{name}.json").read_text()))


def digest_of_json(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def code_of(text: str) -> str:
    """Return the lines of Python code that can change what it does."""
    documented = set[int]()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            documented.update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    lines = enumerate(text.splitlines(), start=1)
    return "\n".join(
        line for number, line in lines if number not in documented and line.strip() and line.lstrip()[0] != "#"
    )


def _digest_of(file: Path) -> str:
    if not file.exists():
        return "missing"
    return hashlib.sha256(code_of(file.read_text()).encode()).hexdigest()[:12]


def _imported(modules: list[str], folders: Sequence[str]) -> list[str]:
    """Return the files in some folders of the project that these modules import, in a new process."""
    program = _LIST_FILES.format(modules=modules)
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    files = {Path(file) for file in json.loads(done.stdout.splitlines()[-1])}
    return sorted(
        file.relative_to(PROJECT).as_posix()
        for file in files
        if any(file.is_relative_to(PROJECT / folder) for folder in folders)
    )
