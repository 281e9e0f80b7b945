"""An outcome is counted once, by few dimensions that are known beforehand; CloudWatch matches them exactly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.promotion.contract.document import Copied
from lambdas.promotion.outcome import metrics as measures


def counted(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """The lines by the one metric that each has."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"]: line for line in lines}


def dimensions_of(line: dict[str, Any]) -> list[list[str]]:
    (metrics,) = line["_aws"]["CloudWatchMetrics"]
    assert metrics["Namespace"] == "Promote"
    sets: list[list[str]] = metrics["Dimensions"]
    return sets


def test_a_successful_outcome_is_counted_with_its_seconds_by_outcome_and_by_stage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    measures.count_outcome("Promoted", seconds=1.5, application="text-classifier", stage="qa")
    lines = counted(capsys)
    assert (lines["PromotionOutcome"]["PromotionOutcome"], lines["PromotionSeconds"]["PromotionSeconds"]) == (
        [1.0],
        [1.5],
    )
    for line in lines.values():
        assert dimensions_of(line) == [["outcome"], ["outcome", "application", "stage"]]
        assert (line["outcome"], line["application"], line["stage"]) == ("Promoted", "text-classifier", "qa")


def test_a_failed_outcome_is_also_counted_by_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    measures.count_outcome("Refused", error="NameTaken", seconds=2.0, application="text-classifier", stage="qa")
    lines = counted(capsys)
    assert dimensions_of(lines["PromotionOutcome"]) == [["outcome"], ["outcome", "application", "stage"], ["error"]]
    assert lines["PromotionOutcome"]["error"] == "NameTaken"
    assert dimensions_of(lines["PromotionSeconds"]) == [["outcome"], ["outcome", "application", "stage"]]


def test_an_outcome_before_the_stage_is_resolved_is_counted_without_it(capsys: pytest.CaptureFixture[str]) -> None:
    measures.count_outcome("Refused", error="UnknownApplication")
    lines = counted(capsys)
    assert dimensions_of(lines["PromotionOutcome"]) == [["outcome"], ["error"]]
    assert set(lines) == {"PromotionOutcome"}


def test_no_seconds_are_some_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    measures.count_outcome("Unchanged", seconds=0.0)
    assert counted(capsys)["PromotionSeconds"]["PromotionSeconds"] == [0.0]


def test_what_was_copied_is_counted_by_stage(capsys: pytest.CaptureFixture[str]) -> None:
    measures.count_copied(Copied(objects=3, bytes=4096), application="text-classifier", stage="qa")
    lines = counted(capsys)
    assert (lines["ObjectsCopied"]["ObjectsCopied"], lines["BytesCopied"]["BytesCopied"]) == ([3.0], [4096.0])
    assert {str(dimensions_of(line)) for line in lines.values()} == {"[['application', 'stage']]"}


def test_the_oldest_lock_is_one_metric_without_dimensions(capsys: pytest.CaptureFixture[str]) -> None:
    measures.report_oldest_lock(0.0)
    line = counted(capsys)["OldestLockSeconds"]
    assert (dimensions_of(line), line["OldestLockSeconds"]) == ([[]], [0.0])
    assert set(line) == {"_aws", "OldestLockSeconds"}
