"""Everything that the service remembers, by account and Region."""

import threading
from typing import Any

from ministack.core.responses import AccountRegionScopedDict

Record = dict[str, Any]

# Requests run in worker threads and deployments in their own: a thread that reads and then writes holds this.
LOCK = threading.RLock()

models = AccountRegionScopedDict()
endpoint_configs = AccountRegionScopedDict()
endpoints = AccountRegionScopedDict()  # by lower-cased name: uniqueness ignores case
package_groups = AccountRegionScopedDict()
packages = AccountRegionScopedDict()  # by ARN
tags = AccountRegionScopedDict()  # by lower-cased ARN

# What Application Auto Scaling knows of endpoints' variants (sandbox/aws/autoscaling), by resource, dimension and name.
scalable_targets = AccountRegionScopedDict()
scaling_policies = AccountRegionScopedDict()
scheduled_actions = AccountRegionScopedDict()
OF_SCALING = (scalable_targets, scaling_policies, scheduled_actions)

STORES = (models, endpoint_configs, endpoints, package_groups, packages, tags, *OF_SCALING)


def forget(account: str | None = None) -> list[Any]:
    """Drop what one account (or every one) has; returns the endpoints that were dropped."""
    with LOCK:
        dropped = [endpoint for (owner, _, _), endpoint in endpoints.all_items() if account is None or owner == account]
        for store in STORES:
            for owner, region, key in [scoped for scoped, _ in store.all_items()]:
                if account is None or owner == account:
                    store.pop_scoped(owner, region, key, None)
    return dropped
