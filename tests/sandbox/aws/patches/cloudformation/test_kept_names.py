"""What CloudFormation does not create over, and does not delete: names that exist, and protected tables."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.aws.control import Sandbox
from tests.sandbox.aws.builders import DEV, eventually, trust

TRUST = json.loads(trust({"AWS": f"arn:aws:iam::{DEV}:root"}))


def table(name: str, **more: Any) -> dict[str, Any]:
    keys = {
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    }
    return {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {"TableName": name, "BillingMode": "PAY_PER_REQUEST"} | keys | more,
    }


def named(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def create(sandbox: Sandbox, stack: str, resources: dict[str, Any]) -> tuple[str, list[str]]:
    """Create a stack. Returns its final status and the reasons of what failed."""
    stacks = sandbox.client("cloudformation", DEV)
    stacks.create_stack(
        StackName=stack, TemplateBody=json.dumps({"Resources": resources}), Capabilities=["CAPABILITY_NAMED_IAM"]
    )

    def settled() -> Any:
        status = stacks.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        return None if status.endswith("IN_PROGRESS") else status

    status = eventually(settled)
    events = stacks.describe_stack_events(StackName=stack)["StackEvents"]
    return status, [event["ResourceStatusReason"] for event in events if event["ResourceStatus"].endswith("_FAILED")]


@pytest.mark.parametrize(
    ("kind", "properties", "named_by"),
    [
        ("AWS::DynamoDB::Table", table("t")["Properties"], "TableName"),
        ("AWS::IAM::Role", {"AssumeRolePolicyDocument": TRUST}, "RoleName"),
        ("AWS::Logs::LogGroup", {}, "LogGroupName"),
        ("AWS::SNS::Topic", {}, "TopicName"),
    ],
)
def test_a_name_that_exists_is_not_taken(
    patched: Sandbox, name: str, kind: str, properties: dict[str, Any], named_by: str
) -> None:
    resource = {"R": named(kind, **{**properties, named_by: name})}
    assert create(patched, name, resource) == ("CREATE_COMPLETE", [])
    status, reasons = create(patched, f"{name}-again", resource)
    assert (status, reasons) == (
        "ROLLBACK_COMPLETE",
        [f"Resource of type '{kind}' with identifier '{name}' already exists."],
    )
    (first,) = patched.client("cloudformation", DEV).describe_stacks(StackName=name)["Stacks"]
    assert first["StackStatus"] == "CREATE_COMPLETE"


def test_a_protected_table_of_a_failed_creation_cannot_be_deleted(patched: Sandbox, name: str) -> None:
    taken = named("AWS::IAM::Role", RoleName=name, AssumeRolePolicyDocument=TRUST)
    create(patched, f"{name}-first", {"Role": taken})
    resources = {"Table": table(name, DeletionProtectionEnabled=True), "Role": taken | {"DependsOn": "Table"}}
    status, reasons = create(patched, name, resources)
    assert status == "ROLLBACK_FAILED"
    assert any("currently protected against deletion" in reason for reason in reasons)


def test_a_template_turns_point_in_time_recovery_on(patched: Sandbox, name: str) -> None:
    recovery = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
    create(patched, name, {"Table": table(name, **recovery)})
    backups = patched.client("dynamodb", DEV).describe_continuous_backups(TableName=name)
    status = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    assert status == "ENABLED"
