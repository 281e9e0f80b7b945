"""How DynamoDB changes an endpoint's lock: the same words for the workflow (stacks/workflow/lock.py) and the steps."""

from __future__ import annotations

# "owner" is a reserved word (AWS: DynamoDB, reserved words).
ALIASES = {"#owner": "owner"}
TAKE = "SET #owner = :owner, locked_at = :now, lease_until = :lease, application = :application, stage = :stage"
TAKE += " REMOVE waits ADD fence :one"
IS_FREE = "attribute_not_exists(#owner) OR #owner = :owner OR lease_until < :now"
IS_OURS = "#owner = :owner AND fence = :fence"
RELEASE = "REMOVE #owner, locked_at, lease_until, task_token, awaited_endpoint, waits"
RELEASE_AND_RECORD = f"SET last_known_good = :last_known_good {RELEASE}"
IS_OWNED = "#owner = :owner"
# The owner waits for its endpoint or the preview. An event can end the wait (lock/endpoint_wait.py), so often at most.
WAIT = "SET task_token = :token, awaited_endpoint = :endpoint ADD waits :one"
MAY_WAIT = "#owner = :owner AND (attribute_not_exists(waits) OR waits < :most)"
# Of one promotion. The longest one needs fewer, and so many that events end at once leave room for it in the history.
MOST_WAITS = 600
