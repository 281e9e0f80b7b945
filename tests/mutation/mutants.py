"""What mutmut wrote: each mutant, what it changes, and what became of it."""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Verdict(StrEnum):
    KILLED = "killed"
    TIMEOUT = "timeout"
    SURVIVED = "survived"
    UNTESTED = "no test reaches it"

    @property
    def survives(self) -> bool:
        return self in (Verdict.SURVIVED, Verdict.UNTESTED)


# mutmut: stats.py, status_by_exit_code. Any other exit code is a test process that died, which a test run reports too.
_VERDICTS: dict[int | None, Verdict] = {
    0: Verdict.SURVIVED,
    5: Verdict.UNTESTED,
    33: Verdict.UNTESTED,
    36: Verdict.TIMEOUT,
    24: Verdict.TIMEOUT,
    -24: Verdict.TIMEOUT,
    -9: Verdict.TIMEOUT,
    152: Verdict.TIMEOUT,
    255: Verdict.TIMEOUT,
}


@dataclass(frozen=True)
class Mutant:
    """`module` is a path below the project, `function` a name or Class.name, `change` the code before and after it."""

    module: str
    function: str
    change: str
    verdict: Verdict

    @property
    def survives(self) -> bool:
        return self.verdict.survives


def forget_survivors(folder: Path) -> None:
    """Let the next run test the mutants that survived the last one, and those of functions that changed since."""
    for results in folder.rglob("*.meta"):
        content = json.loads(results.read_text())
        codes = content["exit_code_by_key"]
        content["exit_code_by_key"] = {name: None if _verdict(code).survives else code for name, code in codes.items()}
        results.write_text(json.dumps(content))


def read(folder: Path) -> Iterator[Mutant]:
    """Read a run's mutants. Raises `ValueError` if one was not run."""
    for results in sorted(folder.rglob("*.meta")):
        code_by_name = json.loads(results.read_text())["exit_code_by_key"]
        module = results.with_suffix("")
        bodies = dict(_bodies(module.read_text()))
        for name, code in code_by_name.items():
            if code is None:
                raise ValueError(f"{name} was not run.")
            mutated = name.rpartition(".")[2]
            original = mutated.rpartition("__mutmut_")[0]
            yield Mutant(
                module=module.relative_to(folder).as_posix(),
                function=original.removeprefix("x_").removeprefix("xǁ").replace("ǁ", "."),
                change=_change(bodies[f"{original}__mutmut_orig"], bodies[mutated]),
                verdict=_verdict(code),
            )


def _verdict(code: int | None) -> Verdict:
    return _VERDICTS.get(code, Verdict.KILLED)


def _bodies(source: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each function, and its lines without the one that has the name."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            header = lines[node.lineno - 1].replace(node.name, "")
            yield node.name, [line.strip() for line in [header, *lines[node.lineno : node.end_lineno]]]


def _change(before: list[str], after: list[str]) -> str:
    differences = [line for line in difflib.ndiff(before, after) if line[0] in "-+"]
    removed, added = (" ".join(line[2:] for line in differences if line[0] == sign) for sign in "-+")
    return f"{removed} => {added}"
