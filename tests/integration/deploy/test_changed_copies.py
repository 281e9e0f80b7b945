"""Whatever changes where models are read, it is not put to work: not by a rollback, and it is not Unchanged."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sandbox.aws.faults.faults import Kind
from tests.integration.deploy.test_rollback import ROLL_BACK_ENDPOINT, outcome
from tests.integration.scenarios import audit_artifacts
from tests.integration.world import ExecutionResult, World, input_of, require_failed

SCRIPT = "code/inference.py"
CODE = b"raise SystemExit('not this model')"


def folder_of(world: World, promoted: ExecutionResult) -> str:
    """Where the target reads a model that was promoted."""
    request = input_of(world, promoted.arn, "Deploy the endpoint").desired_model.request
    return str(request["PrimaryContainer"]["ModelDataUrl"]).rpartition("/")[0]


def put(world: World, uri: str, body: bytes) -> None:
    """Do what an administrator of the target can do."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    world.client("s3", "qa").put_object(Bucket=bucket, Key=key, Body=body)


def add_code(world: World, promoted: ExecutionResult) -> None:
    put(world, f"{folder_of(world, promoted)}/{SCRIPT}", CODE)


def replace_archive(world: World, promoted: ExecutionResult) -> None:
    """Put other bytes of the same size in its place."""
    bucket, _, key = f"{folder_of(world, promoted)}/model.tar.gz".removeprefix("s3://").partition("/")
    size = world.client("s3", "qa").head_object(Bucket=bucket, Key=key)["ContentLength"]
    put(world, f"s3://{bucket}/{key}", b"x" * size)


def delete_archive(world: World, promoted: ExecutionResult) -> None:
    bucket, _, key = f"{folder_of(world, promoted)}/model.tar.gz".removeprefix("s3://").partition("/")
    world.client("s3", "qa").delete_object(Bucket=bucket, Key=key)


CHANGES: dict[str, Callable[[World, ExecutionResult], None]] = {
    "added": add_code,
    "replaced": replace_archive,
    "deleted": delete_archive,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_rollback_onto_changed_copies_is_refused_before_the_endpoint_is_touched(world: World, change: str) -> None:
    first = world.promote_successfully(world.model())
    second = world.promote_successfully(world.model())
    CHANGES[change](world, first)
    modified = world.endpoint("qa")["LastModifiedTime"]
    ended = world.wait(world.start_with(ROLL_BACK_ENDPOINT))

    require_failed(ended, "ArtifactMismatch", folder_of(world, first), "after they were verified")
    assert outcome(world, ended) == "Errored"
    assert world.endpoint("qa")["LastModifiedTime"] == modified
    assert world.endpoint("qa")["EndpointConfigName"] == second.config


def test_a_copy_that_was_replaced_by_one_of_its_size_is_not_unchanged(world: World) -> None:
    model = world.model()
    first = world.promote_successfully(model)
    replace_archive(world, first)
    again = world.promote(model)

    require_failed(again, "ArtifactMismatch", "model.tar.gz is its version", "the verified one is")
    assert world.endpoint("qa")["EndpointConfigName"] == first.config


def test_a_failure_does_not_roll_back_onto_changed_copies(world: World) -> None:
    first = world.promote_successfully(world.model())
    add_code(world, first)
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.ROLLBACK_FAILED, reason="No capacity to go back.")
    ended = world.promote(world.model())

    require_failed(ended, "RollbackFailed", f"was not rolled back to {first.config}", SCRIPT)
    assert world.endpoint("qa")["EndpointStatus"] == "UpdateRollbackFailed"


def test_what_was_deleted_is_copied_again_and_can_be_rolled_back_to(world: World) -> None:
    model = world.model()
    first = world.promote_successfully(model)
    delete_archive(world, first)
    again = world.promote_successfully(model)
    second = world.promote_successfully(world.model())
    back = world.wait(world.start_with(ROLL_BACK_ENDPOINT))

    assert (again.output["outcome"], again.output["artifacts_copied"]) == ("Promoted", 1)
    assert (back.output["outcome"], back.config) == ("Promoted", first.config)
    assert second.config != first.config


def test_the_audit_counts_what_changed_since_it_was_verified(world: World) -> None:
    first = world.promote_successfully(world.model())
    before = audit_artifacts(world)
    add_code(world, first)
    after = audit_artifacts(world)
    bucket, _, key = f"{folder_of(world, first)}/{SCRIPT}".removeprefix("s3://").partition("/")
    world.client("s3", "qa").delete_object(Bucket=bucket, Key=key)
    deleted = audit_artifacts(world)

    assert before["lists"] > 0
    assert after == {**before, "changed": before["changed"] + 1}
    assert deleted == before
