"""The decisions on changes of the SDK, in decisions.yaml, and the files in which one is made."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from botocore import xform_name

from tests import PROJECT
from tests.sdk_drift.changes import Change

PAGE = Path(__file__).with_name("decisions.yaml")
OUTCOMES = ("carried", "offered", "refused", "not applicable")
_ENDPOINT = (
    "stacks/config/stage",
    "lambdas/promotion/endpoint/service_defaults.py",
    "tests/stacks/config/test_endpoint.py",
)
_MODEL = ("lambdas/promotion/model/supported_fields.py", "tests/unit/model/test_supported_fields.py")
_SCALING = ("stacks/config/stage/autoscaling.py", "lambdas/promotion/scaling/client.py")
# The lists that decide on the fields of an operation; of every other, its callers do.
LISTS = {
    **dict.fromkeys(("CreateModel", "DescribeModel"), (*_MODEL, "lambdas/promotion/endpoint/service_defaults.py")),
    "DescribeModelPackage": _MODEL,
    **dict.fromkeys(("CreateEndpoint", "CreateEndpointConfig", "DescribeEndpointConfig", "UpdateEndpoint"), _ENDPOINT),
    **dict.fromkeys(("DescribeScalableTargets", "RegisterScalableTarget", "DescribeScalingPolicies"), _SCALING),
    **dict.fromkeys(("PutScalingPolicy", "DescribeScheduledActions", "PutScheduledAction"), _SCALING),
}
ERRORS = "tests/adapters/aws/test_modelled_errors.py"
VALUES = "tests/adapters/aws/test_enumerations.py"
LIMITS = "tests/stacks/config/test_api_limits.py"


@dataclass(frozen=True)
class Decision:
    outcome: str
    reason: str


@dataclass(frozen=True)
class Decisions:
    """`base`: the version whose fields, values and errors the tests' own lists decided on. `version`: the newest one
    that the table was held against."""

    base: str
    version: str
    table: dict[Change, Decision]

    def undecided(self, changes: Iterable[Change]) -> list[Change]:
        return sorted(change for change in changes if change not in self.table)

    def stale(self, changes: Iterable[Change]) -> list[Change]:
        """Return the decisions on what is no change any more."""
        return sorted(self.table.keys() - set(changes))


def read() -> Decisions:
    page: dict[str, Any] = yaml.safe_load(PAGE.read_text())
    table: dict[Change, Decision] = {}
    for entry in page["decisions"]:
        decision = Decision(entry["decision"], entry["reason"])
        for change in _changes(entry):
            assert change not in table, f"{change} is decided twice"
            table[change] = decision
    return Decisions(page["base"], page["version"], table)


def _changes(entry: dict[str, Any]) -> Iterator[Change]:
    for subject, texts in entry["changes"].items():
        for text in texts:
            yield Change(entry["service"], subject, text)


def places(change: Change, operations: Iterable[str]) -> list[str]:
    """Return the files that decide on a change."""
    kind = change.text.split()[1]
    first = [ERRORS] if kind == "error" else [VALUES] if kind == "value" else []
    if change.text.split()[0] in ("min", "max", "pattern"):
        first = [LIMITS]
    files = [file for operation in sorted(operations) for file in LISTS.get(operation) or callers(operation)]
    return list(dict.fromkeys([*first, *files]))


def callers(operation: str) -> list[str]:
    """Return the Lambdas' modules that call an operation."""
    return [file for file, words in _words().items() if xform_name(operation) in words]


@cache
def _words() -> dict[str, set[str]]:
    """The attributes and texts of each module: a method that is called, or the name of a paginator's."""
    words: dict[str, set[str]] = {}
    for file in sorted((PROJECT / "lambdas").rglob("*.py")):
        nodes = [
            getattr(node, "attr", None) or getattr(node, "value", None)
            for node in ast.walk(ast.parse(file.read_text()))
        ]
        words[str(file.relative_to(PROJECT))] = {word for word in nodes if isinstance(word, str)}
    return words
