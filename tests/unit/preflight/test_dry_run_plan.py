"""What a dry run says that a promotion would do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambdas.promotion.contract.document import Change, Outcome, Progress, Promotion, Transfer, to_json
from lambdas.promotion.endpoint.current_deployment import Serving
from lambdas.promotion.preflight import dry_run_plan
from lambdas.promotion.preflight.dry_run_plan import Difference, Plan
from lambdas.promotion.preflight.findings import Unproved
from lambdas.promotion.preflight.run import Checked
from tests.unit.builders import BEGUN, OLD_CONFIG, artifact, promotion, seen

COPY = Transfer(artifact=artifact("a", size=7))
THERE = Transfer(artifact=artifact("b", size=100), there=True)
ONE = promotion()
NOW: dict[str, Any] = {
    "EndpointConfigName": OLD_CONFIG,
    "ProductionVariants": [
        {
            **ONE.wanted_config.request["ProductionVariants"][0],
            "ModelName": "old",
            "InstanceType": "ml.m5.large",
            "InitialVariantWeight": 1.0,
        }
    ],
}
SERVING = Serving(seen=seen("InService"), config=OLD_CONFIG, counts={"All": 2}, request=NOW)


def planned(progress: Progress = Progress.CHANGE_WANTED, checked: Checked | None = None, one: Promotion = ONE) -> Plan:
    changing = one.with_change(Change(progress=progress, previous_config=OLD_CONFIG))
    return dry_run_plan.of(
        changing, [COPY, THERE], checked or Checked(serving=SERVING), at=BEGUN + timedelta(seconds=3)
    )


def test_a_first_deployment_creates_the_endpoint() -> None:
    found = planned(checked=Checked())
    assert "The endpoint reviews-qa would be created." in found.says
    assert (found.serves_now, found.differences, found.changes_anything) == (None, None, True)


def test_what_would_be_copied_is_what_is_not_there() -> None:
    found = planned()
    assert (found.artifacts, found.artifacts_to_copy, found.bytes_to_copy) == (2, 1, 7)
    assert found.says[0].startswith("1 object with 7 bytes would be copied into promote-qa-")


def test_an_update_says_what_changes_and_how() -> None:
    found = planned()
    assert "The endpoint reviews-qa would be updated: blue/green, all at once." in found.says
    assert "ProductionVariants.All.InstanceType: ml.m5.large -> ml.t2.medium" in found.says
    assert found.serves_now == dry_run_plan.ServesNow(
        endpoint_config=OLD_CONFIG, status="InService", instances={"All": 2}
    )


def test_scaling_that_is_in_the_way_would_be_put_aside_and_registered_again() -> None:
    target = "endpoint/reviews-qa/variant/All"
    found = planned(checked=Checked(serving=SERVING, to_put_aside=(target,)))
    assert f"The automatic scaling of {target} would be put aside for that, and registered again." in found.says


def test_what_serves_exactly_this_is_not_changed() -> None:
    found = planned(Progress.NOTHING_TO_DO, Checked(serving=SERVING, model_is_there=True, config_is_there=True))
    assert not found.changes_anything
    assert len(found.says) == 1
    assert found.says[0].startswith("Nothing would be done")


@pytest.mark.parametrize(
    ("progress", "words"), [(Progress.BUSY, "somebody else's doing"), (Progress.UNDER_WAY, "being changed to this")]
)
def test_a_change_that_is_under_way_would_be_waited_for(progress: Progress, words: str) -> None:
    assert any(words in one and "waited for" in one for one in planned(progress).says)


def test_a_configuration_that_cannot_be_read_is_said_to_be_so() -> None:
    unread = replace(SERVING, request=None, reason="Somebody else made it.")
    found = planned(checked=Checked(serving=unread))
    assert found.differences is None
    assert found.says[-1] == "What it serves now cannot be compared with it: Somebody else made it."


def test_what_was_not_proved_is_said_once() -> None:
    twice = Unproved(what="The quota", why="no answer")
    assert planned(checked=Checked(answers=(twice, twice))).not_proved == ("The quota: no answer",)


def test_images_that_would_be_copied_are_named() -> None:
    found = planned(checked=Checked(images_missing=("3.dkr.ecr/promote/a@sha256:1",)))
    assert found.images_to_copy == ("3.dkr.ecr/promote/a@sha256:1",)
    assert any("3.dkr.ecr/promote/a@sha256:1" in one for one in found.says)


def test_the_plan_travels_in_the_document_and_is_its_output() -> None:
    document = to_json(planned())
    again = Promotion.from_json(replace(ONE, plan=document).to_json())
    assert again.plan == document
    assert document["outcome"] == Outcome.PLANNED
    assert document["ended_at"] == "2026-11-01T12:00:03+00:00"


# Differences


@pytest.mark.parametrize(
    ("now", "then", "different"),
    [
        ({"A": 1}, {"A": 1}, []),
        ({"A": 1}, {"A": 2}, [Difference(at="A", now=1, then=2)]),
        ({}, {"A": {"B": 1}}, [Difference(at="A", now=None, then={"B": 1})]),
        ({"A": {"B": 1}}, {"A": {"B": 2}}, [Difference(at="A.B", now=1, then=2)]),
        ({"A": 5}, {}, [Difference(at="A", now=5, then=None)]),
        ({"EndpointConfigName": "a"}, {"EndpointConfigName": "b"}, []),
        (
            {"V": [{"VariantName": "x", "Count": 1}, {"VariantName": "y", "Count": 1}]},
            {"V": [{"VariantName": "y", "Count": 2}, {"VariantName": "x", "Count": 1}]},
            [Difference(at="V.y.Count", now=1, then=2)],
        ),
        ({"Tags": [1]}, {"Tags": [1, 2]}, [Difference(at="Tags", now=[1], then=[1, 2])]),
    ],
)
def test_differences_are_found_by_path(now: Any, then: Any, different: list[Difference]) -> None:
    assert list(dry_run_plan.differences_between(now, then)) == different


def test_what_sagemaker_fills_in_by_itself_is_no_difference() -> None:
    filled = {"InitialVariantWeight": 1.0, "EnableNetworkIsolation": False}
    assert list(dry_run_plan.differences_between(filled, {})) == []
