"""All pages: their links lead somewhere, and each speaks of the product that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import PROJECT
from tests.docs import pages

LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(#[^)\s]+)?\)")
DECISIONS = sorted((pages.DOCS / "decisions").glob("*.md"))
# Words of README, CONTRIBUTING and docs/ that are written by hand; the decisions are not counted.
MOST_WORDS = 22_000
# What the glossary replaces, where the word has no other meaning in these pages.
REPLACED = {
    r"put(s|ting)? aside": "suspend (scaling)",
    r"put(s|ting)? back": "resume (scaling)",
    r"trials?|trial endpoint": "preview, preview endpoint",
    r"way back": "rollback",
    r"tid(y|ies|ied) up": "clean up",
    r"(look|check)(s|ed|ing)? ahead": "preflight",
    r"dut(y|ies)": "role, scoped session",
    r"rights": "permissions",
    r"obstacles?|in the way": "blocker, constraint violation",
    r"inquir(y|ies)": "query",
    r"unproved|not proved": "inconclusive, unverified",
    r"arrivals?|what arrived": "copy verification",
    r"comes? to lie": "is stored at",
    r"asked again": "polled",
    r"endings": "outcomes",
    r"bad day|mishaps?": "fault",
    r"corrections? of (MiniStack|the sandbox)": "emulator patch",
    r"mend(s|ed|ing)?": "fix",
    r"who ?ever|nobody": "principal, caller, no one",
}


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
    numbers = list(range(1, len(DECISIONS) + 1))
    assert [int(page.name[:4]) for page in DECISIONS] == numbers
    assert [page.read_text().split(".")[0] for page in DECISIONS] == [f"# {number}" for number in numbers]


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name)
def test_a_decision_has_its_status_and_its_consequences(page: Path) -> None:
    parts = re.findall(r"^\*\*(.+?)[.:]?\*\*", page.read_text(), re.MULTILINE)
    assert parts[:2] == ["Status", "Decision"]
    assert "Consequences" in parts
    assert re.search(r"^\*\*Status:\*\* (accepted|superseded by \[)", page.read_text(), re.MULTILINE)


def test_the_programs_that_write_generated_pages_exist() -> None:
    programs = [program for page in pages.PAGES for program in pages.generators(page.read_text())]
    assert "docs/generate/document.py" in programs
    assert [program for program in programs if not (PROJECT / program).is_file()] == []


def test_at_most_22_000_words_are_written_by_hand() -> None:
    """Shorten what repeats another page, the code or a generated page."""
    words = {
        page.relative_to(PROJECT): len(pages.written_by_hand(page.read_text()).split())
        for page in (PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted(pages.DOCS.rglob("*.md")))
        if page not in DECISIONS
    }
    assert sum(words.values()) <= MOST_WORDS, words


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)
def test_no_page_has_a_word_that_the_glossary_replaces(page: Path) -> None:
    text = " ".join(page.read_text().split())
    replaced = {
        match[0]: word
        for pattern, word in REPLACED.items()
        for match in re.finditer(rf"\b({pattern})\b", text, re.IGNORECASE)
    }
    assert replaced == {}
