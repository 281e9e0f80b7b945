"""The alarms of a rollout, and the key of the target's bucket."""

from __future__ import annotations

import pytest

from lambdas.promotion.endpoint import rollout
from lambdas.promotion.preflight.checks import alarms, key
from lambdas.promotion.preflight.context import ArtifactKey
from tests.unit.builders import QA, STAGE
from tests.unit.preflight.builders import CANARY


def test_an_alarm_must_exist_and_not_be_in_alarm() -> None:
    states = {"quiet": "OK", "new": "INSUFFICIENT_DATA", "red": "ALARM"}
    results = alarms.unusable(QA, ["quiet", "new", "red", "none"], states)
    by_alarm = {str(result).split("the alarm ")[1].split(" ")[0]: str(result) for result in results}
    assert set(by_alarm) == {"red", "none"}
    assert "state ALARM" in by_alarm["red"]
    assert "no such metric alarm" in by_alarm["none"]


def test_a_stage_without_a_rollout_has_no_alarms() -> None:
    assert rollout.alarms_of(rollout.of_stage(STAGE)) == []
    assert rollout.alarms_of(CANARY) == ["errors", "latency"]


@pytest.mark.parametrize(("state", "violations"), [("Enabled", 0), ("Disabled", 1), ("PendingDeletion", 1)])
def test_an_unusable_key_is_a_violation(state: str, violations: int) -> None:
    assert len(key.key_state(QA, ArtifactKey(arn="arn:aws:kms:x:3:key/k", state=state))) == violations
