"""How DynamoDB changes an endpoint's lock: the same words for the workflow (stacks/workflow/lock.py) and the steps."""

from __future__ import annotations

# "owner" is a reserved word (AWS: DynamoDB, reserved words).
ALIASES = {"#owner": "owner"}
TAKE = "SET #owner = :owner, locked_at = :now, lease_until = :lease, application = :application, stage = :stage"
TAKE += " ADD fence :one"
IS_FREE = "attribute_not_exists(#owner) OR #owner = :owner OR lease_until < :now"
IS_OURS = "#owner = :owner AND fence = :fence"
RELEASE = "REMOVE #owner, locked_at, lease_until"
RELEASE_AND_RECORD = f"SET last_known_good = :last_known_good {RELEASE}"
IS_OWNED = "#owner = :owner"
