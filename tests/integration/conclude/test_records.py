"""Each attempt has one record, whatever became of it."""

from __future__ import annotations

import json
import time

import pytest
from botocore.exceptions import ClientError

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.resource_names import step_role_arn
from lambdas.promotion.contract.steps import Step
from sandbox.aws.faults.faults import Kind
from tests.integration.role_policies import role_matching, without_permission
from tests.integration.scenarios import wait_for_cleanup
from tests.integration.world import APPLICATION, World


def test_a_promotion_is_recorded_with_what_it_did_and_verified(world: World) -> None:
    first = world.promote_successfully(world.model())
    made = world.model()
    ended = world.wait(world.start(application=APPLICATION, stage="qa", model_name=made.name, requested_by="ci run 7"))
    record = world.record_of(ended.arn)

    assert (record["outcome"], record["requested_by"], record["fence"]) == ("Promoted", "ci run 7", 2)
    assert record["source_model"].endswith(f":model/{made.name}")
    assert record["endpoint_config"] == ended.output["endpoint_config"]
    assert record["previous_endpoint_config"] == first.config
    assert {checksum["source"] for checksum in record["artifact_checksums"]} == {made.model_uri, made.source_uri}
    assert all(checksum["checksum"].partition(":")[2] for checksum in record["artifact_checksums"])
    assert record["images"][0].rpartition("@")[2].startswith("sha256:")


def test_an_unchanged_promotion_is_recorded_as_well(world: World) -> None:
    made = world.model()
    world.promote_successfully(made)
    assert world.record_of(world.promote_successfully(made).arn)["outcome"] == "Unchanged"


def test_an_invalid_input_is_recorded(world: World) -> None:
    ended = world.wait(world.start_with(["what", "is", "this"]))
    items = world.client("dynamodb").query(
        TableName=resource_names.RECORDS_TABLE,
        KeyConditionExpression="stage = :stage",
        ExpressionAttributeValues={":stage": {"S": "?/?"}},
    )["Items"]

    assert [item["error"]["S"] for item in items if item["execution"]["S"] == ended.arn] == ["InvalidInput"]


def test_a_promotion_that_was_stopped_is_recorded_with_the_state_it_was_in(world: World) -> None:
    world.sagemaker_faults.inject("CreateModel", Kind.HANG, account="333333333333", seconds=3.0)
    made = world.model()
    arn = world.start(application=APPLICATION, stage="qa", model_name=made.name)
    world.wait_for_state(arn, "Create the model")
    world.client("stepfunctions").stop_execution(executionArn=arn, error="Stopped", cause="Somebody had enough.")
    deadline = time.monotonic() + 20
    while not [record for record in world.records() if record["execution"] == arn]:
        assert time.monotonic() < deadline
    record = world.record_of(arn)

    assert (record["outcome"], record["stopped_in"]) == ("Aborted", "Create the model")
    assert "Somebody had enough." in record["cause"]
    assert record["source_model"].endswith(f":model/{made.name}")
    while "owner" in world.lock_of("qa"):
        assert time.monotonic() < deadline


def test_a_promotion_without_a_record_is_not_last_known_good_and_the_next_one_fixes_it(world: World) -> None:
    made = world.model()
    with without_permission(world, "hub", "promote-record-promotion", "AddRecords"):
        ended = world.promote(made)
    assert (ended.status, ended.error) == ("FAILED", "RecordNotWritten"), ended.cause
    assert "Promoted" in ended.cause
    assert world.invoke("qa")["model"] == made.name
    assert "owner" not in world.lock_of("qa")
    wait_for_cleanup(world, ended.arn)
    assert world.record_of(ended.arn)["error"] == "RecordNotWritten"

    promoted_before = world.promote_successfully(made)
    assert world.record_of(promoted_before.arn)["outcome"] == "Promoted"
    assert world.promote_successfully(made).output["outcome"] == "Unchanged"


def test_a_last_known_good_that_cannot_be_recorded_is_announced_as_what_the_promotion_fails_with(world: World) -> None:
    made = world.model()
    arn = world.start(application=APPLICATION, stage="qa", model_name=made.name)
    world.wait_for_state(arn, "Wait for the endpoint")
    state_machine = role_matching(world, "hub", "promote-hub-StateMachineRole*")
    with without_permission(world, "hub", state_machine, "", "dynamodb:UpdateItem"):
        ended = world.wait(arn)
    pages = world.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
    entered = [event.get("stateEnteredEventDetails", {}) for page in pages for event in page["events"]]
    (announced,) = [json.loads(state["input"]) for state in entered if state.get("name") == "Announce the outcome"]

    assert (ended.status, ended.error) == ("FAILED", "RecordNotWritten"), ended.cause
    assert "The promotion ended Promoted, and it could not be noted" in ended.cause
    assert announced["announcement"]["attributes"]["error"] == "RecordNotWritten"
    assert f"by the configuration {world.endpoint('qa')['EndpointConfigName']}" in announced["announcement"]["message"]
    assert world.promote_successfully(made).output["outcome"] in {"Promoted", "Unchanged"}


@pytest.mark.parametrize("step", [Step.RECORD_PROMOTION, Step.CLEAN_UP_ABORTED])
def test_no_writer_of_records_can_change_or_delete_one(world: World, step: Step) -> None:
    ended = world.promote_successfully(world.model())
    record = world.record_of(ended.arn)
    key = {"stage": {"S": record["stage"]}, "record_key": {"S": record["record_key"]}}
    credentials = world.sandbox.assume(step_role_arn(world.sandbox.accounts["hub"], step))
    dynamodb = world.sandbox.client("dynamodb", credentials=credentials)
    with pytest.raises(ClientError, match="AccessDenied"):
        dynamodb.delete_item(TableName=resource_names.RECORDS_TABLE, Key=key)
    with pytest.raises(ClientError, match="AccessDenied"):
        dynamodb.update_item(TableName=resource_names.RECORDS_TABLE, Key=key, UpdateExpression="REMOVE outcome")
