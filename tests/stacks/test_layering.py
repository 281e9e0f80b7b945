"""Who may import whom. The app and the Lambdas know nothing of the sandbox; the rules know nothing of AWS."""

from __future__ import annotations

import ast
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PURE = {
    "addresses",
    "announcement",
    "arns",
    "capacity",
    "copy_plan",
    "definition",
    "document",
    "endpoint_rules",
    "errors",
    "expressions",
    "failures",
    "fitting",
    "histories",
    "images",
    "inventory",
    "json_differences",
    "jumpstart",
    "limits",
    "lock_expressions",
    "lock_rules",
    "manifests",
    "members",
    "model_data",
    "names",
    "naming",
    "readiness",
    "roll_back_rules",
    "rollout",
    "rules",
    "samples",
    "scaling",
    "secrecy",
    "settings",
    "smoke_report",
    "smoke_rules",
    "smoke_settings",
    "trial_rules",
    "update_rules",
    "variables",
    "versions",
}
AWS = {"boto3", "botocore", "aws_cdk", "aws_lambda_powertools"}


def imports_of(file: Path) -> set[str]:
    """Names of the modules that a file imports, as they are written."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def roots_of(file: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports_of(file)}


def test_production_code_imports_neither_the_sandbox_nor_the_tests() -> None:
    files = [PROJECT / "app.py", *(PROJECT / "stacks").rglob("*.py"), *(PROJECT / "lambdas").rglob("*.py")]
    assert [file for file in files if roots_of(file) & {"sandbox", "tests"}] == []


def test_what_runs_in_lambda_imports_nothing_of_cdk() -> None:
    files = (PROJECT / "lambdas").rglob("*.py")
    assert [file for file in files if roots_of(file) & {"aws_cdk", "stacks", "constructs", "pydantic", "yaml"}] == []


def taken_from_the_promotion(file: Path) -> set[str]:
    return {name.split(".")[2] for name in imports_of(file) if name.startswith("lambdas.promotion.")}


def test_the_rules_import_no_aws() -> None:
    files = [PROJECT / "lambdas" / "promotion" / f"{name}.py" for name in PURE]
    assert [file for file in files if roots_of(file) & AWS] == []


def test_the_rules_import_nothing_but_rules() -> None:
    files = [PROJECT / "lambdas" / "promotion" / f"{name}.py" for name in PURE]
    assert {file.stem: more for file in files if (more := taken_from_the_promotion(file) - PURE)} == {}


def test_the_stacks_take_only_what_is_pure_and_shared_from_the_promotion() -> None:
    allowed = {"names", "errors", "settings", "document", "copy_plan", "limits", "lock_expressions"}
    allowed |= {"expressions", "smoke_settings"}
    taken = set[str]().union(*(taken_from_the_promotion(file) for file in (PROJECT / "stacks").rglob("*.py")))
    assert taken <= allowed
