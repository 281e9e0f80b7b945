"""Reading the documentation: sections, tables and examples of a page."""

from __future__ import annotations

import re

from tests import PROJECT

DOCS = PROJECT / "docs"
PAGES = (*sorted(PROJECT.glob("*.md")), *sorted(DOCS.rglob("*.md")))


def text_of(page: str) -> str:
    return (DOCS / page).read_text()


def headings(text: str) -> list[tuple[int, str]]:
    """Return each heading with its level. What stands in a block of code is none."""
    return [
        (len(match[1]), match[2].strip()) for match in re.finditer(r"^(#+) (.*)$", without_code(text), re.MULTILINE)
    ]


def section(text: str, title: str) -> str:
    """Return what stands under a heading, up to the next one of the same or a higher level."""
    match = re.search(rf"^(#+) {re.escape(title)}$", text, re.MULTILINE)
    assert match, f"there is no section {title!r}"
    rest = text[match.end() :]
    end = re.search(rf"^#{{1,{len(match[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(text: str, first_column: str) -> list[list[str]]:
    """Return the rows of every table whose first column has this title."""
    rows_of_page: list[list[str]] = []
    for table in re.findall(r"(?:^\|.*\n)+", text + "\n", re.MULTILINE):
        lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.splitlines()]
        if lines[0][0] == first_column:
            rows_of_page += lines[2:]
    return rows_of_page


def tables(text: str) -> list[list[dict[str, str]]]:
    """Return every table, each row by the titles of its columns."""
    tables_of_page: list[list[dict[str, str]]] = []
    for table in re.findall(r"(?:^\|.*\n)+", text + "\n", re.MULTILINE):
        titles, _, *lines = ([cell.strip() for cell in line[1:-1].split("|")] for line in table.splitlines())
        tables_of_page.append([dict(zip(titles, cells, strict=True)) for cells in lines])
    return tables_of_page


def blocks(text: str, language: str) -> list[str]:
    """Return the blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def in_code_marks(text: str) -> list[str]:
    """Return what stands in `these marks`."""
    return re.findall(r"`([^`\n]+)`", text)


def without_code(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for _, title in headings(text)}


def generators(text: str) -> list[str]:
    """Return the programs that a page names as those that write it, or parts of it."""
    return re.findall(r"^<!-- (?:Generated|Drawn) by ([^\s:]+)", text, re.MULTILINE)


def written_by_hand(text: str) -> str:
    """Return a page without what programs write: between a mark and its end, or all if the mark has no end."""
    return re.sub(r"^<!-- (Generated|Drawn) by .*?(^<!-- End of .*?-->$|\Z)", "", text, flags=re.MULTILINE | re.DOTALL)
