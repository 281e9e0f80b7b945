"""What an endpoint serves may be of a promotion that failed: its record says so."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.promotion.outcome import records
from tests.adapters.conftest import Stubs

CONFIG = "arn:aws:sagemaker:us-east-1:333333333333:endpoint-config/reviews-qa-1"
SINCE = "2026-11-01T12:00:00.000+00:00#release-6"
QUESTION: dict[str, Any] = {
    "TableName": "promote-records",
    "KeyConditionExpression": "stage = :stage AND record_key > :since",
    "FilterExpression": "endpoint_config = :config AND NOT outcome IN (:promoted, :unchanged, :planned)",
    "ExpressionAttributeValues": {
        ":stage": {"S": "reviews/qa"},
        ":since": {"S": SINCE},
        ":config": {"S": CONFIG},
        ":promoted": {"S": "Promoted"},
        ":unchanged": {"S": "Unchanged"},
        ":planned": {"S": "Planned"},
    },
    "ProjectionExpression": "record_key",
    "ConsistentRead": True,
}


@pytest.mark.parametrize("failed", [True, False])
def test_every_page_of_the_records_since_then_is_read(stubs: Stubs, failed: bool) -> None:
    tables = stubs.of("dynamodb")
    key = {"stage": {"S": "reviews/qa"}, "record_key": {"S": SINCE}}
    tables.add_response("query", {"Items": [], "LastEvaluatedKey": key}, QUESTION)
    last: dict[str, Any] = {"Items": [{"record_key": {"S": SINCE}}] if failed else []}
    tables.add_response("query", last, {**QUESTION, "ExclusiveStartKey": key})
    client: Any = tables.client
    assert records.has_failed_with(CONFIG, "reviews/qa", since=SINCE, dynamodb=client) is failed
