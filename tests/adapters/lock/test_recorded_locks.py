"""The lock of an endpoint, by what DynamoDB is recorded to answer."""

from __future__ import annotations

from typing import Any

from lambdas.promotion.lock import store as lock_store
from lambdas.promotion.lock.policy import LockState
from recordings import store
from tests.recorded import add_error, stubbed

KEY = "333333333333:us-east-1:reviews-qa"


def test_a_lock_that_was_released_since_it_was_refused_is_free() -> None:
    """The refusal and the read are two calls, so that the holder may be gone."""
    taken, refused, read = store.recording("dynamodb/PutItem/lock-held-then-gone").requests
    assert "error" not in taken
    with stubbed("dynamodb") as dynamodb:
        add_error(dynamodb, "update_item", refused["error"])
        assert lock_store.release(KEY, "another", dynamodb=dynamodb.client) is False
        response: dict[str, Any] = dict(read["response"])
        dynamodb.add_response("get_item", response)
        assert lock_store.read(KEY, dynamodb=dynamodb.client) == LockState()
