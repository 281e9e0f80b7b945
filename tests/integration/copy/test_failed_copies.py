"""How a promotion ends when its copy fails, and what it survives; nothing that S3 would go on charging is left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from lambdas.promotion.aws import work_lists
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.steps import Step
from recordings import store
from sandbox.aws.faults.faults import Kind
from tests.integration.scenarios import QA, delete_large_copies, large, new_model, promote, start
from tests.integration.world import ExecutionResult, World, input_of, require_failed

BUCKET = QA.target_bucket
# What the product asks of S3 for a large object and a small one; and what of it has an effect.
OF_THE_COPY = [
    "CopyObject",
    "CreateMultipartUpload",
    "ListParts",
    "UploadPartCopy",
    "CompleteMultipartUpload",
    "HeadObject",
    "ListObjectsV2",
    "ListMultipartUploads",
]
MAKE_SOMETHING = ["CopyObject", "UploadPartCopy", "CompleteMultipartUpload"]


@pytest.fixture
def world(module_world: World) -> Iterator[World]:
    module_world.reset()
    module_world.abort_uploads("qa")
    yield module_world
    left = module_world.open_uploads("qa")
    module_world.reset()
    delete_large_copies(module_world, QA)
    assert left == []


def survived(world: World, ended: ExecutionResult) -> None:
    """It ended well, and everything that was to go wrong did."""
    assert ended.status == "SUCCEEDED", f"{ended.error}: {ended.cause}"
    assert world.s3_faults.pending() == []


def units_of(world: World, ended: ExecutionResult) -> list[list[dict[str, Any]]]:
    """The history of each unit's execution, of both legs."""
    sfn = world.client("stepfunctions")
    runs = sfn.list_map_runs(executionArn=ended.arn)["mapRuns"]
    units = [unit for run in runs for unit in sfn.list_executions(mapRunArn=run["mapRunArn"])["executions"]]
    return [history_of(world, unit["executionArn"]) for unit in units]


def history_of(world: World, arn: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = world.client("stepfunctions").get_execution_history(executionArn=arn)["events"]
    return events


def failures_in(history: list[dict[str, Any]]) -> list[str]:
    """The errors of the invocations of the steps."""
    failures = (event.get("taskFailedEventDetails", event.get("taskTimedOutEventDetails")) for event in history)
    return [details["error"] for details in failures if details]


def failures_of_units(world: World, ended: ExecutionResult) -> list[str]:
    return [failure for history in units_of(world, ended) for failure in failures_in(history)]


# Endings


def test_a_work_unit_that_fails_ends_the_promotion_with_its_own_error(world: World) -> None:
    """Not with States.ExceedToleratedFailureThreshold, which the Map would end with."""
    world.s3_faults.inject("UploadPartCopy", code="AccessDenied", message="Access Denied", bucket=BUCKET, times=None)
    ended = promote(world, QA, large(world, QA))

    require_failed(
        ended,
        "AccessDenied",
        "role/promote-dev-copier is not permitted to call s3:UploadPartCopy",
        "kms:Decrypt on the target",
    )
    assert f"s3://{BUCKET}/incoming/dev/text-classifier/qa/" in ended.cause
    states = world.states(ended.arn)
    aborted = states.index("Abort the uploads")
    assert states[aborted + 1 : aborted + 3] == ["Explain the failure", "Record the promotion"]
    assert states[-1] == "Promotion failed"


def test_of_several_failed_objects_one_gives_the_reason_and_all_uploads_are_aborted(world: World) -> None:
    world.s3_faults.inject("UploadPartCopy", code="NoSuchKey", message="It is gone.", bucket=BUCKET, times=None)
    world.s3_faults.inject("CopyObject", code="NoSuchKey", message="It is gone.", bucket=BUCKET, times=None)
    require_failed(
        promote(world, QA, large(world, QA)), "ArtifactNotFound", "was deleted after the promotion resolved it"
    )


def test_parts_that_do_not_make_the_object_end_the_promotion_before_it_exists(world: World) -> None:
    world.s3_faults.inject("CompleteMultipartUpload", code="InvalidPart", message="One part is wrong.", times=None)
    ended = promote(world, QA, large(world, QA))

    require_failed(ended, "ArtifactMismatch", "The parts of", "One part is wrong.", "Nothing was deployed")
    (key,) = {key for key in ended.cause.split() if key.startswith(f"s3://{BUCKET}/")}
    assert key.partition(f"{BUCKET}/")[2] not in world.artifacts_in("qa")


def test_a_plan_that_fails_after_it_opened_uploads_leaves_none(world: World) -> None:
    name = f"planless-{uuid4().hex[:8]}"
    world.s3_faults.inject(
        "PutObject",
        code="AccessDenied",
        message="Access Denied",
        prefix=f"{resource_names.work_lists_prefix(name)}{work_lists.WORK_UNITS}",
    )
    ended = world.wait(start(world, QA, large(world, QA), name=name))
    require_failed(
        ended,
        "AccessDenied",
        "The role promote-plan-copy in the hub is not permitted to call s3:PutObject",
        work_lists.WORK_UNITS,
    )


def test_a_missing_work_unit_list_is_reported_in_a_sentence(world: World) -> None:
    """Somebody deletes it between the plan and the copy: its answer comes late, so there is time to."""
    name = f"listless-{uuid4().hex[:8]}"
    key = f"{resource_names.work_lists_prefix(name)}{work_lists.MANIFEST}"
    world.s3_faults.inject("PutObject", kind=Kind.HANG_AFTER, seconds=1.5, prefix=key)
    arn = start(world, QA, large(world, QA), name=name)
    world.wait_for_state(arn, "Plan the copy")
    s3, bucket = world.client("s3"), resource_names.hub_bucket(world.sandbox.accounts["hub"], "us-east-1")
    while key not in [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])]:
        pass
    s3.delete_object(Bucket=bucket, Key=key)

    require_failed(world.wait(arn), "States.ItemReaderFailed", "could not read the list of what is to be copied")


