"""What is kept of a payload: its kind and size, and the beginning of a text."""

from __future__ import annotations

import pytest

from lambdas.promotion.contract import smoke_test_report

LONGEST = smoke_test_report.LONGEST
# The bytes that the longest text can have, and one more character.
MOST = LONGEST * 4 + 4


def shown(content: bytes) -> str:
    """Return what is shown of the content itself."""
    kind = f"(text/csv, {len(content)} bytes)"
    text = smoke_test_report.shown(content, "text/csv", record=True)
    assert text.endswith(kind)
    return text.removesuffix(kind)


def test_a_payload_that_may_not_be_kept_is_only_measured() -> None:
    assert smoke_test_report.shown(b"a,b", "text/csv", record=False) == "(text/csv, 3 bytes)"


@pytest.mark.parametrize(
    ("content", "beginning"),
    [
        (b"", ""),
        (b"a,b", "a,b "),
        (b"a\n\tb  c", "a b c "),
        (b"a\x00b", ""),
        (b"\xff\xfe", ""),
        (b"a" * LONGEST, f"{'a' * LONGEST} "),
        (b"a" * (LONGEST + 1), f"{'a' * (LONGEST - 1)}\u2026 "),
        ("\U0001f600".encode() * (LONGEST + 1), "\U0001f600" * (LONGEST - 1) + "\u2026 "),
    ],
)
def test_the_beginning_of_a_text_is_kept_on_one_line(content: bytes, beginning: str) -> None:
    assert shown(content) == beginning


def test_a_character_that_is_cut_is_left_out() -> None:
    assert shown(b"a" * (MOST - 1) + "\u00fc".encode()) == f"{'a' * (LONGEST - 1)}\u2026 "


def test_a_whole_payload_with_half_a_character_is_no_text() -> None:
    assert shown(b"a" * (MOST - 1) + "\u00fc".encode()[:1]) == ""


def test_what_follows_the_beginning_does_not_matter() -> None:
    assert shown(b"a" * MOST + b"\x00" * MOST) == f"{'a' * (LONGEST - 1)}\u2026 "


def test_half_a_character_is_a_question_mark() -> None:
    """JSON can name it, UTF-8 cannot carry it."""
    assert smoke_test_report.readable("a\ud83d") == "a?"
