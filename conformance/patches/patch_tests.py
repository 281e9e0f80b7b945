"""Ask AWS what the emulator patches imitate, with the patches' own tests: patch_tests.yaml names those that can."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import yaml

from conformance.checks import Check
from conformance.outcomes import CannotRun, Outcome
from conformance.results import PROJECT
from conformance.world import Resource, World

FOLDER = PROJECT / "tests" / "sandbox" / "aws" / "patches"
RESOURCE = "patch tests"
# What the plugin of pytest reads of its environment.
PROFILE, REGION, RUN, REPORT = (f"CONFORMANCE_{name}" for name in ("PROFILE", "REGION", "RUN", "REPORT"))
# What they create exists for an hour at most: some 20 keys, the rest costs nothing.
_DOLLARS = 0.25
_LONGEST_SECONDS = 2_400


@cache
def listed() -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Return the tests that can ask an account, by file and function, with the values of parameters that cannot."""
    tests: Mapping[str, Mapping[str, Sequence[str]]] = yaml.safe_load(
        Path(__file__).with_name("patch_tests.yaml").read_text()
    )
    return tests


def checks() -> list[Check]:
    """Return a check for each test that can ask an account."""
    return [_check(file, function) for file, functions in listed().items() for function in functions]


def resource() -> Resource:
    return Resource(
        creates="buckets, roles, repositories and some 20 KMS keys, of the patches' own tests",
        make=_run,
        dollars=_DOLLARS,
    )


def selected(name: str, file: str) -> bool:
    """Whether a test of a file, with its parameters in brackets, can ask an account."""
    function, _, parameters = name.rstrip("]").partition("[")
    excluded = listed().get(file, {}).get(function)
    return excluded is not None and not set(parameters.split("-")) & {*excluded, "unpatched"}


def outcome_of(lines: Sequence[Mapping[str, str]]) -> Outcome:
    """Return what the results of one function, one for each set of its parameters, come to. Raises CannotRun."""
    broken = [line for line in lines if line["when"] != "call" or "ForeignName" in line["message"]]
    if broken or not lines:
        raise CannotRun(broken[0]["message"] if broken else "pytest did not run it")
    failed = [f"{line['test']}: {line['message']}" for line in lines if line["outcome"] != "passed"]
    return Outcome(expected="passed", answered="failed" if failed else "passed", differences=failed)


def _check(file: str, function: str) -> Check:
    key = f"{file}::{function}"

    def run(world: World) -> Outcome:
        return outcome_of(json.loads(world.need(RESOURCE).get(key, "[]")))

    return Check(
        id=f"patch:{key}",
        proves=function.removeprefix("test_").replace("_", " "),
        asks=["the calls of the test"],
        needs=[RESOURCE],
        run=run,
    )


def _run(world: World) -> Mapping[str, str]:
    """Run them all in one process of pytest. Returns their results by file and function."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.jsonl"
        report.touch()
        environment = {
            **os.environ,
            PROFILE: world.account.profile,
            REGION: world.account.region,
            RUN: world.run,
            REPORT: str(report),
        }
        files = [str(FOLDER / file) for file in listed()]
        arguments = ("-q", "--tb=no", "-p", "no:cacheprovider", "-p", "conformance.patches.patch_plugin")
        # What is in the report counts; the others did not run.
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(  # noqa: S603 - our own tests
                [sys.executable, "-m", "pytest", *arguments, *files],
                cwd=PROJECT,
                env=environment,
                stdout=subprocess.DEVNULL,
                check=False,
                timeout=_LONGEST_SECONDS,
            )
        lines = [json.loads(line) for line in report.read_text().splitlines()]
    functions: dict[str, list[Mapping[str, str]]] = {}
    for line in lines:
        functions.setdefault(line["test"].partition("[")[0], []).append(line)
    return {key: json.dumps(results) for key, results in functions.items()}
