"""The properties that every promotion has, in the order of their numbers, each shown where it would hurt most.

tests/structure/test_properties_coverage.py counts them. Each names the files with the details.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.promotion.contract.document import Outcome
from lambdas.promotion.contract.settings import Settings
from lambdas.promotion.contract.steps import Step
from sandbox.aws.faults.faults import Kind
from tests.integration import smoke_tests
from tests.integration.conclude.test_aborted_executions import no_uploads, stop
from tests.integration.copy.test_copy import copied_once, copy_first_unit
from tests.integration.deploy.test_endpoint_states import slow_to_start
from tests.integration.deploy.test_rollback import configured
from tests.integration.lock.test_locks import held, hold, start_slowly
from tests.integration.lock.test_locks import start as start_in_qa
from tests.integration.scenarios import QA, delete_large_copies, large, promote
from tests.integration.world import (
    APPLICATION,
    ExecutionResult,
    World,
    input_of,
    require_failed,
    run,
    tar,
    transfers_of,
)

# How often a state is retried (stacks/workflow/lambda_task.py).
ATTEMPTS_WHEN_THROTTLED = 7


def outcome(world: World, ended: ExecutionResult) -> str:
    return str(world.record_of(ended.arn)["outcome"])


def request_count(world: World, operation: str) -> int:
    """How often a call was made while the calls were recorded."""
    return [call.operation for call in world.step_faults.calls()].count(operation)


def test_the_same_start_twice_is_one_promotion_also_after_it_ended(world: World) -> None:
    """1. CI's retry has the same name. Details: test_triggers.py, test_successful_outcomes.py."""
    made = world.model()
    request = {"application": APPLICATION, "stage": "qa", "model_name": made.name}
    first = world.start(name=f"ci-{made.name}", **request)
    assert world.start(name=f"ci-{made.name}", **request) == first
    assert world.wait(first).output["outcome"] == "Promoted"

    with pytest.raises(ClientError) as refused:
        world.start(name=f"ci-{made.name}", **request)
    assert refused.value.response["Error"]["Code"] == "ExecutionAlreadyExists"
    assert outcome(world, world.wait(first)) == "Promoted"


def test_any_step_killed_before_or_after_its_effect_and_run_again_ends_in_the_same_state(world: World) -> None:
    """2. All of them in one promotion. Details, for each call: test_process_kills.py."""
    made = world.model()
    effects = ["CopyObject", "CreateModel", "CreateEndpointConfig", "CreateEndpoint", "PutItem"]
    for operation in effects:
        world.step_faults.inject(operation, Kind.KILL)
        world.step_faults.inject(operation, Kind.KILL_AFTER)
    ended = world.promote_successfully(made)

    assert world.step_faults.pending() == []
    assert len(world.step_faults.injected()) == 2 * len(effects)
    assert sorted(world.resources_in("qa")) == sorted([ended.model, ended.config, "text-classifier-qa"])
    assert outcome(world, ended) == "Promoted"
    assert world.invoke("qa")["model"] == made.name


def test_the_same_name_with_different_content_is_refused_and_never_taken_as_done(world: World) -> None:
    """3. Names come from content: a resource of ours with another content was changed by another principal.

    Details: tests/adapters/endpoint/test_model_client.py.
    """
    made = world.model()
    first = world.promote_successfully(made)
    sagemaker = world.client("sagemaker", "qa")
    model = sagemaker.describe_model(ModelName=first.model)
    sagemaker.delete_endpoint(EndpointName="text-classifier-qa")
    sagemaker.delete_model(ModelName=first.model)
    container = {**model["PrimaryContainer"], "Environment": {**model["PrimaryContainer"]["Environment"], "MOOD": "x"}}
    del container["ModelDataSource"]  # SageMaker fills it in beside ModelDataUrl, and CreateModel takes one of the two
    sagemaker.create_model(
        ModelName=first.model, PrimaryContainer=container, ExecutionRoleArn=model["ExecutionRoleArn"]
    )
    require_failed(world.promote(made), "NameTaken", "PrimaryContainer")


