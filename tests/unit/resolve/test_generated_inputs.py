"""Whatever a person types, or a tag, a name or a description contains, ends with one of our errors and a record."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.promotion.contract.document import Execution, Failure, Outcome
from lambdas.promotion.contract.errors import InvalidInput, PromotionError, Refused, UnsupportedModel
from lambdas.promotion.contract.resource_names import MADE_AT_TAG
from lambdas.promotion.contract.step_events import (
    LONGEST_INPUT,
    ExecutionInput,
    ResolveEvent,
    from_event,
    read_input,
)
from lambdas.promotion.model import definition
from lambdas.promotion.outcome import announcement, failure_explanation, records
from lambdas.promotion.outcome.records import PromotionRecord
from lambdas.promotion.resolve import eligibility, identity
from lambdas.promotion.resolve.service import Resolution
from tests.unit.builders import BEGUN, DEV, EXECUTION, MODEL, QA, REQUEST, SETTINGS, STAGE, TRAINED, VERSION
from tests.unit.builders import described as described_model
from tests.unit.builders import package as described_package

T = TypeVar("T")
# The ordinary run tries the same examples each time: about two seconds for all of them.
FEW = settings(max_examples=200, derandomize=True, deadline=None, database=None)
# What Step Functions, DynamoDB, SNS and Lambda take at most, in bytes or characters.
LONGEST_CAUSE, LONGEST_ITEM, LONGEST_MESSAGE = 32_768, 400 * 1024, 256 * 1024

TEXTS = st.text(st.characters(), max_size=40) | st.text(
    st.characters(categories=["Cs", "Cc", "Cf", "Lo", "Nd"]), max_size=40
)
LONG_TEXTS = st.builds(lambda text, times: text * times, st.text(min_size=1, max_size=8), st.integers(1, 30_000))
SCALARS = (
    st.none() | st.booleans() | TEXTS | LONG_TEXTS | st.integers(-(10**30), 10**30) | st.floats() | st.just(10**400)
)
ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)
FIELDS = ["application", "stage", "model_name", "model_package_arn", "requested_by", "roll_back", "dry_run"]
NEAR_TO_VALID = st.fixed_dictionaries(
    {"application": st.just("reviews") | ANY_JSON, "stage": st.just("qa") | ANY_JSON},
    optional={name: st.sampled_from([VERSION, "reviews-v7", True]) | ANY_JSON for name in [*FIELDS[2:], "colour"]},
)


def ends_by_name(action: Callable[[], T]) -> PromotionError | None:
    """Return the error of Promote that the action ends with; any other exception fails the test."""
    try:
        action()
    except PromotionError as error:
        return error
    return None


def resolved(raw: object) -> PromotionError | None:
    event = {"input": raw, "execution": {"arn": EXECUTION.arn, "started_at": BEGUN.isoformat()}}
    started = from_event(event, ResolveEvent)

    def resolve() -> None:
        resolution = Resolution.of(started, SETTINGS)
        if not resolution.request.roll_back:
            resolution.require_own_package()

    return ends_by_name(resolve)


def require_recorded(raw: object, error: PromotionError) -> None:
    """The record can be written, and the outcome be announced and shown as the execution's cause."""
    cause = json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})
    failure = failure_explanation.explain(type(error).__name__, cause)
    assert failure.family == Refused.__name__
    assert len(failure.cause) <= LONGEST_CAUSE
    assert failure.cause.encode()
    record = PromotionRecord(execution=EXECUTION, input=raw, outcome=Outcome.REFUSED, ended_at=BEGUN, failure=failure)
    item = {name: TypeSerializer().serialize(value) for name, value in records.item(record).items()}
    assert len(json.dumps(item, ensure_ascii=False).encode()) < LONGEST_ITEM
    announced = announcement.announcement(Outcome.REFUSED, EXECUTION, raw_input=raw, failure=failure)
    assert len(announced.message.encode()) < LONGEST_MESSAGE
    assert announced.subject.isascii()


@FEW
@given(ANY_JSON | NEAR_TO_VALID)
def test_any_input_is_resolved_or_refused_with_a_record(raw: Any) -> None:
    error = resolved(raw)
    if error is not None:
        assert isinstance(error, Refused)
        require_recorded(raw, error)


@pytest.mark.parametrize("depth", [10, 300, 900, 2_000, 100_000])
@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"a":', "}")])
def test_an_input_that_is_nested_however_deeply_is_refused_with_a_record(depth: int, opens: str, closes: str) -> None:
    given_input = read_input(f'{{"input": {opens * depth}1{closes * depth}}}')
    with pytest.raises(InvalidInput) as refused:
        Resolution.of(
            ResolveEvent(execution=EXECUTION, input_text=f'{{"input": {opens * depth}1{closes * depth}}}'), SETTINGS
        )
    require_recorded(given_input.value, refused.value)


