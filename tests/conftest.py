"""What holds for every test."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.watched import pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]

TESTS = Path(__file__).parent
# A client that no test stubs looks for credentials nowhere but here.
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
# Their tests share what takes longest: the CDK's process, and a synthesised app.
TOGETHER = ("docs", "stacks")
# Their tests share every module of the project, parsed.
PARSING = "structure"
# Each of their tests takes seconds, and has a world of its own.
ALONE = ("integration",)
DEPLOYED, UNDEPLOYED = "deployed_sandbox", "undeployed"


@pytest.hookimpl(wrapper=True)  # xdist looks for the groups in this hook too, and as early as it can
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Say which tests one worker of a parallel run must have together: those that share something made for them."""
    for item in items:
        if group := _group(item):
            item.add_marker(pytest.mark.xdist_group(group))
    # The longest first: they wait for time limits, and the last test of a run keeps the other workers idle.
    items.sort(key=lambda item: item.path.parent.relative_to(TESTS).as_posix() not in ALONE)
    yield


def pytest_collection_finish() -> None:
    """What has been imported and collected stays: it need not be looked at whenever a test has allocated something."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _group(item: pytest.Item) -> str | None:
    folder = item.path.relative_to(TESTS).parts[0]
    if folder in TOGETHER:
        return TOGETHER[0]
    if folder == PARSING:
        return PARSING
    if folder in ALONE and not _shares_with_its_file(item):
        # The others use servers into which nothing is deployed, and which one worker has then.
        return None if DEPLOYED in _fixtures(item) else UNDEPLOYED
    return item.path.relative_to(TESTS).as_posix()


def _shares_with_its_file(item: pytest.Item) -> bool:
    made = _fixtures(item).values()
    return any(definition.scope not in ("function", "session") for definitions in made for definition in definitions)


def _fixtures(item: pytest.Item) -> Mapping[str, Sequence[pytest.FixtureDef[Any]]]:
    assert isinstance(item, pytest.Function)
    return item._fixtureinfo.name2fixturedefs