# Bad days


def test_a_promotion_survives_a_slow_down_response_to_every_request(world: World) -> None:
    subject = large(world, QA)
    for operation in OF_THE_COPY:
        world.s3_faults.inject(operation, code="SlowDown", message="Please reduce your request rate.", times=3)
    survived(world, promote(world, QA, subject))


@pytest.mark.parametrize("code", ["InternalError", "SlowDown"])
def test_a_promotion_survives_an_error_in_a_response_with_status_200(world: World, code: str) -> None:
    """S3 answers a long copy before it is done (API: CopyObject, CompleteMultipartUpload)."""
    for operation in MAKE_SOMETHING:
        world.s3_faults.inject(operation, code=code, status=200, times=2)
    ended = promote(world, QA, large(world, QA))

    survived(world, ended)
    assert (ended.output["artifacts_copied"], ended.output["artifacts_verified_by_checksum"]) == (2, 2)


def test_an_upload_that_can_no_longer_be_completed_is_made_anew(world: World) -> None:
    """The object was deleted while it was open (recordings: CompleteMultipartUpload)."""
    error = store.recording("s3/CompleteMultipartUpload/conflict-after-delete-during-upload").error
    world.s3_faults.inject("CompleteMultipartUpload", code=error["code"], message=error["message"])
    ended = promote(world, QA, large(world, QA))

    survived(world, ended)
    assert (ended.output["artifacts_copied"], ended.output["artifacts_verified_by_checksum"]) == (2, 2)


@pytest.mark.parametrize("kind", [Kind.ERROR_AFTER, Kind.DISCONNECT, Kind.DISCONNECT_AFTER])
def test_an_answer_that_was_lost_is_survived(world: World, kind: Kind) -> None:
    for operation in MAKE_SOMETHING:
        world.s3_faults.inject(operation, kind=kind)
    survived(world, promote(world, QA, large(world, QA)))


def test_a_session_that_has_ended_is_opened_anew(world: World) -> None:
    for operation in ("UploadPartCopy", "CompleteMultipartUpload"):
        world.s3_faults.inject(operation, code="ExpiredToken", message="The provided token has expired.")
    ended = promote(world, QA, large(world, QA))

    survived(world, ended)
    assert failures_of_units(world, ended) == ["SessionExpired"]
    assert failures_in(history_of(world, ended.arn)) == ["SessionExpired"]


def test_a_work_unit_whose_lambda_is_killed_is_run_again_and_goes_on_with_the_parts_that_exist(world: World) -> None:
    world.s3_faults.inject("UploadPartCopy", kind=Kind.HANG, seconds=8.0, times=1)
    with world.time_limit(Step.COPY_UNIT, seconds=3):
        ended = promote(world, QA, large(world, QA))

    assert ended.status == "SUCCEEDED", f"{ended.error}: {ended.cause}"
    assert failures_of_units(world, ended) == ["Sandbox.Timedout"]
    # The second run copied less than everything: some parts were there.
    assert 0 < ended.output["bytes_copied"] < input_of(world, ended.arn, "Plan the copy").artifacts.bytes


def test_a_work_unit_whose_lambda_is_killed_repeatedly_is_reported(world: World) -> None:
    world.s3_faults.inject("CopyObject", kind=Kind.HANG, seconds=2.0, times=None)
    with world.time_limit(Step.COPY_UNIT, seconds=1):
        ended = promote(world, QA, new_model(world, QA))

    require_failed(ended, "Sandbox.Timedout", "A step's Lambda was killed", "promoting again is safe")
