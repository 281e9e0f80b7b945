"""How an option describes itself: what it means, an example, and what happens when it is changed on a deployed system.

From these descriptions come promotion.schema.json and docs/reference/configuration.md (docs/generate/configuration.py).
"""

from __future__ import annotations

from typing import Any, cast

from pydantic import Field, WithJsonSchema
from pydantic.fields import FieldInfo

# The keyword of the JSON Schema that has the effect of a change.
EFFECT_OF_CHANGE = "x-effect-of-change"

# The keyword of the JSON Schema that names the part some of whose fields a mapping has.
FIELDS_OF = "x-fields-of"

# Effects that many options have. `cdk deploy` never changes an endpoint; the next promotion does.
HUB = "Deploy the hub: promotions that start afterwards use it. No new endpoint configuration."
NEXT_UPDATE = "Deploy the hub: the next update of the endpoint uses it. No new endpoint configuration."
NEW_CONFIG = (
    "Deploy the hub: the next promotion of any model creates a new endpoint configuration and updates the endpoint."
)
NEW_CONFIG_WITH_PERMISSIONS = (
    "Deploy the environment and the hub (permissions change): the next promotion of any model creates a new endpoint "
    "configuration and updates the endpoint. Permissions to what was removed go with the deployment, while the "
    "endpoint still uses it: promote soon afterwards."
)
NEW_MODEL = (
    "Deploy the hub: the next promotion of any model creates another model and a new endpoint configuration, and "
    "updates the endpoint, if this makes a difference to the model."
)
SMOKE_TEST = (
    "Deploy the hub: promotions that start afterwards are tested with it. What is deployed is not tested again."
)
SCALING = (
    "Deploy the hub: the next successful promotion, also of the model that is deployed, registers it. What is removed "
    "from the file stays registered. No new endpoint configuration."
)
ALL_STACKS_AT_ONCE = (
    "Deploy all stacks at once: hub and environments must agree. Promotions in between end with `AccessDenied`; "
    "promote again afterwards."
)
OTHER_ENVIRONMENT = (
    "It is another environment with another stack, roles, bucket and key; deploy all stacks. The old stack stays until "
    "it is deleted, and endpoints made with it need its execution role, bucket and key. Promote to the new one, delete "
    "the old endpoints, then the old stack. Bucket and key are retained even then."
)


def option(description: str, *, example: Any, effect: str) -> FieldInfo:
    """Describe a field of promotion.yaml. `effect` is what happens when it is changed on a deployed system."""
    return cast(
        "FieldInfo",
        Field(description=description, examples=[example], json_schema_extra={EFFECT_OF_CHANGE: effect}),
    )


def fields_of(part: str) -> WithJsonSchema:
    """A mapping of some fields of a part, which is checked as such when the file is read."""
    return WithJsonSchema({"type": "object", FIELDS_OF: part})
