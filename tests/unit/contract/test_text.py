"""Text that others have written is reported in one line of whole characters."""

from __future__ import annotations

import pytest

from lambdas.promotion.contract.text import cut, in_lines, one_line, whole


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a\n b\t\tc ", "a b c"),
        ("a\u2028b\x85c", "a b c"),
        ("a\x00b\u202ec", "a\ufffdb\ufffdc"),
        ("\ud83d", "\ufffd"),
        ("\ud83d\ude00", "\U0001f600"),
        ("", ""),
    ],
)
def test_one_line(text: str, expected: str) -> None:
    assert one_line(text) == expected


def test_whole_keeps_lines() -> None:
    assert whole("a\nb\ud83d") == "a\nb\ufffd"


@pytest.mark.parametrize(
    ("text", "size", "expected"), [("aü", 3, "aü"), ("aü", 2, "a"), ("\U0001f600", 3, ""), ("abc", 2, "ab")]
)
def test_a_text_is_cut_between_characters(text: str, size: int, expected: str) -> None:
    assert cut(text, size=size) == expected


def test_several_problems_have_a_line_each_and_one_problem_is_part_of_its_sentence() -> None:
    assert in_lines("It is invalid:", ["a is b."], "Do this.") == "It is invalid: a is b. Do this."
    several = in_lines("It is invalid:", ["a is b", "c\nis d"], "Do this.")
    assert several == "It is invalid:\n- a is b\n- c is d\nDo this."
