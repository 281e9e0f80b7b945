"""The locks that are held now, from the endpoints table: since when, and by which execution."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def locked_since(table: str, dynamodb: DynamoDBClient) -> list[datetime]:
    """Return the time at which each held lock was acquired. The table has one item for each endpoint.

    Raises KeyError or ValueError for a lock without a valid `locked_at`: such a lock must not be overlooked.
    """
    return [datetime.fromisoformat(item["locked_at"]["S"]) for item in _with_owner(table, dynamodb)]


def owners(table: str, dynamodb: DynamoDBClient) -> list[str]:
    """Return the ARN of the execution that holds each lock."""
    return [item["owner"]["S"] for item in _with_owner(table, dynamodb)]


def oldest_lock_seconds(locks: list[datetime], *, now: datetime) -> float:
    """Return for how long the oldest lock has been held, 0 if no lock is held."""
    return max([0.0, *((now - locked_at).total_seconds() for locked_at in locks)])


def _with_owner(table: str, dynamodb: DynamoDBClient) -> Iterator[dict[str, Any]]:
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        # `owner` is a reserved word (AWS: DynamoDB, Reserved words).
        FilterExpression="attribute_exists(#owner)",
        ProjectionExpression="locked_at, #owner",
        ExpressionAttributeNames={"#owner": "owner"},
        # A lock that was just released must not count.
        ConsistentRead=True,
    )
    for page in pages:
        yield from page["Items"]
