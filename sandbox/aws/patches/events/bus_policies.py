"""CloudFormation sets the policy of an event bus (`AWS::Events::EventBusPolicy`), and PutPermission keeps the other
statements.
"""

import functools
import json
from typing import Any

from ministack.services import eventbridge
from ministack.services.cloudformation import provisioners


def apply() -> None:
    put = eventbridge._put_permission

    @functools.wraps(put)
    def put_whole(data: dict[str, Any]) -> Any:
        if not data.get("Policy"):
            return put(data)
        eventbridge._event_bus_policies[data.get("EventBusName", "default")] = json.loads(data["Policy"])
        return eventbridge.json_response({})

    eventbridge._put_permission = put_whole
    provisioners._RESOURCE_HANDLERS["AWS::Events::EventBusPolicy"] = {
        "create": _create,
        "update": lambda physical_id, old, new, stack: _create(physical_id, new, stack),
        "delete": _delete,
    }


def _create(_logical_id: str, properties: dict[str, Any], _stack: str) -> tuple[str, dict[str, Any]]:
    bus, sid = properties.get("EventBusName", "default"), properties["StatementId"]
    statement = properties.get("Statement") or {
        "Effect": "Allow",
        "Principal": properties.get("Principal", "*"),
        "Action": properties.get("Action", "events:PutEvents"),
        "Resource": f"arn:aws:events:{provisioners.get_region()}:{provisioners.get_account_id()}:event-bus/{bus}",
    }
    others = [other for other in _statements(bus) if other.get("Sid") != sid]
    eventbridge._event_bus_policies[bus] = {"Version": "2012-10-17", "Statement": [*others, {"Sid": sid, **statement}]}
    return f"{bus}|{sid}", {}


def _delete(physical_id: str, _properties: dict[str, Any]) -> None:
    bus, _, sid = physical_id.partition("|")
    eventbridge._remove_permission({"EventBusName": bus, "StatementId": sid})


def _statements(bus: str) -> Any:
    return (eventbridge._event_bus_policies.get(bus) or {}).get("Statement", [])