def test_after_any_outcome_the_target_is_new_or_previous_or_in_a_documented_intermediate_state(world: World) -> None:
    """4. The in-between is the status of docs/runbooks/RollbackFailed.md.

    Details: test_endpoint_states.py, test_rollback.py, test_aborted_executions.py.
    """
    first = world.promote_successfully(world.model())
    assert world.endpoint("qa")["EndpointConfigName"] == first.config

    world.sagemaker_faults.inject("UpdateEndpoint", Kind.SILENT_ROLLBACK, reason="It did not start.")
    require_failed(world.promote(world.model()), "DeploymentRolledBack", first.config)
    assert world.endpoint("qa")["EndpointConfigName"] == first.config

    world.sagemaker_faults.inject("UpdateEndpoint", Kind.ROLLBACK_FAILED, reason="Nor did the other.")
    world.step_faults.inject(
        "UpdateEndpoint", Kind.ERROR, step="roll_back_endpoint", code="ValidationException", message="No.", times=None
    )
    require_failed(world.promote(world.model()), "RollbackFailed", "Look at once")
    assert world.endpoint("qa")["EndpointStatus"] == "UpdateRollbackFailed"


def test_a_roll_back_goes_to_the_recorded_previous_configuration_and_can_be_killed_and_rerun(world: World) -> None:
    """5. It is over when that configuration is seen to serve. Details: test_rollback.py, test_process_kills.py."""
    good = world.model()
    first = world.promote_successfully(good)
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.FAIL, reason="Broken.")
    for operation in ("DeleteEndpoint", "CreateEndpoint"):
        world.step_faults.inject(operation, Kind.KILL_AFTER, step="roll_back_endpoint")
    ended = world.promote(world.model())

    require_failed(ended, "EndpointFailed", f"has its previous configuration {first.config}")
    assert world.step_faults.pending() == []
    assert outcome(world, ended) == "RolledBack"
    endpoint = world.endpoint("qa")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", first.config)
    assert world.invoke("qa")["model"] == good.name


def test_success_is_verified_by_configuration_counts_and_smoke_test(world: World, deployed_settings: Settings) -> None:
    """6. Details: test_smoke_test.py, test_endpoint_states.py; the counts: tests/unit/endpoint/test_state.py."""
    good = world.model()
    first = world.promote_successfully(good)
    world.sagemaker_faults.inject("UpdateEndpoint", Kind.SILENT_ROLLBACK, reason="It did not start.")
    require_failed(world.promote(world.model()), "DeploymentRolledBack", "It did not start.")

    dumb = world.container("dumb")
    dumb["Environment"]["SAGEMAKER_SUBMIT_DIRECTORY"] = world.upload("s.tar.gz", tar({"inference.py": WRONG_RESPONSE}))
    with smoke_tests.tested(world, deployed_settings, smoke_tests.TEXT):
        ended = world.promote(world.model(container=dumb))
        assert world.promote_successfully(world.model()).output["outcome"] == "Promoted"
    require_failed(ended, "SmokeTestFailed", first.config)
    assert outcome(world, ended) == "RolledBack"


# It answers, and every health check is content with it.
WRONG_RESPONSE = b"""
import json
def model_fn(model_dir):
    return None
def input_fn(body, content_type):
    return body
def predict_fn(data, model):
    return {"asked": "something else"}
def output_fn(prediction, accept):
    return json.dumps(prediction), "application/json"
"""


def test_one_promotion_per_endpoint_by_a_lock_that_a_crashed_owner_does_not_hold_for_ever(world: World) -> None:
    """7. Details: test_locks.py, test_concurrent_promotions.py."""
    first, second = world.model(), world.model()
    holder = start_slowly(world, first, seconds=2.0)
    owner = world.lock_of("qa")
    assert owner["owner"] == holder
    assert owner["lease_until"] > owner["locked_at"]
    other = start_in_qa(world, second)
    assert [world.wait(arn).status for arn in (holder, other)] == ["SUCCEEDED", "SUCCEEDED"]
    assert held(world, holder)[1] <= held(world, other)[0]

    hold(world, holder)  # as if it had ended without giving the lock back
    assert world.promote_successfully(world.model()).output["outcome"] == "Promoted"


def test_an_older_model_does_not_overtake_a_newer_one(world: World) -> None:
    """8. Details: test_locks.py."""
    older, newer = world.model(), world.model()
    serving = world.promote_successfully(newer)
    ended = world.promote(older)

    require_failed(ended, "OlderModel", serving.arn.rpartition(":")[2], "allow_older")
    assert world.invoke("qa")["model"] == newer.name
    assert world.promote_successfully(newer).output["outcome"] == "Unchanged"


