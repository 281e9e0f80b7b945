"""The document goes through JSON at every state and stays what it is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from lambdas.promotion.contract.document import (
    Artifact,
    Artifacts,
    Change,
    Copied,
    CopyPlan,
    CopyVerification,
    Failure,
    ImageCopy,
    Leg,
    Outcome,
    PreviewEndpoint,
    PreviewProgress,
    Progress,
    Promotion,
    Segment,
    SuspendedScaling,
    Transfer,
    VariantCapacity,
    WorkUnit,
    from_json,
    from_lenient_json,
    from_line,
    sha256,
    to_json,
    to_line,
)
from lambdas.promotion.contract.envelope import Announcement, AnnouncementAttributes
from lambdas.promotion.contract.settings import Preview, Scaling, Vpc
from lambdas.promotion.contract.smoke_test_report import SmokeReport, SmokeTestResult
from lambdas.promotion.contract.step_events import CopyUnitEvent, StepEvent, from_event
from recordings import store
from tests.unit.builders import BEGUN, MODEL, OLD_CONFIG, STAGE, VARIANT, VERSION, artifact, good, promotion

PLAIN = promotion()
CHANGED = PLAIN.with_change(
    Change(progress=Progress.IN_PROGRESS, previous_config=OLD_CONFIG, previous_modified_at=BEGUN, adopted=True)
)
PLANNED = replace(
    CHANGED,
    copy=CopyPlan(
        leg=Leg.BRING, objects=2, bytes=30, uploads=1, work_units=1, manifest="promotions/release-7/work-units.json"
    ),
)
COPIED = replace(
    PLANNED,
    copied=Copied(objects=2, bytes=30),
    verification=CopyVerification(compared=1, computed=1),
    suspended_scaling=SuspendedScaling(targets=1, list_key="promotions/release-7/suspended-scaling.jsonl"),
)
ENDED = COPIED.with_outcome(Outcome.PROMOTED, at=BEGUN + timedelta(minutes=4, microseconds=5))

IN_API_WORDS = replace(
    PLAIN,
    stage=replace(
        STAGE,
        deployment_config={"TerminationWaitInSeconds": 60},
        preview=Preview(serverless={"MaxConcurrency": 1}),
        autoscaling=(
            Scaling(
                variant="All",
                dimension="d",
                capacity={"MinCapacity": 1},
                policies=({"Cooldown": 60},),
                scheduled_actions=({"ScalableTargetAction": {"MaxCapacity": 2}},),
            ),
        ),
    ),
)


def through_json(promotion: Promotion) -> Promotion:
    return Promotion.from_json(json.loads(json.dumps(promotion.to_json())))


@pytest.mark.parametrize(
    "document", [PLAIN, CHANGED, PLANNED, COPIED, ENDED], ids=["plain", "changed", "planned", "copied", "with_outcome"]
)
def test_a_promotion_comes_back_as_it_was(document: Promotion) -> None:
    assert through_json(document) == document


@pytest.mark.parametrize("progress", Progress)
def test_every_progress_comes_back(progress: Progress) -> None:
    change = Change(progress=progress)
    assert through_json(PLAIN.with_change(change)).change == change


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_comes_back(outcome: Outcome) -> None:
    result = through_json(PLAIN.with_outcome(outcome, at=BEGUN)).result
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


def test_the_results_of_the_work_units_are_added_to_the_document_unchanged() -> None:
    """The workflow puts it there itself, in place of what was there."""
    document = PLAIN.to_json() | {"copied": {"objects": 2, "bytes": 30}}
    assert Promotion.from_json(json.loads(json.dumps(document))).copied == Copied(objects=2, bytes=30)


def test_the_result_names_the_images_that_this_promotion_copied_and_no_other() -> None:
    images = tuple(
        ImageCopy(source=f"from/{name}", target=f"to/{name}", copied=copied)
        for name, copied in (("new", True), ("known", False))
    )
    document = PLAIN.to_json() | {"images": [image.to_json() for image in images]}
    adopted = Promotion.from_json(json.loads(json.dumps(document)))
    assert adopted.images == images
    result = adopted.with_outcome(Outcome.PROMOTED, at=BEGUN).result
    assert result is not None
    assert result.images_copied == ("to/new",)


def test_the_result_has_the_smoke_tests_of_the_endpoint_and_of_its_preview() -> None:
    test = SmokeTestResult(sent="a", received="b", requests=1, failures=0, milliseconds={})
    smoke, on_preview = SmokeReport(tests=(test,)), SmokeReport(tests=(test, test))
    preview = PreviewEndpoint(progress=PreviewProgress.IN_SERVICE, endpoint="e", config="c", smoke=on_preview)
    result = replace(PLAIN, smoke=smoke, preview=preview).with_outcome(Outcome.PROMOTED, at=BEGUN).result
    assert result is not None
    assert (result.smoke, result.preview) == (smoke, on_preview)


def test_a_promotion_is_timed_to_the_millisecond() -> None:
    result = PLAIN.with_outcome(Outcome.PROMOTED, at=BEGUN + timedelta(seconds=4, microseconds=123_456)).result
    assert result is not None
    assert result.seconds == 4.123


def test_the_result_names_what_the_stage_maps_in_vain() -> None:
    result = replace(PLAIN, unused_mappings=("images: a",)).with_outcome(Outcome.PROMOTED, at=BEGUN).result
    assert result is not None
    assert result.unused_mappings == ("images: a",)


def test_a_request_in_the_apis_words_keeps_its_types() -> None:
    request = {"A": [1, 1.5, True, None, "1"], "B": {"C": []}}
    changed = replace(PLAIN, desired_model=replace(PLAIN.desired_model, request=request))
    assert through_json(changed).desired_model.request == request


def test_an_unknown_field_is_not_dropped_silently() -> None:
    with pytest.raises(Exception, match="Promotion"):
        Promotion.from_json({**PLAIN.to_json(), "colour": "red"})


@pytest.mark.parametrize("field", ["request", "deadline", "artifacts", "desired_model", "tags"])
def test_a_document_without_a_required_field_is_refused(field: str) -> None:
    document: dict[str, Any] = PLAIN.to_json()
    del document[field]
    with pytest.raises(Exception, match="Promotion"):
        Promotion.from_json(document)


@pytest.mark.parametrize(
    ("field", "odd"),
    [
        *[("objects", odd) for odd in ("2", "2.0", 1.5, True, False, float("inf"), float("nan"), 2.0000001)],
        *[("bytes", odd) for odd in (None, [30])],
    ],
)
def test_a_value_of_another_type_is_refused_not_converted(field: str, odd: Any) -> None:
    document: dict[str, Any] = json.loads(json.dumps(PLAIN.to_json()))
    document["artifacts"][field] = odd
    with pytest.raises(Exception, match="Promotion"):
        Promotion.from_json(document)


@pytest.mark.parametrize("odd", ["0.5", True, [0.5], {"a": 0.5}])
def test_only_a_number_is_a_number(odd: Any) -> None:
    with pytest.raises(ExceptionGroup, match="VariantCapacity"):
        from_json({"variant": "All", "weight": odd}, VariantCapacity)
    assert from_json({"variant": "All", "weight": 2}, VariantCapacity).weight == 2.0


@pytest.mark.parametrize("odd", ["subnet-1", {"subnet-1": 1}, 1])
def test_only_a_list_is_a_list(odd: Any) -> None:
    """A text of one item would be as many items as it has letters."""
    with pytest.raises(ExceptionGroup, match="Vpc"):
        from_json({"subnets": odd}, Vpc)
    assert from_json({"subnets": ["subnet-1"]}, Vpc).subnets == ("subnet-1",)


def as_floats(document: Any) -> Any:
    """Every whole number as JSON may write it too: 3 is 3.0 and 3e0 (RFC 8259, Numbers)."""
    if isinstance(document, dict):
        return {name: as_floats(value) for name, value in document.items()}
    if isinstance(document, list | tuple):
        return [as_floats(value) for value in document]
    return float(document) if type(document) is int else document


def types_of(document: Any) -> Any:
    if isinstance(document, dict):
        return {name: types_of(value) for name, value in document.items()}
    return [types_of(value) for value in document] if isinstance(document, list | tuple) else type(document)


@pytest.mark.parametrize("read", [from_json, from_lenient_json])
@pytest.mark.parametrize(
    "document",
    [PLAIN, COPIED, ENDED, replace(PLAIN, plan={"bytes": 30, "copies": [{"size": 3}]}), IN_API_WORDS],
    ids=["plain", "copied", "with_outcome", "planned", "in_api_words"],
)
def test_a_whole_number_is_an_integer_however_json_writes_it(document: Promotion, read: Any) -> None:
    """Also in what is in the API's own words: boto3 refuses 1.0 as a number of instances."""
    written = json.loads(json.dumps(document.to_json()))
    back = read(json.loads(json.dumps(as_floats(written))), Promotion)
    assert back == document
    assert types_of(back.to_json()) == types_of(document.to_json())


