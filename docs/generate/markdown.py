"""Tables and notes of the generated pages."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence


def header(title: str, module: str, introduction: str) -> str:
    """Return a page's beginning. `module`: what writes the page."""
    note = f"<!-- Written by `python -m docs.generate` ({module}): do not edit. -->"
    return f"# {title}\n\n{note}\n\n{paragraph(introduction)}"


def paragraph(text: str) -> str:
    """Return a text in lines as long as those of the pages that are written by hand."""
    return textwrap.fill(text, 118, break_long_words=False, break_on_hyphens=False) + "\n"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table. A pipe in a cell would end the cell."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
