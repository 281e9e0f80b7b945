"""The version of what outlives an execution: documents in histories and records, last known good promotions, lists."""

from __future__ import annotations

# Another version of Promote may read it: each change raises the number, and tests/released has a sample of each.
SCHEMA = 1