@pytest.mark.parametrize("kind", [CopyUnitEvent, StepEvent])
def test_a_whole_number_of_an_event_is_an_integer(kind: Any) -> None:
    event = {"promotion": PLAIN.to_json(), "retry_count": 2.0, "work_unit": {"offset": 1e3, "length": 7.0}}
    read = from_event(json.loads(json.dumps(event)), kind)
    assert type(read.retry_count) is int
    if kind is CopyUnitEvent:
        assert (repr(read.work_unit.offset), repr(read.work_unit.length)) == ("1000", "7")


def test_a_whole_number_of_a_line_is_an_integer() -> None:
    line = json.dumps(as_floats({**to_json(Transfer(artifact=artifact(), part_size=5))})).encode()
    assert repr(from_line(line, Transfer)) == repr(Transfer(artifact=artifact(), part_size=5))


def test_a_number_that_is_not_whole_stays_what_it_is() -> None:
    request = {"InitialVariantWeight": 0.5, "Deep": [{"Weight": 1e-3}]}
    changed = replace(PLAIN, desired_config=replace(PLAIN.desired_config, request=request))
    assert through_json(changed).desired_config.request == request


def test_step_functions_writes_a_whole_number_without_a_point() -> None:
    """Recorded: so the reading above is a precaution, and the documents stay as they are."""
    recorded = store.response("stepfunctions/GetExecutionHistory/whole-number-from-jsonata")["events"][0]
    output = json.loads(recorded["executionSucceededEventDetails"]["output"])
    assert {name: type(value) for name, value in output.items()} == {"ja_expr": int}


