"""MiniStack is installed without what it requires, because the SDK is the Lambdas' and not the one that it pins."""

from __future__ import annotations

from importlib.metadata import requires, version

from packaging.requirements import Requirement


def required() -> list[Requirement]:
    """What MiniStack requires, its extras excluded."""
    every = [Requirement(line) for line in requires("ministack") or []]
    return [requirement for requirement in every if requirement.marker is None or requirement.marker.evaluate()]


def test_all_else_that_ministack_requires_is_installed() -> None:
    names = {requirement.name for requirement in required()}
    assert {"botocore", "hypercorn"} < names
    violated = {
        requirement.name for requirement in required() if not requirement.specifier.contains(version(requirement.name))
    }
    assert violated == {"botocore"}