def test_every_state_and_call_ends_in_time(world: World, deployed_settings: Settings) -> None:
    """9. A call that never gets an answer, and an endpoint that never gets there.

    That each task has a limit: tests/stacks/workflow/test_definition.py;
    each client: tests/adapters/aws/test_sessions.py.
    """
    made = world.model()
    world.step_faults.inject("CreateModel", Kind.TIMEOUT, step="create_model", times=None)
    require_failed(world.promote(made), "ServiceUnavailable", "could not be reached")
    world.step_faults.clear()

    with configured(world, deployed_settings, deadline_seconds=10):
        ended = world.promote(world.model(container=slow_to_start(world, seconds=17)))
    require_failed(ended, "DeploymentTimedOut", "was Creating", "deadline of stage 'qa'")


def test_throttling_is_retried_at_one_layer_and_not_multiplied(world: World) -> None:
    """10. AWS sees as many requests as the state has retries. Details: tests/adapters/aws/test_sessions.py."""
    made = world.model()
    world.step_faults.record()
    world.step_faults.inject("CreateModel", Kind.ERROR, step="create_model", times=None)
    require_failed(world.promote(made), "Throttled", "sagemaker:CreateModel", "start the promotion again later")

    assert request_count(world, "CreateModel") == ATTEMPTS_WHEN_THROTTLED


# What a step asks in the hub, as itself.
OF_THE_HUB = {"s3", "dynamodb", "stepfunctions"}


def test_roles_are_assumed_by_each_step_and_again_when_a_session_ends(world: World) -> None:
    """11. Before a session ends by itself it is renewed within a step: tests/adapters/aws/test_sessions.py."""
    made = world.model()
    world.step_faults.record()
    world.step_faults.inject("CopyObject", Kind.ERROR, step="copy_unit", code="ExpiredToken", message="It has expired.")
    world.promote_successfully(made)

    calls = [call for call in world.step_faults.calls() if call.step in set(Step)]
    first_of = {call.step: call for call in reversed(calls) if call.service not in OF_THE_HUB}
    assert {step for step, call in first_of.items() if call.operation != "AssumeRole"} == set()
    # The run of the step whose session had ended, and the next one.
    # In each it has two roles.
    assert [call.operation for call in calls if call.step == "copy_unit"].count("AssumeRole") == 2 * 2


def test_a_copy_is_resumed_and_leaves_no_upload_behind(world: World) -> None:
    """12. Details: test_failed_copies.py, test_multipart_copy.py."""
    world.step_faults.inject("UploadPartCopy", Kind.KILL_AFTER, step="copy_unit")
    world.step_faults.inject("CompleteMultipartUpload", Kind.KILL, step="complete_copy")
    world.step_faults.inject("CompleteMultipartUpload", Kind.KILL_AFTER, step="complete_copy")
    try:
        ended = promote(world, QA, large(world, QA))
    finally:
        delete_large_copies(world, QA)

    assert ended.status == "SUCCEEDED", ended.cause
    assert world.step_faults.pending() == []
    # What was there when the step ran again was not copied again.
    assert ended.output["bytes_copied"] < input_of(world, ended.arn, "Plan the copy").artifacts.bytes
    assert world.open_uploads("qa") == []


def test_a_source_that_changed_since_it_was_resolved_stops_the_copy(world: World) -> None:
    """13. Between two parts as well: test_multipart_copy.py. With versions: test_copy.py."""
    made = world.model()
    promotion = input_of(world, world.promote_successfully(made).arn, "Copy the only work unit")
    bucket, _, key = made.model_uri.removeprefix("s3://").partition("/")
    world.client("s3", "dev").put_object(Bucket=bucket, Key=key, Body=tar({"weights.json": b"{}"}))

    failure = copy_first_unit(world, promotion)
    assert failure["errorType"] == "ArtifactChanged"
    assert made.model_uri in failure["errorMessage"]