def test_an_input_that_is_too_long_keeps_the_stage_of_its_record() -> None:
    text = json.dumps({"input": {"application": "reviews", "stage": "qa"}, "length": 262_144})
    given_input = read_input(text)
    with pytest.raises(InvalidInput, match=f"^The input has 262144 characters, more than {LONGEST_INPUT}"):
        Resolution.of(ResolveEvent(execution=EXECUTION, input_text=text), SETTINGS)
    record = PromotionRecord(
        execution=EXECUTION, input=given_input.value, outcome=Outcome.REFUSED, ended_at=BEGUN, failure=None
    )
    assert record.stage == "reviews/qa"


def test_an_input_of_an_older_definition_is_read() -> None:
    assert ResolveEvent(execution=EXECUTION, input={"stage": "qa"}).started_with == ExecutionInput(
        value={"stage": "qa"}
    )


# What the accounts of others say


@FEW
@given(st.dictionaries(TEXTS, TEXTS, max_size=60), TEXTS | st.datetimes().map(str) | st.sampled_from(["9999-12-31"]))
def test_any_tags_are_carried_or_refused(tags: dict[str, str], made_at: str) -> None:
    def resolve() -> None:
        trusted = eligibility.trusted_tags({**tags, MADE_AT_TAG: made_at}, QA, SETTINGS)
        eligibility.require_application_of(trusted, SETTINGS.applications["reviews"], subject="it")
        moment = eligibility.require_made_at(trusted, created_at=TRAINED, subject="it")
        assert moment <= TRAINED
        identity.require_tags(trusted, subject="it")

    error = ends_by_name(resolve)
    assert error is None or isinstance(error, Refused)


@pytest.mark.parametrize("value", ["never", "", "2026-13-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_tag_that_is_no_time_is_refused_by_name(value: str) -> None:
    with pytest.raises(UnsupportedModel, match=r"^it has the tag promote:made-at .* is no time"):
        eligibility.require_made_at({MADE_AT_TAG: value}, created_at=TRAINED, subject="it")


def test_a_tag_of_the_future_does_not_make_every_later_model_an_older_one() -> None:
    later = (TRAINED + timedelta(microseconds=1)).isoformat()
    with pytest.raises(UnsupportedModel, match="is later than the model's creation"):
        eligibility.require_made_at({MADE_AT_TAG: later}, created_at=TRAINED, subject="it")


def test_a_time_without_a_zone_can_be_compared() -> None:
    moment = eligibility.require_made_at({MADE_AT_TAG: "2026-01-01"}, created_at=TRAINED, subject="it")
    assert moment == datetime(2026, 1, 1, tzinfo=UTC)


URIS = TEXTS | st.builds("s3://{}".format, TEXTS) | st.sampled_from(["s3://b/k", "s3:///", "a:b@sha256:c"])
# As botocore answers: a text where SageMaker has a text.
CONTAINERS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("Image", "ModelDataUrl", "ContainerHostname", "Mode", "InferenceSpecificationName"), URIS),
        "Environment": st.dictionaries(TEXTS, URIS, max_size=4),
        "ImageConfig": st.fixed_dictionaries({"RepositoryAccessMode": TEXTS}),
        "MultiModelConfig": st.fixed_dictionaries({"ModelCacheSetting": TEXTS}),
        "ModelDataSource": st.fixed_dictionaries(
            {"S3DataSource": st.fixed_dictionaries({"S3Uri": URIS, "S3DataType": TEXTS, "CompressionType": TEXTS})}
        ),
    },
)


@FEW
@given(CONTAINERS, st.booleans())
def test_any_texts_of_a_model_or_a_version_are_carried_or_refused(container: dict[str, Any], is_model: bool) -> None:
    def adapt() -> None:
        read = (
            definition.of_model(described_model(**container), {}, subject=MODEL.arn)
            if is_model
            else definition.of_package(described_package(**container), subject=VERSION)
        )
        definition.for_stage(read, stage=STAGE, source=DEV, target=QA, digests={}, subject=MODEL.arn)

    error = ends_by_name(adapt)
    assert error is None or isinstance(error, Refused)


@FEW
@given(TEXTS | LONG_TEXTS, TEXTS | LONG_TEXTS)
def test_any_error_and_cause_of_a_state_becomes_a_failure_that_can_be_recorded(error: str, cause: str) -> None:
    failure = failure_explanation.explain(error, cause)
    assert len(failure.cause) <= LONGEST_CAUSE
    record = PromotionRecord(
        execution=Execution(arn=EXECUTION.arn, started_at=BEGUN),
        input=REQUEST.application,
        outcome=Outcome.ERRORED,
        ended_at=BEGUN,
        failure=Failure(error=failure.error, family=failure.family, cause=failure.cause),
    )
    assert json.dumps(records.item(record), default=str, ensure_ascii=False).encode()
