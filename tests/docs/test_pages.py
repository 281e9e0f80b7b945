"""All pages: their links lead somewhere, and each speaks of the product that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs import pages

LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(#[^)\s]+)?\)")


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_page_and_a_heading(page: Path) -> None:
    text = page.read_text()
    for file, anchor in LINK.findall(pages.without_code(text)):
        target = page.parent / file if file else page
        assert target.exists(), file
        if anchor:
            assert anchor[1:] in pages.anchors(target.read_text()), f"{file}{anchor}"


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)
def test_no_line_outside_tables_and_code_is_longer_than_120(page: Path) -> None:
    lines = pages.without_code(page.read_text()).splitlines()
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)
def test_every_heading_stands_between_empty_lines(page: Path) -> None:
    lines = ["", *pages.without_code(page.read_text()).splitlines(), ""]
    headings = [number for number, line in enumerate(lines) if line.startswith("#")]
    assert [lines[number] for number in headings if lines[number - 1] or lines[number + 1]] == []


def test_decisions_are_numbered_one_after_the_other() -> None:
    decisions = sorted((pages.DOCS / "decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in decisions] == list(range(1, len(decisions) + 1))
    assert [page.read_text().split(".")[0] for page in decisions] == [f"# {n}" for n in range(1, len(decisions) + 1)]
