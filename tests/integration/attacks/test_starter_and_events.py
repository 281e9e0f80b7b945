"""Who may start executions names a model and a stage, and nothing else; and an event starts, skips or hides nothing.

What of the input is refused by its form is in test_refusals.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lambdas.promotion.contract.resource_names import ENDPOINTS_TABLE, RECORDS_TABLE, function
from lambdas.promotion.contract.steps import Step
from sandbox.aws.faults.faults import Kind
from tests.integration.attacks.attackers import Attack, Attacker, principal, require_denied
from tests.integration.resolve.test_triggers import approve, started_by
from tests.integration.scenarios import QA as QA_PAIR
from tests.integration.scenarios import Subject, clean_up_aborted
from tests.integration.world import APPLICATION, World

QA = {"application": APPLICATION, "stage": "qa"}
MACHINE = "arn:aws:states:us-east-1:111111111111:stateMachine:promote"
ROLE = "arn:aws:iam::111111111111:role/promote-deploy"
LOCK = {"endpoint": {"S": f"333333333333/us-east-1/{APPLICATION}-qa"}}
MAY_START = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "states:StartExecution", "Resource": MACHINE},
            {
                "Effect": "Allow",
                "Action": "states:DescribeExecution",
                "Resource": MACHINE.replace("stateMachine", "execution") + ":*",
            },
        ],
    }
)
ATTACKS: dict[str, Attack] = {
    "replace the workflow": lambda a: a.client("stepfunctions").update_state_machine(
        stateMachineArn=MACHINE, definition="{}"
    ),
    "stop another's promotion": lambda a: a.client("stepfunctions").stop_execution(
        executionArn=f"{MACHINE.replace('stateMachine', 'execution')}:any"
    ),
    "run a step with a document of its own": lambda a: a.client("lambda").invoke(
        FunctionName=function(Step.DEPLOY_ENDPOINT), Payload=b"{}"
    ),
    "release a lock": lambda a: a.client("dynamodb").update_item(
        TableName=ENDPOINTS_TABLE, Key=LOCK, UpdateExpression="REMOVE last_known_good"
    ),
    "write a record": lambda a: a.client("dynamodb").put_item(TableName=RECORDS_TABLE, Item=LOCK),
    "become a step": lambda a: a.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="attack"),
    "become a target's role": lambda a: a.client("sts").assume_role(
        RoleArn=a.role_arn("qa", "promote-qa-deployer"), RoleSessionName="attack"
    ),
    "give a function another configuration": lambda a: a.client("lambda").update_function_code(
        FunctionName=function(Step.RESOLVE_MODEL), ZipFile=b"x"
    ),
}


@pytest.fixture(scope="module")
def starter(module_world: World) -> Iterator[Attacker]:
    with principal(module_world, "hub", MAY_START) as attacker:
        yield attacker


@pytest.mark.parametrize("attack", ATTACKS)
def test_who_may_start_a_promotion_cannot(starter: Attacker, attack: str) -> None:
    require_denied(ATTACKS[attack], starter)


INPUTS: dict[str, dict[str, Any]] = {
    "another account": {**QA, "model_name": "m", "account": "444444444444"},
    "another target": {**QA, "model_name": "m", "target": {"name": "production", "account": "444444444444"}},
    "a role": {**QA, "model_name": "m", "execution_role_arn": ROLE},
    "settings of the stage": {**QA, "model_name": "m", "stage_settings": {"endpoint": "another-teams"}},
    "a part of the document": {**QA, "model_name": "m", "promotion": {"stage": {"endpoint": "another-teams"}}},
    "an expression as a stage": {
        "application": APPLICATION,
        "stage": "{% $states.context.Execution.Id %}",
        "model_name": "m",
    },
    "an expression as a model": {**QA, "model_name": "{% $states.input %}"},
    "a stage of another application by a path": {
        "application": APPLICATION,
        "stage": "../crowd-1/qa",
        "model_name": "m",
    },
    "an application by its prototype": {"application": "__class__", "stage": "qa", "model_name": "m"},
    "a version of another account": {
        **QA,
        "model_package_arn": f"arn:aws:sagemaker:us-east-1:999999999999:model-package/{APPLICATION}/1",
    },
    "a rollback to a model of one's choice": {**QA, "roll_back": True, "model_name": "m"},
    "a truth that is text": {**QA, "model_name": "m", "allow_older": "false"},
}


@pytest.mark.parametrize("attack", INPUTS)
def test_an_input_cannot_bring(world: World, attack: str) -> None:
    made, artifacts = world.resources_in("qa"), world.artifacts_in("qa")
    ended = world.wait(world.start_with(INPUTS[attack]))

    assert ended.error in {
        "InvalidInput",
        "UnknownStage",
        "UnknownApplication",
        "WrongModelPackageGroup",
        "WrongSource",
    }
    assert not {"Lock the endpoint", "Plan the copy", "Deploy the endpoint"} & set(world.states(ended.arn))
    assert (world.resources_in("qa"), world.artifacts_in("qa")) == (made, artifacts)


# Events


def test_an_approval_that_arrives_late_does_not_take_an_endpoint_back(world: World) -> None:
    older, newer = world.version(), world.version()
    before = world.executions()
    approve(world, newer)
    started_by(world, before)
    before = world.executions()
    approve(world, older)
    (late,) = started_by(world, before)

    assert late.error == "OlderModel"


def test_an_event_that_is_forged_for_a_running_promotion_ends_nothing(world: World) -> None:
    world.sagemaker_faults.inject("DescribeEndpoint", Kind.HANG, seconds=1.0)
    arn = world.start(application=APPLICATION, stage="qa", model_name=world.model().name)
    world.wait_for_state(arn, "Compare the endpoint")
    refused = clean_up_aborted(world, QA_PAIR, Subject("", execution=arn))
    locked_by = world.lock_of("qa").get("owner")
    ended = world.wait(arn)

    assert (refused.error, locked_by) == ("NotYetVisible", arn)
    assert ended.output["outcome"] == "Promoted"
    assert [record["outcome"] for record in world.records() if record["execution"] == arn] == ["Promoted"]


def test_an_event_that_is_forged_for_a_promotion_that_succeeded_records_nothing(world: World) -> None:
    promoted = world.promote_successfully(world.model())
    done = clean_up_aborted(world, QA_PAIR, Subject("", execution=promoted.arn))

    assert (done.status, done.output) == ("SUCCEEDED", {})
    assert [record["outcome"] for record in world.records() if record["execution"] == promoted.arn] == ["Promoted"]
