"""What `make mutation` mutates, how it reads mutmut's results, and what it reports."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import PROJECT
from tests.mutation import mutants, mutmut_run, report
from tests.mutation.mutants import Mutant, Verdict
from tests.mutation.rule_modules import Rules, rules_by_capability
from tests.mutation.survivors import Explanation, explanations
from tests.structure.test_house import parsed
from tests.structure.test_layering import files, is_pure

EXPLAINED = list(explanations())


@pytest.fixture(scope="module")
def rules() -> Mapping[str, Rules]:
    return rules_by_capability()


@pytest.fixture(scope="module")
def modules(rules: Mapping[str, Rules]) -> set[str]:
    return {module.as_posix() for each in rules.values() for module in each.modules}


def test_every_rule_is_mutated_and_has_tests_of_its_own(rules: Mapping[str, Rules], modules: set[str]) -> None:
    pure = {file.relative_to(PROJECT).as_posix() for file in files("lambdas", "promotion") if is_pure(file)}
    assert {module for module in pure if not module.endswith("__init__.py")} <= modules
    assert [name for name, each in rules.items() if not each.tests] == []


@pytest.mark.parametrize("part", mutmut_run.NOT_RUN)
def test_each_test_that_is_not_run_exists(part: str, rules: Mapping[str, Rules]) -> None:
    folders = {PROJECT / folder for each in rules.values() for folder in each.tests}
    assert any(part in file.read_text() for folder in folders for file in folder.rglob("test_*.py"))


def test_what_takes_a_client_is_no_rule(modules: set[str]) -> None:
    assert "lambdas/promotion/lock/age.py" not in modules


@pytest.mark.parametrize("module", sorted({entry.module for entry in EXPLAINED}))
def test_an_explanation_names_functions_that_exist(module: str, modules: set[str]) -> None:
    assert module in modules
    tree = parsed(Path(module))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    names |= {
        f"{owner.name}.{node.name}" for owner in classes for node in owner.body if isinstance(node, ast.FunctionDef)
    }
    assert {entry.function for entry in EXPLAINED if entry.module == module} <= names


# As mutmut 3 writes it.
MUTATED = """
def x_older__mutmut_orig(a: int, b: int = 1) -> bool:
    return a < b
def x_older__mutmut_1(a: int, b: int = 2) -> bool:
    return a < b
def x_older__mutmut_2(a: int, b: int = 1) -> bool:
    return a <= b
class Lock:
    def xǁLockǁheld__mutmut_orig(self) -> bool:
        return use(
            self,
            1,
        )
    def xǁLockǁheld__mutmut_1(self) -> bool:
        return use(
            self,
            )
"""
OLDER, HELD = "lambdas.promotion.lock.policy.x_older__mutmut_", "lambdas.promotion.lock.policy.xǁLockǁheld__mutmut_"


def test_a_mutant_is_read_with_its_change_and_its_verdict(tmp_path: Path) -> None:
    (tmp_path / "policy.py").write_text(MUTATED)
    codes = {f"{OLDER}1": 0, f"{OLDER}2": 1, f"{HELD}1": 33}
    (tmp_path / "policy.py.meta").write_text(json.dumps({"exit_code_by_key": codes}))
    first, second, third = mutants.read(tmp_path)
    assert first == Mutant(
        module="policy.py",
        function="older",
        change="def (a: int, b: int = 1) -> bool: => def (a: int, b: int = 2) -> bool:",
        verdict=Verdict.SURVIVED,
    )
    assert (second.change, second.verdict, second.survives) == ("return a < b => return a <= b", Verdict.KILLED, False)
    assert (third.function, third.change, third.survives) == ("Lock.held", "1, => ", True)


def test_what_survived_is_tested_again(tmp_path: Path) -> None:
    results = tmp_path / "policy.py.meta"
    results.write_text(json.dumps({"exit_code_by_key": {"a": 0, "b": 1, "c": 33, "d": -24, "e": None}, "more": 1}))
    mutants.forget_survivors(tmp_path)
    codes = {"a": None, "b": 1, "c": None, "d": -24, "e": None}
    assert json.loads(results.read_text()) == {"exit_code_by_key": codes, "more": 1}


def test_a_mutant_that_was_not_run_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "policy.py").write_text(MUTATED)
    (tmp_path / "policy.py.meta").write_text(json.dumps({"exit_code_by_key": {f"{OLDER}1": None}}))
    with pytest.raises(ValueError, match="was not run"):
        list(mutants.read(tmp_path))


def results(killed: int, *survived: str) -> list[Mutant]:
    dead = [Mutant("m.py", "f", f"{number} => 0", Verdict.KILLED) for number in range(killed)]
    return dead + [Mutant("m.py", "f", change, Verdict.SURVIVED) for change in survived]


@pytest.mark.parametrize(
    ("killed", "explained", "passes", "printed"),
    [
        (19, ["a => b"], True, "explained): a => b"),
        (18, ["a => b"], False, "Less than 95 %"),
        (19, [], False, "1 survivor is not explained"),
        (19, ["a => b", "1 => 0"], True, "Stale in survivors.yaml, for no such mutant survives: m.py, f: 1 => 0"),
        (19, ["a => b", "gone"], True, "Stale in survivors.yaml, for no such mutant survives: m.py, f: gone"),
    ],
)
def test_a_run_passes_with_few_survivors_that_are_all_explained(
    killed: int, explained: list[str], passes: bool, printed: str
) -> None:
    listed = [Explanation("m.py", "f", change, "why") for change in explained]
    lines, passed = report.report(results(killed, "a => b"), listed)
    assert passed is passes
    assert printed in "\n".join(lines)
