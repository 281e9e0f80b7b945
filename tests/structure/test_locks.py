"""The locks: each lists what its requirements and constraints name, what that requires, and hashes of all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import PROJECT

LAMBDAS = PROJECT / "lambdas" / "requirements.lock"
DEV = PROJECT / "locks" / "dev.lock"
INPUTS = {
    LAMBDAS: PROJECT / "lambdas" / "requirements.txt",
    DEV: PROJECT / "requirements-dev.txt",
    PROJECT / "locks" / "ministack.lock": PROJECT / "sandbox" / "aws" / "requirements.txt",
    PROJECT / "locks" / "node.lock": PROJECT / "locks" / "node.txt",
    PROJECT / "locks" / "uv.lock": PROJECT / "locks" / "uv.txt",
}
ENTRY = re.compile(r"^([\w.-]+)==(\S+)(?: ; (.+?))? \\\n((?: {4}--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


def locked(lock: Path) -> dict[str, str]:
    """The version of each package of a lock."""
    return {canonicalize_name(name): version for name, version, _, _ in ENTRY.findall(lock.read_text())}


def requirements_in(file: Path) -> Iterator[Requirement]:
    """What a file of requirements names, and the files that it includes."""
    for line in (line.partition("#")[0].strip() for line in file.read_text().splitlines()):
        if line.startswith("-r "):
            yield from requirements_in(file.parent / line.removeprefix("-r ").strip())
        elif line:
            yield Requirement(line)


def required(requirements: Iterator[Requirement]) -> set[str]:
    """The packages that requirements need here, as the packages that are installed here describe it."""
    waiting = list(requirements)
    done: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        needed = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if needed in done:
            continue
        done.add(needed)
        for text in metadata.requires(requirement.name) or []:
            dependency = Requirement(text)
            extras = requirement.extras or {""}
            if not dependency.marker or any(dependency.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(dependency)
    return {name for name, _ in done}


@pytest.mark.parametrize("lock", INPUTS, ids=lambda path: path.name)
def test_a_lock_is_a_list_of_versions_with_hashes_and_nothing_else(lock: Path) -> None:
    """No address either: where packages come from is the matter of the machine that installs them."""
    rest = ENTRY.sub("", lock.read_text()).splitlines()
    assert [line for line in rest if line and not line.startswith("#")] in ([], ["--only-binary :all:"])
    assert "//" not in lock.read_text()


@pytest.mark.parametrize(("lock", "file"), INPUTS.items(), ids=lambda path: path.name)
def test_a_lock_has_the_versions_that_its_requirements_allow(lock: Path, file: Path) -> None:
    versions = locked(lock)
    for requirement in requirements_in(file):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), str(requirement)


@pytest.mark.parametrize("lock", [LAMBDAS, DEV], ids=lambda path: path.name)
def test_a_lock_has_everything_that_its_requirements_require_and_nothing_else(lock: Path) -> None:
    on_this_platform = {
        canonicalize_name(name)
        for name, _, marker, _ in ENTRY.findall(lock.read_text())
        if not marker or Requirement(f"{name} ; {marker}").marker.evaluate()  # type: ignore[union-attr]
    }
    assert on_this_platform == required(requirements_in(INPUTS[lock]))


def test_the_environment_of_the_tests_has_the_versions_of_the_constraints() -> None:
    allowed = requirements_in(PROJECT / "constraints.txt")
    constraints = {canonicalize_name(requirement.name): requirement.specifier for requirement in allowed}
    versions = locked(DEV)
    assert constraints.keys() <= versions.keys()
    assert [name for name, specifier in constraints.items() if not specifier.contains(versions[name])] == []


def test_the_tests_run_with_the_packages_of_the_lambdas() -> None:
    lambdas, dev = locked(LAMBDAS), locked(DEV)
    assert {name: version for name, version in lambdas.items() if dev[name] != version} == {}


def test_every_package_of_npm_has_a_hash() -> None:
    packages = json.loads((PROJECT / "package-lock.json").read_text())["packages"]
    assert "node_modules/aws-cdk" in packages
    assert [name for name, package in packages.items() if name and not package.get("integrity")] == []


def test_make_installs_nothing_without_hashes_into_the_environment_that_deploys() -> None:
    """What has an environment of its own and no account's credentials: mutmut and the benchmark's AWS CLI."""
    lines = (PROJECT / "Makefile").read_text().splitlines()
    installs = [line for line in lines if "$(BIN)/python -m pip install" in line and "--target" not in line]
    assert len(installs) == 3  # the packages, MiniStack, and Node
    assert [line for line in installs if "--require-hashes" not in line] == []
