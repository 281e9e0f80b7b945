"""The remaining steps: which call each makes, and what it makes of the answer. The copy's are in test_copy_phase.py."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.handlers import compare_endpoint, create_endpoint_config, create_model, explain_failure, verify_artifacts
from lambdas.promotion.artifacts import partitioning
from lambdas.promotion.aws import work_lists
from lambdas.promotion.contract.document import (
    Leg,
    Lock,
    Outcome,
    Progress,
    Promotion,
    Transfer,
    VerifiedCopies,
    VerifiedCopy,
    WorkUnit,
    to_line,
)
from lambdas.promotion.contract.errors import ArtifactMismatch, CallRefused, NameTaken, OlderModel, PromotionError
from lambdas.promotion.contract.resource_names import verified_list
from tests.adapters.conftest import Stubs
from tests.adapters.fake_s3 import FakeS3, Stored
from tests.unit.builders import (
    BEGUN,
    HUB,
    OLD_CONFIG,
    QA,
    REQUEST,
    TRAINED,
    good,
    inventory_of,
    promotion,
    with_known_good,
)

ARTIFACTS = inventory_of().artifacts
# Each copy is written once, in the order of the inventory.
COPIES = b"".join(
    to_line(VerifiedCopy(key=key, version_id=str(version), size=size))
    for key, version, size in sorted(
        (artifact.key, number, artifact.source.size) for number, artifact in enumerate(ARTIFACTS, start=2)
    )
)
VERIFIED = VerifiedCopies(bucket=QA.artifact_bucket, objects=len(ARTIFACTS), sha256=hashlib.sha256(COPIES).hexdigest())


def recorded(made: Promotion, **changes: Any) -> Promotion:
    """Return the promotion after an earlier one of the same model, which verified its copies."""
    again = with_known_good(made)
    assert again.lock
    (entry,) = again.lock.last_known_good
    return replace(again, lock=replace(again.lock, last_known_good=(replace(entry, verified=VERIFIED, **changes),)))


PLAIN = recorded(promotion())
MODEL: dict[str, Any] = {
    **PLAIN.desired_model.request,
    "ModelArn": "arn:aws:sagemaker:x:3:m/m",
    "CreationTime": TRAINED,
}
CONFIG: dict[str, Any] = {
    **PLAIN.desired_config.request,
    "EndpointConfigArn": "arn:aws:sagemaker:x:3:endpoint-config/c",
    "CreationTime": BEGUN,
}


def run(handler: Callable[..., dict[str, Any]], current: Promotion = PLAIN, **more: Any) -> dict[str, Any]:
    event = {"promotion": current.to_json(), "retry_count": 0, **more}
    return handler(json.loads(json.dumps(event)), None)


@pytest.fixture(autouse=True)
def inventory(fake_s3: FakeS3) -> None:
    """The lists that the resolving step, and an earlier promotion, left in the hub."""
    work_lists.write(work_lists.INVENTORY, ARTIFACTS, PLAIN, s3=fake_s3.client)
    fake_s3.objects[HUB.bucket, verified_list(VERIFIED.sha256)] = Stored(len(COPIES), "", '"list"', body=COPIES)


def copies_exist(fake_s3: FakeS3, *, missing: int | None = None) -> list[str]:
    """Put the copies into the target, and return their keys."""
    for artifact in ARTIFACTS:
        fake_s3.put(QA.artifact_bucket, artifact.key, artifact.source.size)
    if missing is not None:
        fake_s3.delete(QA.artifact_bucket, ARTIFACTS[missing].key)
    return [artifact.key for number, artifact in enumerate(ARTIFACTS) if number != missing]


def copy_status_written(fake_s3: FakeS3) -> list[str]:
    statuses = work_lists.read(work_lists.COPY_STATUS, Transfer, PLAIN, s3=fake_s3.client)
    return [transfer.artifact.key for transfer in statuses if transfer.exists]


def endpoint_is(aws: Stubs, config: str) -> None:
    aws.allow_assume_role()
    answer = {
        "EndpointName": "reviews-qa",
        "EndpointArn": "arn:aws:sagemaker:us-east-1:333333333333:endpoint/reviews-qa",
        "EndpointStatus": "InService",
        "EndpointConfigName": config,
        "CreationTime": BEGUN,
        "LastModifiedTime": BEGUN - timedelta(days=1),
    }
    aws.sagemaker.add_response("describe_endpoint", answer, {"EndpointName": "reviews-qa"})


# Comparing


def test_an_endpoint_that_serves_exactly_this_ends_unchanged(aws: Stubs, fake_s3: FakeS3) -> None:
    endpoint_is(aws, PLAIN.desired_config.name)
    aws.sagemaker.add_response("describe_model", MODEL, {"ModelName": PLAIN.desired_model.name})
    aws.sagemaker.add_response("describe_endpoint_config", CONFIG, {"EndpointConfigName": PLAIN.desired_config.name})
    copies_exist(fake_s3)
    result = Promotion.from_json(run(compare_endpoint.handler)).result
    assert result is not None
    assert result.outcome is Outcome.UNCHANGED


def test_an_endpoint_that_serves_another_configuration_is_to_be_changed(aws: Stubs) -> None:
    endpoint_is(aws, OLD_CONFIG)
    compared = Promotion.from_json(run(compare_endpoint.handler))
    assert compared.change is not None
    assert (compared.change.progress, compared.result) == (Progress.CHANGE_REQUIRED, None)


def test_a_dry_run_of_an_older_model_ends_as_its_promotion_would(aws: Stubs) -> None:
    endpoint_is(aws, OLD_CONFIG)
    newer = good(made_at=TRAINED + timedelta(seconds=1))
    planned = promotion(request=replace(REQUEST, dry_run=True), lock=None, known_good=(newer,))
    with pytest.raises(OlderModel, match="whose model is newer"):
        run(compare_endpoint.handler, planned)


@pytest.mark.parametrize("shared", [False, True])
def test_the_copy_is_planned_unless_work_units_share_an_object(
    aws: Stubs, fake_s3: FakeS3, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    if shared:
        monkeypatch.setattr(partitioning, "_BY_PARTS_ABOVE", 0)
        monkeypatch.setattr(partitioning, "_LONGEST_OF_ONE_UNIT", 0.0)
    endpoint_is(aws, OLD_CONFIG)
    plan = Promotion.from_json(run(compare_endpoint.handler)).copy
    written = fake_s3.keys(HUB.bucket, "promotions/release-7/")
    if shared:
        assert (plan, written) == (
            None,
            [f"promotions/release-7/{name}" for name in (work_lists.COPY_STATUS, work_lists.INVENTORY)],
        )
        return
    assert plan is not None
    (span,) = work_lists.read_spans(work_lists.MANIFEST, PLAIN, s3=fake_s3.client)
    unit = work_lists.read_one(work_lists.WORK_UNITS, WorkUnit, span, PLAIN, s3=fake_s3.client)
    planned = work_lists.read(work_lists.COPY_PLAN, Transfer, PLAIN, s3=fake_s3.client)
    assert [segment.transfer for segment in unit.segments] == planned
    assert tuple(transfer.artifact for transfer in planned) == ARTIFACTS
    assert (plan.leg, plan.work_units, plan.uploads, plan.only_unit) == (Leg.BRING, 1, 0, span[1])
    assert (plan.objects, plan.manifest) == (len(ARTIFACTS), "promotions/release-7/work-units.json")


def test_a_rollback_copies_nothing(aws: Stubs) -> None:
    endpoint_is(aws, OLD_CONFIG)
    rollback = replace(PLAIN, request=replace(PLAIN.request, roll_back=True))
    assert Promotion.from_json(run(compare_endpoint.handler, rollback)).copy is None


def test_our_name_over_another_model_is_not_unchanged(aws: Stubs) -> None:
    endpoint_is(aws, PLAIN.desired_config.name)
    aws.sagemaker.add_response("describe_model", {**MODEL, "EnableNetworkIsolation": True})
    with pytest.raises(NameTaken):
        run(compare_endpoint.handler)


def test_our_name_over_another_configuration_is_not_unchanged(aws: Stubs) -> None:
    endpoint_is(aws, PLAIN.desired_config.name)
    aws.sagemaker.add_response("describe_model", MODEL)
    (variant,) = PLAIN.desired_config.request["ProductionVariants"]
    aws.sagemaker.add_response(
        "describe_endpoint_config", {**CONFIG, "ProductionVariants": [{**variant, "InitialInstanceCount": 2}]}
    )
    with pytest.raises(NameTaken):
        run(compare_endpoint.handler)


@pytest.mark.parametrize("missing", ["model", "configuration", "artifact"])
def test_resources_deleted_under_a_live_endpoint_are_created_again(aws: Stubs, fake_s3: FakeS3, missing: str) -> None:
    endpoint_is(aws, PLAIN.desired_config.name)
    gone = "ValidationException"
    if missing == "model":
        aws.sagemaker.add_client_error("describe_model", gone, 'Could not find model "arn".')
    else:
        aws.sagemaker.add_response("describe_model", MODEL)
    if missing == "configuration":
        aws.sagemaker.add_client_error("describe_endpoint_config", gone, 'Could not find endpoint configuration "arn".')
    else:
        aws.sagemaker.add_response("describe_endpoint_config", CONFIG)
    copies_exist(fake_s3, missing=1 if missing == "artifact" else None)
    compared = Promotion.from_json(run(compare_endpoint.handler))
    assert compared.result is None
    assert compared.change is not None
    assert compared.change.progress is Progress.CHANGE_REQUIRED


# What was verified before


def test_copies_that_changed_since_they_were_verified_are_not_unchanged(aws: Stubs, fake_s3: FakeS3) -> None:
    endpoint_is(aws, PLAIN.desired_config.name)
    copies_exist(fake_s3)
    fake_s3.put(QA.artifact_bucket, ARTIFACTS[0].key, ARTIFACTS[0].source.size)
    with pytest.raises(ArtifactMismatch, match=f"{ARTIFACTS[0].key} is its version"):
        run(compare_endpoint.handler)


def test_what_serves_without_verified_copies_is_verified_and_recorded_first(aws: Stubs, fake_s3: FakeS3) -> None:
    endpoint_is(aws, PLAIN.desired_config.name)
    aws.sagemaker.add_response("describe_model", MODEL)
    aws.sagemaker.add_response("describe_endpoint_config", CONFIG)
    copies_exist(fake_s3)
    unverified = replace(PLAIN, lock=Lock(fence=2, last_known_good=(good(PLAIN.desired_config.name),)))
    compared = Promotion.from_json(run(compare_endpoint.handler, unverified))
    assert (compared.result, compared.change and compared.change.progress) == (None, Progress.NOTHING_TO_DO)


def test_the_same_model_under_another_configuration_is_compared_as_well(aws: Stubs, fake_s3: FakeS3) -> None:
    endpoint_is(aws, OLD_CONFIG)
    copies_exist(fake_s3)
    fake_s3.put(QA.artifact_bucket, ARTIFACTS[1].key, ARTIFACTS[1].source.size)
    with pytest.raises(ArtifactMismatch, match=f"{ARTIFACTS[1].key} is its version"):
        run(compare_endpoint.handler, recorded(promotion(), config=OLD_CONFIG))


@pytest.mark.parametrize("change", ["none", "deleted", "added", "replaced"])
def test_a_rollback_is_compared_with_what_was_verified_then(aws: Stubs, fake_s3: FakeS3, change: str) -> None:
    back = replace(PLAIN, request=replace(PLAIN.request, roll_back=True), verified=VERIFIED)
    endpoint_is(aws, OLD_CONFIG)
    copies_exist(fake_s3, missing=1 if change == "deleted" else None)
    if change == "added":
        fake_s3.put(QA.artifact_bucket, f"{ARTIFACTS[0].key.rpartition('/')[0]}/code/inference.py")
    if change == "replaced":
        fake_s3.put(QA.artifact_bucket, ARTIFACTS[0].key, ARTIFACTS[0].source.size)
    if change == "none":
        compared = Promotion.from_json(run(compare_endpoint.handler, back))
        assert (compared.change and compared.change.progress) is Progress.CHANGE_REQUIRED
    else:
        with pytest.raises(ArtifactMismatch, match="after they were verified"):
            run(compare_endpoint.handler, back)


# What is in the target already


@pytest.mark.parametrize("missing", [None, 0, 1])
def test_the_copies_that_exist_are_written_down_for_the_plan(aws: Stubs, fake_s3: FakeS3, missing: int | None) -> None:
    endpoint_is(aws, OLD_CONFIG)
    existing = copies_exist(fake_s3, missing=missing)
    run(compare_endpoint.handler)
    assert sorted(copy_status_written(fake_s3)) == sorted(existing)


def test_a_first_promotion_finds_no_existing_copies(aws: Stubs, fake_s3: FakeS3) -> None:
    endpoint_is(aws, OLD_CONFIG)
    run(compare_endpoint.handler)
    assert copy_status_written(fake_s3) == []


@pytest.mark.parametrize(
    ("change", "message"), [({"size": 1}, "has size 1"), ({"key": "more"}, "is not part of the model")]
)
def test_existing_objects_that_are_not_ours_stop_the_promotion(
    aws: Stubs, fake_s3: FakeS3, change: dict[str, Any], message: str
) -> None:
    endpoint_is(aws, OLD_CONFIG)
    copies_exist(fake_s3)
    key = f"{ARTIFACTS[0].key}{change.get('key', '')}"
    fake_s3.put(QA.artifact_bucket, key, change.get("size", 10))
    with pytest.raises(ArtifactMismatch, match=f"{key} {message}"):
        run(compare_endpoint.handler)


def test_an_inventory_that_is_missing_is_not_an_empty_one(aws: Stubs, fake_s3: FakeS3) -> None:
    aws.allow_assume_role()
    del fake_s3.objects[HUB.bucket, "promotions/release-7/inventory.jsonl"]
    with pytest.raises(CallRefused, match="GetObject"):
        run(compare_endpoint.handler)


# Creating


def test_the_model_is_made_by_the_deployer(aws: Stubs) -> None:
    aws.allow_assume_role()
    aws.sagemaker.add_response("create_model", {"ModelArn": MODEL["ModelArn"]})
    assert Promotion.from_json(run(create_model.handler)) == PLAIN


def test_the_configuration_is_made_by_the_deployer(aws: Stubs) -> None:
    aws.allow_assume_role()
    aws.sagemaker.add_response("create_endpoint_config", {"EndpointConfigArn": CONFIG["EndpointConfigArn"]})
    assert Promotion.from_json(run(create_endpoint_config.handler)) == PLAIN


@pytest.mark.parametrize(
    "handler",
    [create_model.handler, create_endpoint_config.handler, verify_artifacts.handler, compare_endpoint.handler],
)
def test_every_step_may_be_refused_its_role(
    aws: Stubs, fake_s3: FakeS3, handler: Callable[..., dict[str, Any]]
) -> None:
    work_lists.write(work_lists.COPY_PLAN, [], PLAIN, s3=fake_s3.client)
    work_lists.write_manifest(work_lists.MANIFEST, [], PLAIN, s3=fake_s3.client)
    aws.sts.add_client_error("assume_role", "AccessDenied", "not authorized", 403)
    with pytest.raises(PromotionError, match="sts:AssumeRole on arn:aws:iam::333333333333:role/promote-qa-deployer"):
        run(handler)


# Explaining


def explained(failed: dict[str, Any]) -> dict[str, Any]:
    execution = {"arn": "arn:x:release-7", "started_at": "2026-01-01T00:00:00Z"}
    failure: dict[str, Any] = explain_failure.handler({"failed": failed, "execution": execution}, None)
    return failure


@pytest.mark.parametrize(
    ("failed", "message"),
    [
        ({"Error": "NameTaken", "Cause": '{"errorMessage": "it exists"}'}, ("NameTaken", "Refused", "it exists")),
        ({"Error": "Odd", "Cause": "text"}, ("Odd", "Errored", "text")),
        ({"Error": "Odd", "Cause": '["a"]'}, ("Odd", "Errored", '["a"]')),
    ],
)
def test_a_failure_is_a_name_a_family_and_a_text(failed: dict[str, Any], message: tuple[str, ...]) -> None:
    assert tuple(explained(failed).values()) == message


@pytest.mark.parametrize("failed", [{}, {"Error": "Odd"}, {"Cause": ""}, {"Error": "", "Cause": ""}])
def test_a_failure_without_words_is_explained_all_the_same(failed: dict[str, Any]) -> None:
    assert all(explained(failed).values())


def test_a_client_error_is_never_what_the_workflow_sees(aws: Stubs) -> None:
    aws.allow_assume_role()
    aws.sagemaker.add_client_error("describe_endpoint", "ValidationException", "odd", 400)
    with pytest.raises(Exception, match="odd") as raised:
        run(compare_endpoint.handler)
    assert not isinstance(raised.value, ClientError)
