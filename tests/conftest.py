"""What holds for every test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.watched import pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]

TESTS = Path(__file__).parent
# Their tests share what takes longest: a synthesised app.
TOGETHER = ("docs", "stacks")
# Each of their tests takes seconds, and has a world of its own.
ALONE = ("integration",)


@pytest.hookimpl(tryfirst=True)  # before xdist looks for the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests one worker of a parallel run must have together: those that share something made for them."""
    for item in items:
        if group := _group(item):
            item.add_marker(pytest.mark.xdist_group(group))


def _group(item: pytest.Item) -> str | None:
    folder = item.path.relative_to(TESTS).parts[0]
    if folder in TOGETHER:
        return folder
    if folder in ALONE and not _shares_with_its_file(item):
        return None
    return item.path.relative_to(TESTS).as_posix()


def _shares_with_its_file(item: pytest.Item) -> bool:
    assert isinstance(item, pytest.Function)
    made = item._fixtureinfo.name2fixturedefs.values()
    return any(one.scope not in ("function", "session") for definitions in made for one in definitions)
