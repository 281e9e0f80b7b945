"""The folder is the dependency rule: what a file may import follows from where it stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests import PROJECT
from tests.structure.test_house import parsed

CAPABILITIES = {
    folder.name for folder in (PROJECT / "lambdas" / "promotion").iterdir() if (folder / "__init__.py").exists()
}
AWS = {"boto3", "botocore", "mypy_boto3", "aws_cdk", "aws_lambda_powertools", "constructs"}
# Every capability may use these two; they use none.
SHARED = {"contract", "aws"}
# What else a capability may use.
ARROWS = {
    "artifacts": {"model"},
    "endpoint": set(),
    "images": set(),
    "lock": set(),
    "model": {"images"},
    "outcome": {"artifacts", "endpoint", "lock", "preview", "resolve", "scaling"},
    "preflight": {"artifacts", "endpoint", "images", "preview", "scaling", "smoke_test"},
    "preview": {"endpoint"},
    "resolve": {"artifacts", "model"},
    "rollback": {"endpoint"},
    "scaling": {"endpoint"},
    "smoke_test": {"artifacts", "resolve"},
}
# Each folder of stacks/ may use those before it; the hub's stack, which all end in, comes last.
STACKS = {
    "config": set(),
    "limits": set(),
    "baseline": {"config"},
    "environment": {"config", "baseline"},
    "workflow": {"config", "baseline"},
    "hub": {"config", "baseline", "workflow"},
}
IMPORTS = (ast.Import, ast.ImportFrom)
PURE_FILES = ("state.py", "policy.py", "evaluation.py")


def files(*parts: str) -> list[Path]:
    return sorted((PROJECT.joinpath(*parts)).rglob("*.py"))


@cache
def imports_of(file: Path) -> tuple[str, ...]:
    """Names of the modules that a file imports, as they are written; what only a type checker reads is left out."""
    return tuple(_imports_in(parsed(file.relative_to(PROJECT))))


def _imports_in(tree: ast.Module) -> Iterator[str]:
    for_types = {
        node
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and isinstance(branch.test, ast.Name) and branch.test.id == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def roots_of(file: Path) -> set[str]:
    return {"mypy_boto3" if name.startswith("mypy_boto3_") else name.partition(".")[0] for name in imports_of(file)}


def capabilities_used_by(file: Path) -> set[str]:
    names = (name.split(".") for name in imports_of(file))
    return {parts[2] for parts in names if parts[:2] == ["lambdas", "promotion"] and len(parts) > 2}


def is_pure(file: Path) -> bool:
    """A contract or a rule: it computes, and calls nothing."""
    return "contract" in file.parts or file.name in PURE_FILES or file.name.endswith("_rules.py")


def test_every_capability_has_its_arrows() -> None:
    assert set(ARROWS) | SHARED | {"runtime"} == CAPABILITIES


@pytest.mark.parametrize("capability", sorted(ARROWS))
def test_a_capability_uses_only_those_that_its_arrows_lead_to(capability: str) -> None:
    allowed = {capability, *SHARED, *ARROWS[capability]}
    used = {file.name: capabilities_used_by(file) - allowed for file in files("lambdas", "promotion", capability)}
    assert {name: more for name, more in used.items() if more} == {}


def test_the_arrows_lead_in_no_circle() -> None:
    left = dict(ARROWS)
    while ends := [capability for capability, arrows in left.items() if not arrows & set(left)]:
        left = {capability: arrows for capability, arrows in left.items() if capability not in ends}
    assert left == {}


@pytest.mark.parametrize(("shared", "allowed"), [("contract", {"contract"}), ("aws", {"aws", "contract"})])
def test_what_all_share_uses_none_of_them(shared: str, allowed: set[str]) -> None:
    assert [file for file in files("lambdas", "promotion", shared) if capabilities_used_by(file) - allowed] == []


def test_the_contract_and_the_rules_import_nothing_of_aws() -> None:
    pure = [file for file in files("lambdas", "promotion") if is_pure(file)]
    assert len(pure) > len(ARROWS)
    assert [file for file in pure if roots_of(file) & AWS] == []


def test_only_handlers_use_the_runtime_and_nothing_uses_handlers() -> None:
    for file in files("lambdas", "promotion"):
        assert "runtime" in file.parts or "runtime" not in capabilities_used_by(file), file
        assert not [name for name in imports_of(file) if name.startswith("lambdas.handlers")], file


def test_what_runs_in_lambda_imports_nothing_of_cdk() -> None:
    cdk = {"aws_cdk", "stacks", "constructs", "pydantic", "yaml"}
    assert [file for file in files("lambdas") if roots_of(file) & cdk] == []


def test_production_code_imports_neither_the_sandbox_nor_the_tests_nor_the_recordings() -> None:
    production = [PROJECT / "app.py", *files("stacks"), *files("lambdas")]
    tools = {"sandbox", "tests", "benchmarks", "recordings", "conformance"}
    assert [file for file in production if roots_of(file) & tools] == []


def test_the_local_aws_imports_nothing_of_what_is_deployed_in_it() -> None:
    local_aws = files("sandbox", "aws")
    assert len(local_aws) > 1
    for file in local_aws:
        imported = set(imports_of(file))
        assert not roots_of(file) & {"lambdas", "stacks", "tests", "benchmarks", "docs", "conformance"}, file
        assert not [name for name in imported if name.startswith("sandbox.") and not name.startswith("sandbox.aws")], (
            file
        )


def test_the_local_aws_does_not_name_the_product() -> None:
    sources = [path for path in (PROJECT / "sandbox" / "aws").rglob("*") if path.suffix in {".py", ".cjs"}]
    assert sources
    assert [path for path in sources if "promot" in path.read_text().lower()] == []


def test_the_stacks_build_on_each_other_in_one_order() -> None:
    for name, allowed in STACKS.items():
        for file in files("stacks", name):
            used = {part.split(".")[1] for part in imports_of(file) if part.startswith("stacks.")}
            assert used <= {name, *allowed}, f"{file} imports of {used - {name, *allowed}}"


def test_the_schema_of_the_configuration_needs_no_cdk() -> None:
    assert [file for file in files("stacks", "config") if roots_of(file) & {"aws_cdk", "constructs"}] == []


@cache
def lambda_modules_of(file: Path) -> tuple[Path, ...]:
    """The files in lambdas/ that a file imports, itself or a name in them."""
    names = (name.split(".") for name in imports_of(file))
    return tuple(module for parts in names if parts[0] == "lambdas" for module in _modules_at(tuple(parts)))


@cache
def _modules_at(parts: tuple[str, ...]) -> tuple[Path, ...]:
    paths = [PROJECT.joinpath(*parts[:end]).with_suffix(".py") for end in range(2, len(parts) + 1)]
    return tuple(path for path in paths if path.exists())


def computes_without_aws(file: Path) -> bool:
    """Neither it nor what it imports of lambdas/ imports anything of AWS."""
    reached, left = set[Path](), [file]
    while left:
        current = left.pop()
        if current not in reached:
            reached.add(current)
            left += lambda_modules_of(current)
    return not any(roots_of(path) & AWS for path in reached)


def test_the_stacks_take_only_what_computes_without_aws_from_lambdas() -> None:
    taken = {module for file in files("stacks") for module in lambda_modules_of(file)}
    assert taken
    assert [module for module in taken if not computes_without_aws(module)] == []


def test_the_contract_and_the_rules_compute_without_aws() -> None:
    assert [file for file in files("lambdas", "promotion") if is_pure(file) and not computes_without_aws(file)] == []


def starts_the_cdk(file: Path) -> bool:
    """Importing it imports the CDK, by itself or by what it imports of stacks/ or tests/."""
    reached, left = set[Path](), [file]
    while left:
        current = left.pop()
        if current in reached:
            continue
        reached.add(current)
        at_once = [node for node in parsed(current.relative_to(PROJECT)).body if isinstance(node, IMPORTS)]
        names = list(_imports_in(ast.Module(list(at_once), [])))
        if any(name.partition(".")[0] in {"aws_cdk", "constructs"} for name in names):
            return True
        left += [path for name in names for path in _modules_at(tuple(name.split(".")))]
    return False


@pytest.mark.parametrize(
    "folder", ["adapters", "benchmarks", "conformance", "integration", "packages", "sandbox", "unit"]
)
def test_a_test_run_without_stacks_does_not_start_the_cdk(folder: str) -> None:
    """It is a process of 90 MB, and of four seconds, in each worker."""
    assert [file for file in files("tests", folder) if starts_the_cdk(file)] == []