def test_the_promotions_id_is_its_executions_name() -> None:
    assert PLAIN.execution.promotion_id == "release-7"


def test_a_step_changes_a_copy() -> None:
    assert (PLAIN.with_change(Change(progress=Progress.BUSY)).change is None, PLAIN.change) == (False, None)


# The result


def test_the_result_states_what_is_where_and_what_was_before() -> None:
    result = (
        replace(COPIED, model=replace(MODEL, model_package_arn=VERSION)).with_outcome(Outcome.PROMOTED, at=BEGUN).result
    )
    assert result is not None
    target = "arn:aws:sagemaker:us-east-1:333333333333"
    assert (result.source_model, result.source_model_package) == (MODEL.arn, VERSION)
    assert result.target_model == f"{target}:model/{PLAIN.desired_model.name}"
    assert result.endpoint_config == f"{target}:endpoint-config/{PLAIN.desired_config.name}"
    assert result.endpoint == f"{target}:endpoint/{STAGE.endpoint}"
    assert result.previous_endpoint_config == f"{target}:endpoint-config/{OLD_CONFIG}"


def test_the_result_of_a_first_endpoint_names_no_previous_configuration() -> None:
    result = PLAIN.with_change(Change(progress=Progress.IN_SERVICE)).with_outcome(Outcome.PROMOTED, at=BEGUN).result
    assert result is not None
    assert result.previous_endpoint_config is None


