"""The tables keep what cannot be recreated, and allow exactly the principals that work with them."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms

from lambdas.promotion.contract import resource_names
from stacks.workflow.tables import Tables


@pytest.fixture(scope="module")
def resources() -> list[dict[str, Any]]:
    return synthesised(protected=True)


def synthesised(*, protected: bool) -> list[dict[str, Any]]:
    """A stack with the tables and two roles: one reads the endpoints, one writes the records."""
    stack = cdk.Stack(cdk.App(), "tables", env=cdk.Environment(account="111111111111", region="us-east-1"))
    tables = Tables(stack, key=kms.Key(stack, "Key"), protected=protected)
    reader, writer = (
        iam.Role(stack, role, assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")) for role in ("Reader", "Writer")
    )
    tables.allow_read(reader, tables.endpoints, "ReadLocks", ["dynamodb:Scan"])
    tables.allow_write(writer, tables.records, "Record", ["dynamodb:PutItem"])
    return list(assertions.Template.from_stack(stack).to_json()["Resources"].values())


def of_kind(resources: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [resource for resource in resources if resource["Type"] == kind]


def test_each_table_has_its_name_and_its_keys(resources: list[dict[str, Any]]) -> None:
    keys = {
        table["Properties"]["TableName"]: [key["AttributeName"] for key in table["Properties"]["KeySchema"]]
        for table in of_kind(resources, "AWS::DynamoDB::Table")
    }
    assert keys == {resource_names.ENDPOINTS_TABLE: ["endpoint"], resource_names.RECORDS_TABLE: ["stage", "record_key"]}


def test_a_table_is_encrypted_can_be_restored_and_is_not_deleted(resources: list[dict[str, Any]]) -> None:
    for table in of_kind(resources, "AWS::DynamoDB::Table"):
        properties = table["Properties"]
        assert properties["SSESpecification"]["SSEType"] == "KMS"
        assert "KMSMasterKeyId" in properties["SSESpecification"]
        assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert properties["BillingMode"] == "PAY_PER_REQUEST"
        assert table["DeletionPolicy"] == "RetainExceptOnCreate"


@pytest.mark.parametrize("protected", [True, False])
def test_dynamodb_refuses_to_delete_the_tables_of_a_protected_hub_only(protected: bool) -> None:
    """Those of a first deployment that fails are deleted: their names would block the next one."""
    tables = of_kind(synthesised(protected=protected), "AWS::DynamoDB::Table")
    assert [table["Properties"]["DeletionProtectionEnabled"] for table in tables] == [protected, protected]


def test_a_reader_may_not_write_with_the_key_and_no_one_uses_it_without_dynamodb(
    resources: list[dict[str, Any]],
) -> None:
    by_sid = {
        statement["Sid"]: statement
        for policy in of_kind(resources, "AWS::IAM::Policy")
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    }
    assert by_sid["ReadLocksKey"]["Action"] == ["kms:Decrypt", "kms:DescribeKey"]
    assert "kms:Encrypt" in by_sid["RecordKey"]["Action"]
    for sid in ("ReadLocksKey", "RecordKey"):
        assert by_sid[sid]["Condition"] == {"StringEquals": {"kms:ViaService": "dynamodb.us-east-1.amazonaws.com"}}
