"""The state that announces: it never decides how a promotion ends, and may publish on one topic only."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_kms as kms
from aws_cdk import aws_stepfunctions as sfn

from lambdas.promotion.contract import resource_names
from stacks.baseline.topic import topic
from stacks.workflow.announce import allow_announcement, announce_outcome

TOPIC = "arn:aws:sns:us-east-1:111111111111:promote-outcomes"
Template = dict[str, Any]


def of_kind(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    return {key: resource["Properties"] for key, resource in template["Resources"].items() if resource["Type"] == kind}


@pytest.fixture(scope="module")
def announcing() -> Template:
    """A state machine that announces, and does nothing else."""
    stack = cdk.Stack(cdk.App(), "announcing", env=cdk.Environment(account="111111111111", region="us-east-1"))
    key = kms.Key(stack, "Key")
    outcomes = topic(stack, resource_names.TOPIC, subscribers=[], alarms_of=["111111111111"], key=key)
    ended = sfn.Succeed.jsonata(stack, "Ended")
    machine = sfn.StateMachine(
        stack,
        "Machine",
        query_language=sfn.QueryLanguage.JSONATA,
        definition_body=sfn.DefinitionBody.from_chainable(announce_outcome(stack, outcomes, ended)),
    )
    allow_announcement(machine.role, key)
    return dict(assertions.Template.from_stack(stack).to_json())


def test_an_announcement_that_fails_goes_on_to_the_same_end(announcing: Template) -> None:
    (machine,) = of_kind(announcing, "AWS::StepFunctions::StateMachine").values()
    parts = machine["DefinitionString"]["Fn::Join"][1]
    text = "".join(
        part if isinstance(part, str) else "aws" if part.get("Ref") == "AWS::Partition" else TOPIC for part in parts
    )
    state = json.loads(text)["States"]["Announce the outcome"]
    assert state["Resource"] == "arn:aws:states:::sns:publish"
    assert state["Next"] == "Ended"
    assert [(catcher["ErrorEquals"], catcher["Next"]) for catcher in state["Catch"]] == [(["States.ALL"], "Ended")]
    assert state["Output"] == "{% $states.input %}"
    assert state["TimeoutSeconds"] == 20
    assert state["Arguments"]["MessageAttributes"] == {
        name: {"DataType": "String", "StringValue": f"{{% $states.input.announcement.attributes.{name} %}}"}
        for name in ("outcome", "application", "stage", "error")
    }


def test_the_announcing_role_may_publish_on_one_topic_and_use_its_key_through_sns_only(announcing: Template) -> None:
    (policy,) = of_kind(announcing, "AWS::IAM::Policy").values()
    publish, key = policy["PolicyDocument"]["Statement"]
    ((own, _),) = of_kind(announcing, "AWS::SNS::Topic").items()
    assert (publish["Action"], publish["Resource"]) == ("sns:Publish", {"Ref": own})
    assert key["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert key["Condition"] == {"StringEquals": {"kms:ViaService": "sns.us-east-1.amazonaws.com"}}