def test_the_result_states_what_was_required_and_what_was_copied() -> None:
    result = replace(PLAIN, copied=Copied(objects=1, bytes=20)).with_outcome(Outcome.PROMOTED, at=BEGUN).result
    assert result is not None
    assert (result.artifacts, result.artifacts_copied, result.bytes_copied) == (2, 1, 20)


@pytest.mark.parametrize(
    ("proof", "message"), [(CopyVerification(compared=3, computed=1), (3, 1)), (None, (None, None))]
)
def test_the_result_states_how_much_is_verified(
    proof: CopyVerification | None, message: tuple[int | None, int | None]
) -> None:
    result = replace(PLAIN, verification=proof).with_outcome(Outcome.PROMOTED, at=BEGUN).result
    assert result is not None
    assert (result.artifacts_verified_by_checksum, result.artifacts_verified_by_size) == message


def test_the_duration_is_in_seconds_whatever_the_zones_are() -> None:
    at = (BEGUN + timedelta(seconds=90)).astimezone(timezone(timedelta(hours=9)))
    result = PLAIN.with_outcome(Outcome.PROMOTED, at=at).result
    assert result is not None
    assert result.seconds == 90


def test_a_failure_is_plain_text() -> None:
    assert to_json(Failure(error="A", family="B", cause="C")) == {"error": "A", "family": "B", "cause": "C"}


# Its size

# AWS: Step Functions, the most that goes from state to state; SageMaker, CreateModel: all variables of all containers.
LARGEST_STATE = 256 * 1024
LONGEST_VARIABLES = 32 * 1024


def largest_container(number: int) -> dict[str, Any]:
    """Return one of fifteen containers with as much as SageMaker takes, and addresses as long as ours can be."""
    folder = f"s3://promote-{'e' * 20}-{'4' * 12}-ap-southeast-1/artifacts/{'a' * 40}/{'s' * 20}/{'0' * 32}/"
    data = {"S3Uri": f"{folder}{'k' * 255}", "S3DataType": "S3Object", "CompressionType": "Gzip"}
    channels = [
        {
            "ChannelName": f"{channel}".ljust(64, "c"),
            "S3DataSource": {**data, "ModelAccessConfig": {"AcceptEula": True}},
        }
        for channel in range(5)
    ]
    share = LONGEST_VARIABLES // 15 // 100
    variables = {f"VAR_{number:02}_{name:03}": "v" * (share - 10) for name in range(100)}
    return {
        "ContainerHostname": "h" * 63,
        "Image": f"{'1' * 12}.dkr.ecr.ap-southeast-1.amazonaws.com/".ljust(255, "i"),
        "Mode": "MultiModel",
        "MultiModelConfig": {"ModelCacheSetting": "Enabled"},
        "ModelDataSource": {"S3DataSource": data},
        "AdditionalModelDataSources": channels,
        "Environment": variables,
    }


def largest_promotion() -> Promotion:
    """Return a promotion of the largest model, to a plain stage (a full one: tests/stacks/config)."""
    request = {
        "ModelName": "m" * 63,
        "Containers": [largest_container(number) for number in range(15)],
        "ExecutionRoleArn": "arn:aws:iam::444444444444:role/".ljust(2048, "r"),
        "VpcConfig": {"Subnets": ["subnet-0123456789abcdef0"] * 16, "SecurityGroupIds": ["sg-0123456789abcdef0"] * 5},
    }
    variants = [{**VARIANT, "VariantName": f"{number}".ljust(63, "v")} for number in range(10)]
    return replace(
        ENDED,
        stage=replace(STAGE, endpoint_config={"ProductionVariants": variants}),
        desired_model=replace(PLAIN.desired_model, request=request),
        desired_config=replace(PLAIN.desired_config, request={"ProductionVariants": variants}),
        tags={f"{number}".ljust(128, "k"): "v" * 256 for number in range(50)},
        artifacts=Artifacts(objects=100_000, bytes=100_000 * 50 * 10**12),
    )


