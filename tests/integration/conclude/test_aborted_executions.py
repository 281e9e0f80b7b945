"""A promotion that is stopped from outside: no state can catch that, so a rule cleans up, and the next one works."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from lambdas.promotion.contract.resource_names import function
from lambdas.promotion.contract.steps import Step
from sandbox.aws.faults.faults import Kind
from tests.integration.resource_policies import without_invoke_permission
from tests.integration.scenarios import (
    QA,
    Subject,
    clean_up_aborted,
    delete_large_copies,
    is_reconciled,
    large,
    new_model,
    promote,
    start,
    wait_for_cleanup,
)
from tests.integration.world import World

UNTIL_IT_SERVES = [
    "Resolve the model",
    "Plan the copy",
    "Copy the artifacts",
    "Complete the copy",
    "Verify the artifacts",
    "Create the model",
    "Deploy the endpoint",
    "Wait for the endpoint",
]


@pytest.fixture
def world(module_world: World) -> Iterator[World]:
    module_world.reset()
    module_world.abort_uploads("qa")
    yield module_world
    module_world.reset()
    delete_large_copies(module_world, QA)


def stop(world: World, arn: str) -> None:
    world.client("stepfunctions").stop_execution(executionArn=arn, error="Stopped", cause="Somebody had enough.")


def no_uploads(world: World, *, seconds: float = 10) -> bool:
    """Whether nothing is open, at last."""
    deadline = time.monotonic() + seconds
    while world.open_uploads("qa"):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_promotion_that_is_stopped_while_it_copies_parts_leaves_no_upload_and_no_object(world: World) -> None:
    world.s3_faults.inject("UploadPartCopy", kind=Kind.HANG, seconds=2.0, times=None)
    arn = start(world, QA, large(world, QA))
    world.wait_for_state(arn, "Copy the artifacts")
    (key,) = world.open_uploads("qa")
    stop(world, arn)

    assert no_uploads(world)
    time.sleep(2.5)  # what hung when it was stopped has ended
    assert world.open_uploads("qa") == []
    assert key not in world.artifacts_in("qa")
    ended = world.wait(arn)
    assert (ended.status, ended.error, ended.cause) == ("ABORTED", "Stopped", "Somebody had enough.")


def test_a_promotion_whose_abort_event_is_lost_is_cleaned_up_and_recorded_all_the_same(world: World) -> None:
    """EventBridge delivers the event best effort."""
    world.s3_faults.inject("UploadPartCopy", kind=Kind.HANG, seconds=2.0, times=None)
    arn = start(world, QA, large(world, QA))
    world.wait_for_state(arn, "Copy the artifacts")
    with without_invoke_permission(world, function(Step.CLEAN_UP_ABORTED)):
        stop(world, arn)
        assert world.wait(arn).status == "ABORTED"
        time.sleep(2.5)  # what hung when it was stopped has ended
    assert world.open_uploads("qa")
    assert [record for record in world.records() if record["execution"] == arn] == []

    assert is_reconciled(world, arn)
    wait_for_cleanup(world, arn)
    assert no_uploads(world)
    assert world.record_of(arn)["outcome"] == "Aborted"
    assert world.lock_of("qa").get("owner") != arn


def test_the_work_units_of_a_stopped_promotion_are_stopped_with_it(world: World) -> None:
    world.s3_faults.inject("UploadPartCopy", kind=Kind.HANG, seconds=2.0, times=None)
    arn = start(world, QA, large(world, QA))
    world.wait_for_state(arn, "Copy the artifacts")
    stop(world, arn)

    sfn = world.client("stepfunctions")
    (run,) = sfn.list_map_runs(executionArn=arn)["mapRuns"]
    counts = sfn.describe_map_run(mapRunArn=run["mapRunArn"])["executionCounts"]
    assert counts["running"] == 0
    assert counts["succeeded"] < counts["total"]  # what is copied by one request may have ended before
    assert no_uploads(world)


def test_a_promotion_that_is_stopped_before_it_opened_an_upload_leaves_nothing_to_clean_up(world: World) -> None:
    world.sagemaker_faults.inject("DescribeEndpoint", Kind.HANG, seconds=1.0)
    arn = start(world, QA, new_model(world, QA))
    world.wait_for_state(arn, "Compare the endpoint")
    stop(world, arn)
    ended = clean_up_aborted(world, QA, Subject("", execution=arn))

    assert (ended.status, ended.output.get("uploads")) == ("SUCCEEDED", 0), ended.cause


@pytest.mark.parametrize("state", UNTIL_IT_SERVES)
def test_after_a_promotion_was_stopped_at_any_moment_the_next_one_works(world: World, state: str) -> None:
    subject = large(world, QA)
    arn = start(world, QA, subject)
    world.wait_for_state(arn, state)
    stop(world, arn)
    ended = promote(world, QA, subject)

    assert ended.status == "SUCCEEDED", f"{ended.error}: {ended.cause}"
    assert no_uploads(world)


def test_stopping_a_single_work_unit_ends_the_promotion_and_aborts_its_uploads(world: World) -> None:
    world.s3_faults.inject("UploadPartCopy", kind=Kind.HANG, seconds=2.0, times=None)
    arn = start(world, QA, large(world, QA))
    world.wait_for_state(arn, "Copy the artifacts")
    sfn = world.client("stepfunctions")
    (run,) = sfn.list_map_runs(executionArn=arn)["mapRuns"]
    deadline = time.monotonic() + 5
    while not (units := sfn.list_executions(mapRunArn=run["mapRunArn"])["executions"]):
        assert time.monotonic() < deadline
    stop(world, units[0]["executionArn"])
    ended = world.wait(arn)

    assert (ended.status, ended.error) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert ended.cause.startswith("A unit of the copy was stopped from outside")
    assert no_uploads(world)


def test_what_another_promotion_of_the_model_opened_after_the_stop_is_left_to_it(world: World) -> None:
    """An event may come late, or again; and a person stops a promotion to start another."""
    # Of every call: one that an earlier promotion still makes must not be the only one that hangs.
    world.s3_faults.inject("UploadPartCopy", kind=Kind.HANG, seconds=4.0, times=None)
    subject = large(world, QA)
    arn = start(world, QA, subject)
    world.wait_for_state(arn, "Copy the artifacts")
    stop(world, arn)
    assert no_uploads(world)
    time.sleep(1)  # S3 tells the second in which an upload was opened
    promoted_before = start(world, QA, subject)
    world.wait_for_state(promoted_before, "Is there anything to copy?")  # its uploads are open
    late = clean_up_aborted(world, QA, Subject("", execution=arn))

    assert late.output["uploads"] == 0
    assert world.wait(promoted_before).status == "SUCCEEDED"
