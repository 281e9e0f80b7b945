"""The step that rolls the endpoint back: one action a run, counted if SageMaker has accepted it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambdas.handlers import roll_back_endpoint
from lambdas.promotion.artifacts import verification, verified_copies
from lambdas.promotion.contract.document import (
    Change,
    Lock,
    Progress,
    Promotion,
    Rollback,
    RollbackProgress,
    VariantCapacity,
)
from lambdas.promotion.contract.errors import EndpointFailed, RollbackFailed
from lambdas.promotion.contract.time_limits import LONGEST_ROLLBACK
from recordings import store
from tests.adapters.conftest import Stubs
from tests.adapters.fake_s3 import FakeS3
from tests.unit.builders import BEGUN, HUB, OLD_CONFIG, QA, STAGE, artifact, good, promotion

ARN = "arn:aws:sagemaker:us-east-1:333333333333:endpoint/reviews-qa"
YESTERDAY, LATER = BEGUN - timedelta(days=1), BEGUN + timedelta(minutes=5)
CHANGE = Change(
    progress=Progress.IN_PROGRESS, previous_config=OLD_CONFIG, previous_modified_at=YESTERDAY, requested=True
)
PLAIN = promotion(change=CHANGE)
OURS = PLAIN.desired_config.name
UPDATE_BACK = {"EndpointName": "reviews-qa", "EndpointConfigName": OLD_CONFIG, "RetainAllVariantProperties": True}


def endpoint_is(aws: Stubs, status: str, config: str, **more: Any) -> None:
    aws.allow_assume_role()
    fields = {"EndpointName": "reviews-qa", "EndpointArn": ARN, "CreationTime": YESTERDAY, "LastModifiedTime": LATER}
    aws.sagemaker.add_response(
        "describe_endpoint", {**fields, "EndpointStatus": status, "EndpointConfigName": config, **more}
    )


def roll_back(given: Promotion, *, error_name: str = "EndpointFailed") -> Promotion:
    document = {"promotion": given.to_json(), "retry_count": 0, "error_name": error_name}
    return Promotion.from_json(roll_back_endpoint.handler(json.loads(json.dumps(document)), None))


def rollback_of(made: Promotion) -> Rollback:
    assert made.rollback
    return made.rollback


def test_updates_back_that_sagemaker_reverts_are_counted_and_end_with_its_reason(aws: Stubs) -> None:
    current = PLAIN
    for attempts in range(1, 4):
        endpoint_is(aws, "InService", OURS, FailureReason="No instances of this type." if attempts > 1 else "Ours.")
        aws.sagemaker.add_response("update_endpoint", {"EndpointArn": ARN}, UPDATE_BACK)
        current = roll_back(current)
        assert (rollback_of(current).attempts, rollback_of(current).progress) == (
            attempts,
            RollbackProgress.IN_PROGRESS,
        )
        endpoint_is(aws, "Updating", OURS)
        current = roll_back(current)
        assert rollback_of(current).progress is RollbackProgress.BUSY
    endpoint_is(aws, "InService", OURS)
    with pytest.raises(RollbackFailed, match=r"3 attempts.*No instances of this type"):
        roll_back(current)


def test_a_refusal_because_of_another_change_is_no_attempt(aws: Stubs) -> None:
    endpoint_is(aws, "InService", OURS)
    aws.sagemaker.add_client_error("update_endpoint", "ValidationException", 'Cannot update in-progress endpoint "e"')
    rollback = rollback_of(roll_back(PLAIN))
    assert (rollback.attempts, rollback.progress) == (0, RollbackProgress.BUSY)


def test_a_previous_configuration_that_was_deleted_ends_the_rollback_after_three_runs(aws: Stubs) -> None:
    message = f'Could not find endpoint configuration "arn:aws:sagemaker:x:3:endpoint-config/{OLD_CONFIG}".'
    current = PLAIN
    for attempts in range(1, 4):
        endpoint_is(aws, "InService", OURS)
        aws.sagemaker.add_client_error("update_endpoint", "ValidationException", message)
        current = roll_back(current)
        assert (rollback_of(current).attempts, rollback_of(current).progress) == (attempts, RollbackProgress.BUSY)
    endpoint_is(aws, "InService", OURS)
    with pytest.raises(RollbackFailed, match=f"InService on {OURS}.*Could not find endpoint configuration"):
        roll_back(current)


def test_an_endpoint_that_its_previous_configuration_cannot_repair_is_reported_with_what_to_do(aws: Stubs) -> None:
    endpoint_is(aws, "UpdateRollbackFailed", OLD_CONFIG)
    in_use = store.error("sagemaker/UpdateEndpoint/same-configuration").response["Error"]
    aws.sagemaker.add_client_error("update_endpoint", in_use["Code"], in_use["Message"], 400)
    with pytest.raises(EndpointFailed, match="the same content and another name"):
        roll_back(PLAIN)


def late(**fields: Any) -> Promotion:
    began_at = BEGUN - timedelta(days=3)
    rollback = Rollback(progress=RollbackProgress.IN_PROGRESS, began_at=began_at, to_config=OLD_CONFIG, **fields)
    assert began_at + LONGEST_ROLLBACK < BEGUN
    return replace(PLAIN, rollback=rollback)


def test_a_rollback_that_is_done_is_done_also_after_its_deadline(aws: Stubs) -> None:
    endpoint_is(aws, "InService", OLD_CONFIG)
    assert rollback_of(roll_back(late())).progress is RollbackProgress.DONE


def test_no_action_begins_after_the_deadline(aws: Stubs) -> None:
    endpoint_is(aws, "InService", OURS)
    with pytest.raises(RollbackFailed, match=f"is still InService on {OURS} 9 hours after"):
        roll_back(late())


def test_an_endpoint_that_cannot_be_described_is_polled_again_until_the_deadline(aws: Stubs) -> None:
    for _ in range(2):
        aws.allow_assume_role()
        aws.sagemaker.add_client_error("describe_endpoint", "ThrottlingException", "Rate exceeded", 400)
    polled = rollback_of(roll_back(PLAIN))
    assert (polled.progress, polled.poll_count, polled.to_config) == (RollbackProgress.BUSY, 0, OLD_CONFIG)
    with pytest.raises(RollbackFailed, match="cannot be described"):
        roll_back(late())


def test_the_capacity_before_the_change_is_restored_variant_by_variant(aws: Stubs) -> None:
    capacities = tuple(VariantCapacity(variant=name, instances=10, weight=1.0) for name in ("A", "B"))
    given = replace(
        promotion(stage=replace(STAGE, retain_variant_properties=False)),
        change=replace(CHANGE, previous_capacities=capacities),
    )

    def variants(**counts: int) -> list[dict[str, Any]]:
        return [
            {
                "VariantName": name,
                "CurrentInstanceCount": count,
                "DesiredInstanceCount": count,
                "CurrentWeight": 1.0,
                "DesiredWeight": 1.0,
            }
            for name, count in counts.items()
        ]

    endpoint_is(aws, "InService", OURS, ProductionVariants=variants(A=1, B=1))
    data_capture = {"ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DataCaptureConfig"}]}
    aws.sagemaker.add_response("update_endpoint", {"EndpointArn": ARN}, {**UPDATE_BACK, **data_capture})
    current = roll_back(given)
    for name, before in (("A", {"A": 1, "B": 1}), ("B", {"A": 10, "B": 1})):
        endpoint_is(aws, "InService", OLD_CONFIG, ProductionVariants=variants(**before))
        desired = {"VariantName": name, "DesiredInstanceCount": 10, "DesiredWeight": 1.0}
        aws.sagemaker.add_response(
            "update_endpoint_weights_and_capacities",
            {"EndpointArn": ARN},
            {"EndpointName": "reviews-qa", "DesiredWeightsAndCapacities": [desired]},
        )
        current = roll_back(current)
        assert rollback_of(current).progress is RollbackProgress.IN_PROGRESS
    endpoint_is(aws, "InService", OLD_CONFIG, ProductionVariants=variants(A=10, B=10))
    assert rollback_of(roll_back(current)).progress is RollbackProgress.DONE


# The copies of the previous model


@pytest.fixture
def previous(fake_s3: FakeS3) -> Promotion:
    """A promotion to an endpoint whose previous model has one copy, which was verified."""
    fake_s3.put(QA.artifact_bucket, artifact().key, 10)
    copy = verification.require_verified(artifact(checksum=None), QA, s3=fake_s3.client)
    verified = verified_copies.write([verified_copies.to_list(copy)], QA.artifact_bucket, HUB, s3=fake_s3.client)
    return replace(PLAIN, lock=Lock(fence=2, last_known_good=(good(verified=verified),)))


def test_a_rollback_goes_back_to_copies_that_are_as_they_were_verified(aws: Stubs, previous: Promotion) -> None:
    endpoint_is(aws, "InService", OURS)
    aws.sagemaker.add_response("update_endpoint", {"EndpointArn": ARN}, UPDATE_BACK)
    assert rollback_of(roll_back(previous)).attempts == 1


@pytest.mark.parametrize("key", [artifact().key, artifact("code/inference.py").key])
def test_a_rollback_onto_changed_copies_does_not_touch_the_endpoint(
    aws: Stubs, fake_s3: FakeS3, previous: Promotion, key: str
) -> None:
    fake_s3.put(QA.artifact_bucket, key, 10)
    endpoint_is(aws, "InService", OURS)
    with pytest.raises(RollbackFailed, match=f"was not rolled back to {OLD_CONFIG}.*{key}"):
        roll_back(previous)


def test_a_failed_endpoint_is_deleted_whatever_became_of_the_copies_but_not_recreated_with_them(
    aws: Stubs, fake_s3: FakeS3, previous: Promotion
) -> None:
    fake_s3.delete(QA.artifact_bucket, artifact().key)
    endpoint_is(aws, "Failed", OURS)
    aws.sagemaker.add_response("delete_endpoint", {})
    deleting = roll_back(previous)
    assert rollback_of(deleting).deleting
    aws.allow_assume_role()
    aws.sagemaker.add_client_error("describe_endpoint", "ValidationException", 'Could not find endpoint "arn".')
    with pytest.raises(RollbackFailed, match="was deleted, the verified version is"):
        roll_back(deleting)