def test_the_largest_promotion_stays_far_below_what_a_state_holds() -> None:
    """A failure's cause must fit beside it, and what is yet to come. Artifacts are listed elsewhere."""
    assert len(json.dumps(largest_promotion().to_json()).encode()) < LARGEST_STATE * 0.6


def test_more_artifacts_do_not_make_the_document_longer() -> None:
    many = replace(PLAIN, artifacts=Artifacts(objects=100_000, bytes=10**15))
    assert len(json.dumps(many.to_json())) < len(json.dumps(PLAIN.to_json())) + 100


# The lists

ODD_KEYS = ["ü/ \u2028\u2029\x85", "a\nb\r\nc", 'a"b\\c', "🤖", "\ud800", "\x00\x1e", "", " ", "../a//b/"]


@pytest.mark.parametrize("key", ODD_KEYS, ids=ascii)
@pytest.mark.parametrize("version_id", [None, "", "null", "3/L4kqtJlcpXroDTDmJ+rmSpXd3d"])
def test_a_line_comes_back_as_it_was(key: str, version_id: str | None) -> None:
    transfer = Transfer(artifact=artifact(key, version_id=version_id, key=key), part_size=5, upload_id="id")
    unit = WorkUnit(segments=(Segment(transfer=transfer, first=1, last=3), Segment(transfer=transfer)))
    assert from_line(to_line(unit), WorkUnit) == unit


@pytest.mark.parametrize("key", ODD_KEYS, ids=ascii)
def test_a_key_alone_is_a_line_as_well(key: str) -> None:
    assert from_line(to_line(key), str) == key


@pytest.mark.parametrize("key", ODD_KEYS, ids=ascii)
def test_nothing_in_an_item_ends_its_line(key: str) -> None:
    assert to_line(artifact(key)).count(b"\n") == 1
    assert len(to_line(artifact(key)).splitlines()) == 1


def test_a_line_that_a_newer_version_wrote_is_read() -> None:
    line = json.dumps({**to_json(artifact()), "copied": True}).encode()
    assert from_line(line, Artifact) == artifact()


def test_what_another_version_wrote_and_cannot_be_read_is_named() -> None:
    with pytest.raises(ValueError, match="Promotion cannot be understood"):
        from_lenient_json({}, Promotion)


def test_what_a_newer_version_wrote_and_cannot_be_read_says_so() -> None:
    with pytest.raises(ValueError, match=r"Promotion of schema 99, which a newer version of Promote wrote"):
        from_lenient_json({"schema": 99}, Promotion)


def test_a_last_known_good_promotion_keeps_what_a_newer_version_wrote() -> None:
    """The lock's item is read into the document, and what the next promotion writes replaces it."""
    entry = {**to_json(good()), "schema": 99, "colour": "red"}
    locked = {**PLAIN.to_json(), "lock": {"fence": 1, "last_known_good": [entry]}}
    (read,) = Promotion.from_json(locked).to_json()["lock"]["last_known_good"]
    assert read == entry


def test_an_announcement_is_json_for_the_topic() -> None:
    attributes = AnnouncementAttributes(outcome="Promoted", application="reviews", stage="qa", error="")
    assert Announcement(subject="s", message="m", attributes=attributes).to_json() == {
        "subject": "s",
        "message": "m",
        "attributes": {"outcome": "Promoted", "application": "reviews", "stage": "qa", "error": ""},
    }


def test_a_texts_checksum_is_the_one_that_s3_computes() -> None:
    """FIPS 180-2, the example of SHA-256, in Base64 as S3 writes it (AWS: S3, "Checking object integrity")."""
    assert sha256("abc") == "SHA256:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
