"""An ending is one count, by its outcome."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.promotion import measures


def counted(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_good_ending_is_counted_with_its_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    measures.count_ending("Promoted", seconds=1.5)
    ended, took = counted(capsys)
    assert (ended["PromotionEnded"], took["PromotionSeconds"]) == ([1.0], [1.5])
    assert (ended["outcome"], took["outcome"]) == ("Promoted", "Promoted")


def test_a_bad_ending_is_counted_by_family_and_error(capsys: pytest.CaptureFixture[str]) -> None:
    measures.count_ending("Refused", error="NameTaken")
    (ended,) = counted(capsys)
    assert (ended["PromotionEnded"], ended["outcome"], ended["error"]) == ([1.0], "Refused", "NameTaken")


def test_the_dimensions_are_the_documented_ones_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    """CloudWatch matches dimensions exactly: one more, and no alarm of docs/operations.md ever fires."""
    measures.count_ending("Refused", error="NameTaken", seconds=2.0)
    (metrics,) = {json.dumps(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]) for line in counted(capsys)}
    assert metrics == '[["outcome", "error"]]'


def test_no_seconds_are_some_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    measures.count_ending("Unchanged", seconds=0.0)
    assert [line for line in counted(capsys) if "PromotionSeconds" in line]
