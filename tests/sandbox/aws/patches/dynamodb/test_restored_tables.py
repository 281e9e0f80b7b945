"""What DynamoDB restores: a table as it was at a time, and one that was deleted."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.aws.control import Sandbox
from tests.sandbox.aws.builders import refusal


def create(sandbox: Sandbox, name: str, *, recoverable: bool = True) -> Any:
    """A table, and its client."""
    dynamodb = sandbox.client("dynamodb")
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    specification = {"PointInTimeRecoveryEnabled": recoverable}
    dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=specification)
    return dynamodb


def put(dynamodb: Any, table: str, key: str, value: str) -> None:
    dynamodb.put_item(TableName=table, Item={"id": {"S": key}, "value": {"S": value}})


def values(dynamodb: Any, table: str) -> dict[str, str]:
    return {item["id"]["S"]: item["value"]["S"] for item in dynamodb.scan(TableName=table)["Items"]}


def test_a_table_is_restored_as_it_was_at_that_time(patched: Sandbox, name: str) -> None:
    dynamodb = create(patched, name)
    put(dynamodb, name, "changed", "first")
    put(dynamodb, name, "deleted", "first")
    time.sleep(1)  # a time in a request has no fractions
    then = datetime.now(UTC)
    time.sleep(1)
    put(dynamodb, name, "changed", "second")
    put(dynamodb, name, "changed", "third")
    put(dynamodb, name, "added", "second")
    dynamodb.delete_item(TableName=name, Key={"id": {"S": "deleted"}})
    dynamodb.restore_table_to_point_in_time(
        SourceTableName=name, TargetTableName=f"{name}-restored", RestoreDateTime=then
    )
    assert values(dynamodb, f"{name}-restored") == {"changed": "first", "deleted": "first"}
    assert values(dynamodb, name) == {"changed": "third", "added": "second"}


def test_a_table_without_point_in_time_recovery_is_not_restored(patched: Sandbox, name: str) -> None:
    restore = create(patched, name, recoverable=False).restore_table_to_point_in_time
    answer = refusal(restore, SourceTableName=name, TargetTableName=f"{name}-2", UseLatestRestorableTime=True)
    assert answer.startswith("PointInTimeRecoveryUnavailableException")


@pytest.mark.parametrize("protected", [True, False])
def test_only_a_table_that_is_deleted_leaves_a_backup(bare_sandbox: Sandbox, name: str, protected: bool) -> None:
    dynamodb = create(bare_sandbox, name)
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=protected)
    if protected:
        assert "protected against deletion" in refusal(dynamodb.delete_table, TableName=name)
    else:
        dynamodb.delete_table(TableName=name)
    backups = dynamodb.list_backups(TableName=name, BackupType="SYSTEM")["BackupSummaries"]
    assert [backup["BackupType"] for backup in backups] == ([] if protected else ["SYSTEM"])
