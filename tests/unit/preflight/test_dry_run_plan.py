"""What a dry run says that a promotion would do."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambdas.promotion.contract.document import Change, Outcome, Progress, Promotion, Transfer, to_json
from lambdas.promotion.endpoint.current_deployment import CurrentDeployment
from lambdas.promotion.preflight import dry_run_plan
from lambdas.promotion.preflight.dry_run_plan import Difference, Plan
from lambdas.promotion.preflight.findings import Inconclusive
from lambdas.promotion.preflight.run import PreflightResult
from recordings import store
from tests.unit.builders import BEGUN, OLD_CONFIG, artifact, observed, promotion

COPY = Transfer(artifact=artifact("a", size=7))
EXISTING = Transfer(artifact=artifact("b", size=100), exists=True)
ONE = promotion()
NOW: dict[str, Any] = {
    "EndpointConfigName": OLD_CONFIG,
    "ProductionVariants": [
        {
            **ONE.desired_config.request["ProductionVariants"][0],
            "ModelName": "old",
            "InstanceType": "ml.m5.large",
            "InitialVariantWeight": 1.0,
        }
    ],
}
CURRENT = CurrentDeployment(observed=observed("InService"), config=OLD_CONFIG, counts={"All": 2}, request=NOW)


def planned(
    progress: Progress = Progress.CHANGE_REQUIRED, checked: PreflightResult | None = None, desired: Promotion = ONE
) -> Plan:
    changing = desired.with_change(Change(progress=progress, previous_config=OLD_CONFIG))
    return dry_run_plan.plan_of(
        changing, [COPY, EXISTING], checked or PreflightResult(current=CURRENT), at=BEGUN + timedelta(seconds=3)
    )


def test_a_first_deployment_creates_the_endpoint() -> None:
    plan = planned(checked=PreflightResult())
    assert "The endpoint reviews-qa would be created." in plan.summary
    assert (plan.current_deployment, plan.differences, plan.changes_anything) == (None, None, True)


def test_what_the_stage_maps_in_vain_is_told_in_any_plan() -> None:
    in_vain = replace(ONE, unused_mappings=("images: registry.example.com/a", "arns: b"))
    for progress in (Progress.CHANGE_REQUIRED, Progress.NOTHING_TO_DO):
        sentence = planned(progress, desired=in_vain).summary[0]
        assert sentence.startswith(
            "The stage maps what the model does not have (images: registry.example.com/a; arns: b)"
        )
    assert not any("maps" in sentence for sentence in planned().summary)


def test_what_would_be_copied_is_what_does_not_exist() -> None:
    plan = planned()
    assert (plan.artifacts, plan.artifacts_to_copy, plan.bytes_to_copy) == (2, 1, 7)
    assert plan.summary[0].startswith("1 object with 7 bytes would be copied into promote-qa-")


def test_the_plan_of_an_update_lists_what_changes_and_how() -> None:
    plan = planned()
    assert "The endpoint reviews-qa would be updated: blue/green, all at once." in plan.summary
    assert "ProductionVariants.All.InstanceType: ml.m5.large -> ml.t2.medium" in plan.summary
    assert plan.current_deployment == dry_run_plan.CurrentDeploymentSummary(
        endpoint_config=OLD_CONFIG, status="InService", instances={"All": 2}
    )


def test_scaling_that_blocks_an_update_would_be_suspended_and_resumed() -> None:
    target = "endpoint/reviews-qa/variant/All"
    plan = planned(checked=PreflightResult(current=CURRENT, targets_to_suspend=(target,)))
    assert f"The automatic scaling of {target} would be suspended for the update, and resumed after it." in plan.summary


def test_what_serves_exactly_this_is_not_changed() -> None:
    plan = planned(Progress.NOTHING_TO_DO, PreflightResult(current=CURRENT, model_exists=True, config_exists=True))
    assert not plan.changes_anything
    assert len(plan.summary) == 1
    assert plan.summary[0].startswith("Nothing would be done")


@pytest.mark.parametrize(
    ("progress", "words"), [(Progress.BUSY, "another change"), (Progress.IN_PROGRESS, "being changed to this")]
)
def test_a_change_that_is_under_way_would_be_waited_for(progress: Progress, words: str) -> None:
    assert any(words in line and "waited for" in line for line in planned(progress).summary)


def test_an_unreadable_configuration_is_reported_as_unreadable() -> None:
    unread = replace(CURRENT, request=None, reason="Somebody else made it.")
    plan = planned(checked=PreflightResult(current=unread))
    assert plan.differences is None
    assert plan.summary[-1] == "What it serves now cannot be compared with it: Somebody else made it."


def test_inconclusive_checks_are_reported_once() -> None:
    twice = Inconclusive(subject="The quota", reason="no answer")
    assert planned(checked=PreflightResult(results=(twice, twice))).inconclusive_checks == ("The quota: no answer",)


def test_no_inconclusive_check_is_left_out_in_silence() -> None:
    many = tuple(Inconclusive(subject=f"The quota {number}", reason="no answer") for number in range(33))
    *listed, last = planned(checked=PreflightResult(results=many)).inconclusive_checks
    assert (len(listed), last) == (30, "And 3 more: the log group of the step preflight lists each.")


def test_images_that_would_be_copied_are_named() -> None:
    plan = planned(checked=PreflightResult(images_missing=("3.dkr.ecr/promote/a@sha256:1",)))
    assert plan.images_to_copy == ("3.dkr.ecr/promote/a@sha256:1",)
    assert any("3.dkr.ecr/promote/a@sha256:1" in line for line in plan.summary)


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
        ({"A": 1}, {"A": 2}, [Difference(path="A", current=1, desired=2)]),
        ({}, {"A": {"B": 1}}, [Difference(path="A", current=None, desired={"B": 1})]),
        ({"A": {"B": 1}}, {"A": {"B": 2}}, [Difference(path="A.B", current=1, desired=2)]),
        ({"A": 5}, {}, [Difference(path="A", current=5, desired=None)]),
        ({"EndpointConfigName": "a"}, {"EndpointConfigName": "b"}, []),
        (
            {"V": [{"VariantName": "x", "Count": 1}, {"VariantName": "y", "Count": 1}]},
            {"V": [{"VariantName": "y", "Count": 2}, {"VariantName": "x", "Count": 1}]},
            [Difference(path="V.y.Count", current=1, desired=2)],
        ),
        ({"Tags": [1]}, {"Tags": [1, 2]}, [Difference(path="Tags", current=[1], desired=[1, 2])]),
    ],
)
def test_differences_are_found_by_path(now: Any, then: Any, different: list[Difference]) -> None:
    assert list(dry_run_plan.differences_between(now, then)) == different


def test_what_sagemaker_fills_in_by_itself_is_no_difference() -> None:
    filled = store.response(
        "sagemaker/DescribeEndpointConfig/instances-filled-in", EndpointConfigArn=None, CreationTime=None
    )
    desired = copy.deepcopy(filled)
    del desired["EnableNetworkIsolation"], desired["DataCaptureConfig"]["EnableCapture"]
    for field in ("InitialVariantWeight", "VolumeSizeInGB"):
        del desired["ProductionVariants"][0][field]
    assert list(dry_run_plan.differences_between(filled, desired)) == []


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ({"EnableCapture": True}, {"EnableCapture": 1}),
        ({"EnableCapture": 0}, {"EnableCapture": False}),
        ({"InitialInstanceCount": 1}, {"InitialInstanceCount": True}),
        ({"Extra": [1]}, {"Extra": [True]}),
        ({"Extra": [{"A": 1}]}, {"Extra": [{"A": True}]}),
        ({"Extra": "1"}, {"Extra": 1}),
        ({"EnableCapture": 1}, {}),
        ({}, {"EnableNetworkIsolation": 0}),
    ],
)
def test_true_is_not_the_number_1(now: dict[str, Any], then: dict[str, Any]) -> None:
    assert len(list(dry_run_plan.differences_between(now, then))) == 1


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ({"InitialVariantWeight": 1.0}, {"InitialVariantWeight": 1}),
        ({"InitialVariantWeight": 0.10000000149011612}, {"InitialVariantWeight": 0.1}),
        ({"Extra": [1.0, 2]}, {"Extra": (1, 2.0)}),
        ({"Extra": {"A": ["a"]}}, {"Extra": {"A": ("a",)}}),
        (
            {"CaptureOptions": [{"CaptureMode": "Output"}, {"CaptureMode": "Input"}]},
            {"CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]},
        ),
        ({"Extra": None}, {}),
        ({}, {"Extra": None}),
    ],
)
def test_what_is_written_otherwise_and_means_the_same_is_no_difference(
    now: dict[str, Any], then: dict[str, Any]
) -> None:
    assert list(dry_run_plan.differences_between(now, then)) == []


def test_a_default_that_the_stage_states_is_no_difference() -> None:
    """The other way round as well: what serves has no field, and the stage has the field's default."""
    variant = {"VariantName": "All", "InitialVariantWeight": 1.0, "EnableSSMAccess": False}
    desired = {"EnableNetworkIsolation": False, "ProductionVariants": [variant]}
    now = {"ProductionVariants": [{"VariantName": "All"}]}
    assert list(dry_run_plan.differences_between(now, desired)) == []
    isolated = {**desired, "EnableNetworkIsolation": True}
    assert list(dry_run_plan.differences_between(now, isolated)) == [
        Difference(path="EnableNetworkIsolation", current=None, desired=True)
    ]


def test_a_value_of_its_own_beside_a_filled_in_one_is_a_difference() -> None:
    filled = {"ProductionVariants": [{"VariantName": "All", "VolumeSizeInGB": 4}]}
    chosen = {"ProductionVariants": [{"VariantName": "All", "VolumeSizeInGB": 30}]}
    path = "ProductionVariants.All.VolumeSizeInGB"
    assert list(dry_run_plan.differences_between(filled, chosen)) == [Difference(path=path, current=4, desired=30)]


def test_no_difference_is_left_out_of_the_summary_in_silence() -> None:
    request = {**NOW, **{f"F{number}": number for number in range(60)}}
    plan = planned(checked=PreflightResult(current=replace(CURRENT, request=request)))
    assert plan.differences is not None
    assert len(plan.differences) == 50
    total = len(list(dry_run_plan.differences_between(request, ONE.desired_config.request)))
    assert plan.summary[-1] == f"And {total - 50} more differences."