def test_a_copy_is_verified_by_size_count_and_full_checksum_and_never_by_its_etag(world: World) -> None:
    """14. Its ETag is another one when all is well. Sizes and counts: test_copy.py, test_many_objects.py."""
    promotion = copied_once(world)
    transfer = transfers_of(world, promotion)[0]
    assert world.head(promotion, transfer)["ETag"].strip('"') != transfer.artifact.source.etag.strip('"')

    swapped = b"x" * transfer.artifact.source.size
    world.client("s3", "qa").put_object(
        Bucket=promotion.target.artifact_bucket, Key=transfer.artifact.key, Body=swapped
    )
    failure = run(world, Step.VERIFY_ARTIFACTS, promotion)
    assert failure["errorType"] == "ArtifactMismatch"
    for expected in (transfer.artifact.key, "checksum"):
        assert expected in failure["errorMessage"]


def test_hostile_input_is_carried_whole_or_refused(world: World) -> None:
    """15. 1,001 objects and 256 KiB of state: test_many_objects.py. Names of files: test_refusals.py."""
    name = "m" * 63
    files = {"weights.json": json.dumps({"name": name}).encode(), "0 bytes": b"", "ünï cødé +%?*/\u6a21.bin": b"1"}
    made = world.model(name, container=of_prefix(world, files))
    ended = world.promote_successfully(made)
    assert world.invoke("qa")["model"] == name
    assert len(ended.model) <= 63
    assert {key.rpartition("/")[2] for key in world.artifacts_in("qa")} >= {"0 bytes", "\u6a21.bin"}

    climbing = world.model(container=of_prefix(world, {"weights.json": b"{}", "a/../b": b""}))
    require_failed(world.promote(climbing), "UnsupportedModel", "the name '..'")


def of_prefix(world: World, files: dict[str, bytes]) -> dict[str, Any]:
    source = {"S3Uri": world.upload_tree(files), "S3DataType": "S3Prefix", "CompressionType": "None"}
    return world.container(ModelDataUrl=None, ModelDataSource={"S3DataSource": source})


@pytest.mark.parametrize(
    ("code", "error", "expected"),
    [
        ("ValidationException", "CallRefused", "SageMaker refused to create the endpoint configuration"),
        ("AccessDeniedException", "AccessDenied", "Grant the permission"),
    ],
)
def test_a_permanent_error_fails_at_once_with_a_sentence(world: World, code: str, error: str, expected: str) -> None:
    """16. Only transient errors are retried.

    Details: permissions/test_role_permissions.py, tests/unit/contract/test_errors.py.
    """
    made = world.model()
    world.step_faults.record()
    world.step_faults.inject(
        "CreateEndpointConfig", Kind.ERROR, step="create_endpoint_config", code=code, message="No."
    )
    require_failed(world.promote(made), error, expected, "No.")

    assert request_count(world, "CreateEndpointConfig") == 1


def test_every_promotion_has_one_record_also_a_refusal_and_a_failure(world: World) -> None:
    """17. Details: test_records.py."""
    made = world.model()
    refused = world.wait(world.start(application=APPLICATION, stage="qa", model_name="no-such-model"))
    world.step_faults.inject("CreateModel", Kind.ERROR, step="create_model", code="ValidationException")
    broken, good, promoted_before = (world.promote(made) for _ in range(3))

    attempts = (refused, broken, good, promoted_before)
    assert [outcome(world, ended) for ended in attempts] == [
        Outcome.REFUSED,
        Outcome.ERRORED,
        Outcome.PROMOTED,
        Outcome.UNCHANGED,
    ]
    for ended in (refused, broken):
        record = world.record_of(ended.arn)
        assert (record["error"], record["cause"]) == (ended.error, ended.cause)


def test_after_a_stop_at_any_moment_the_next_promotion_works(world: World) -> None:
    """18. While parts of an object are copied, and while the endpoint changes.

    Other moments: conclude/test_aborted_executions.py.
    """
    subject = large(world, QA)
    world.s3_faults.inject("UploadPartCopy", kind=Kind.HANG, seconds=1.0, times=None)
    try:
        for state in ("Copy the artifacts", "Wait for the endpoint"):
            arn = start_in_qa_by_name(world, subject.model)
            world.wait_for_state(arn, state)
            world.s3_faults.clear()
            stop(world, arn)
        ended = promote(world, QA, subject)
        assert ended.status == "SUCCEEDED", ended.cause
        assert no_uploads(world)
    finally:
        delete_large_copies(world, QA)


def start_in_qa_by_name(world: World, model: str) -> str:
    return world.start(application=APPLICATION, stage="qa", model_name=model)
