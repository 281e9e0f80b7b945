"""Executions that no state of theirs could end are cleaned up, whatever becomes of their events."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.promotion.contract.resource_names import hub_stack
from recordings import store

Template = dict[str, Any]


def rules(templates: dict[str, Template]) -> dict[str, dict[str, Any]]:
    return {
        rule["Properties"]["Name"]: rule["Properties"]
        for rule in templates[hub_stack()]["Resources"].values()
        if rule["Type"] == "AWS::Events::Rule"
    }


def test_every_unsuccessful_execution_is_passed_to_the_cleanup_function(templates: dict[str, Template]) -> None:
    """Which of them no state could conclude is not in the event: the guide names no member for the error."""
    details = {name: rule["EventPattern"]["detail"] for name, rule in rules(templates).items() if "status" in str(rule)}
    for detail in details.values():
        assert detail.pop("stateMachineArn") == ["arn:aws:states:us-east-1:111111111111:stateMachine:promote"]
    assert details == {"promote-aborted": {"status": ["ABORTED", "FAILED", "TIMED_OUT"]}}
    (target,) = rules(templates)["promote-aborted"]["Targets"]
    assert "cleanupaborted" in str(target["Arn"])
    assert "DeadLetterConfig" in target


@pytest.mark.parametrize(
    "event",
    [
        "events/ExecutionStatusChange/aborted-in-the-guide",
        "events/ExecutionStatusChange/failed-in-the-guide",
        "events/ExecutionStatusChange/timed-out-in-the-guide",
    ],
)
def test_the_rule_matches_the_documented_events(templates: dict[str, Template], event: str) -> None:
    pattern = rules(templates)["promote-aborted"]["EventPattern"]
    sent = store.event(event)
    assert sent["source"] in pattern["source"]
    assert sent["detail-type"] in pattern["detail-type"]
    assert sent["detail"].keys() >= pattern["detail"].keys()
    assert sent["detail"]["status"] in pattern["detail"]["status"]


def test_a_job_that_may_only_look_and_start_the_cleanup_finds_what_an_event_missed(
    templates: dict[str, Template],
) -> None:
    assert rules(templates)["promote-reconcile-executions"]["ScheduleExpression"] == "rate(5 minutes)"
    policies = [
        resource["Properties"]
        for resource in templates[hub_stack()]["Resources"].values()
        if resource["Type"] == "AWS::IAM::Policy" and "reconcileexecutions" in str(resource["Properties"]["Roles"])
    ]
    statements = [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]
    assert {statement["Sid"]: statement["Action"] for statement in statements if "Sid" in statement} == {
        "ListExecutions": "states:ListExecutions",
        "ReadExecutions": "states:DescribeExecution",
        "ReadLocks": "dynamodb:Scan",
        "ReadLocksKey": ["kms:Decrypt", "kms:DescribeKey"],
        "ReadMarks": "s3:ListBucket",
        "StartCleanup": "lambda:InvokeFunction",
    }
