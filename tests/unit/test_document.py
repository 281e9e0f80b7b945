"""The document goes through JSON at every state and stays what it is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from lambdas.promotion.document import Artifact, Change, Failure, Outcome, Progress, Promotion, failure_to_json
from tests.unit.given import BEGUN, MODEL, OBJECTS, OLD_CONFIG, STAGE, VERSION, WEIGHTS, promotion

PLAIN = promotion()
CHANGED = PLAIN.with_change(
    Change(progress=Progress.UNDER_WAY, previous_config=OLD_CONFIG, previous_modified_at=BEGUN, joined=True)
)
COPIED = replace(CHANGED, artifacts=tuple(replace(artifact, copied=True) for artifact in PLAIN.artifacts))
ENDED = COPIED.ended(Outcome.PROMOTED, at=BEGUN + timedelta(minutes=4, microseconds=5))


def through_json(promotion: Promotion) -> Promotion:
    return Promotion.from_json(json.loads(json.dumps(promotion.to_json())))


@pytest.mark.parametrize("one", [PLAIN, CHANGED, COPIED, ENDED], ids=["plain", "changed", "copied", "ended"])
def test_a_promotion_comes_back_as_it_was(one: Promotion) -> None:
    assert through_json(one) == one


@pytest.mark.parametrize("progress", Progress)
def test_every_progress_comes_back(progress: Progress) -> None:
    change = Change(progress=progress)
    assert through_json(PLAIN.with_change(change)).change == change


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_comes_back(outcome: Outcome) -> None:
    result = through_json(PLAIN.ended(outcome, at=BEGUN)).result
    assert result is not None
    assert result.outcome is outcome


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        datetime(2026, 1, 2, 3, 4, 5, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=-8))),
    ],
)
def test_an_instant_comes_back_to_the_microsecond_with_its_zone(instant: datetime) -> None:
    back = through_json(replace(PLAIN, model=replace(MODEL, created_at=instant))).model.created_at
    assert (back, back.utcoffset()) == (instant, instant.utcoffset())


@pytest.mark.parametrize("version_id", [None, "", "null", "3/L4kqtJlcpXroDTDmJ+rmSpXd3d"])
@pytest.mark.parametrize("copied", [None, True, False])
def test_an_artifact_comes_back_as_it_was(version_id: str | None, copied: bool | None) -> None:
    artifact = Artifact(source=replace(WEIGHTS, version_id=version_id), bucket="b", key="ü/ \u2028", copied=copied)
    assert through_json(replace(PLAIN, artifacts=(artifact,))).artifacts == (artifact,)


def test_a_copied_artifact_joins_the_document_as_it_is() -> None:
    document = PLAIN.to_json() | {"artifacts": [replace(PLAIN.artifacts[0], copied=False).to_json()]}
    assert Promotion.from_json(json.loads(json.dumps(document))).artifacts[0].copied is False


def test_a_request_in_the_apis_words_keeps_its_types() -> None:
    request = {"A": [1, 1.5, True, None, "1"], "B": {"C": []}}
    changed = replace(PLAIN, wanted_model=replace(PLAIN.wanted_model, request=request))
    assert through_json(changed).wanted_model.request == request


def test_a_member_that_nobody_knows_is_not_dropped_silently() -> None:
    with pytest.raises(Exception, match="Promotion"):
        Promotion.from_json({**PLAIN.to_json(), "colour": "red"})


@pytest.mark.parametrize("member", ["request", "deadline", "artifacts", "wanted_model", "tags"])
def test_a_document_without_a_member_is_not_understood(member: str) -> None:
    document: dict[str, Any] = PLAIN.to_json()
    del document[member]
    with pytest.raises(Exception, match="Promotion"):
        Promotion.from_json(document)


@pytest.mark.parametrize(
    ("member", "odd"),
    [("copied", "false"), ("copied", 0), ("size", "10"), ("size", 1.5), ("bucket", None), ("bucket", 7)],
)
def test_a_value_of_another_type_is_refused_not_converted(member: str, odd: Any) -> None:
    document: dict[str, Any] = json.loads(json.dumps(PLAIN.to_json()))
    artifact = document["artifacts"][0]
    (artifact if member in artifact else artifact["source"])[member] = odd
    with pytest.raises(Exception, match="Promotion"):
        Promotion.from_json(document)


def test_the_promotions_id_is_its_executions_name() -> None:
    assert PLAIN.execution.promotion_id == "release-7"


def test_a_step_changes_a_copy() -> None:
    assert (PLAIN.with_change(Change(progress=Progress.BUSY)).change is None, PLAIN.change) == (False, None)


# The result


def test_the_result_tells_what_is_where_and_what_was_before() -> None:
    result = replace(COPIED, model=replace(MODEL, model_package_arn=VERSION)).ended(Outcome.PROMOTED, at=BEGUN).result
    assert result is not None
    target = "arn:aws:sagemaker:us-east-1:333333333333"
    assert (result.source_model, result.source_model_package) == (MODEL.arn, VERSION)
    assert result.target_model == f"{target}:model/{PLAIN.wanted_model.name}"
    assert result.endpoint_config == f"{target}:endpoint-config/{PLAIN.wanted_config.name}"
    assert result.endpoint == f"{target}:endpoint/{STAGE.endpoint}"
    assert result.previous_endpoint_config == f"{target}:endpoint-config/{OLD_CONFIG}"


def test_the_result_of_a_first_endpoint_names_no_previous_configuration() -> None:
    result = PLAIN.with_change(Change(progress=Progress.IN_SERVICE)).ended(Outcome.PROMOTED, at=BEGUN).result
    assert result is not None
    assert result.previous_endpoint_config is None


@pytest.mark.parametrize(
    ("copied", "counted"), [((True, True), (2, 30)), ((True, False), (1, 10)), ((None, None), (0, 0))]
)
def test_only_what_was_copied_is_counted(copied: tuple[bool | None, ...], counted: tuple[int, int]) -> None:
    artifacts = tuple(replace(one, copied=was) for one, was in zip(PLAIN.artifacts, copied, strict=True))
    result = replace(PLAIN, artifacts=artifacts).ended(Outcome.PROMOTED, at=BEGUN).result
    assert result is not None
    assert (result.artifacts, (result.artifacts_copied, result.bytes_copied)) == (len(OBJECTS), counted)


def test_the_duration_is_in_seconds_whatever_the_zones_are() -> None:
    at = (BEGUN + timedelta(seconds=90)).astimezone(timezone(timedelta(hours=9)))
    result = PLAIN.ended(Outcome.PROMOTED, at=at).result
    assert result is not None
    assert result.seconds == 90


def test_a_failure_is_plain_text() -> None:
    assert failure_to_json(Failure(error="A", family="B", cause="C")) == {"error": "A", "family": "B", "cause": "C"}
