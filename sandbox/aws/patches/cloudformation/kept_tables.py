"""CloudFormation deletes no protected table, and sets a table's encryption and point-in-time recovery.

(AWS: CloudFormation, AWS::DynamoDB::Table; API: DeleteTable, DeletionProtectionEnabled.) MiniStack's CloudFormation
deletes every table, and reads neither PointInTimeRecoverySpecification nor SSESpecification.
"""

from typing import Any

from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

TABLE = "AWS::DynamoDB::Table"
_PROTECTED = (
    "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."
)


def apply() -> None:
    handlers = provisioners._RESOURCE_HANDLERS[TABLE]
    create, update, delete = handlers["create"], handlers["update"], handlers["delete"]

    def create_recoverable(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        return _recoverable(create(logical_id, properties, stack), properties)

    def update_recoverable(physical_id: str, old: dict[str, Any], new: dict[str, Any], *more: Any, **named: Any) -> Any:
        return _recoverable(update(physical_id, old, new, *more, **named), new)

    def delete_unprotected(physical_id: str, properties: dict[str, Any]) -> None:
        _require_unprotected(physical_id)
        delete(physical_id, properties)

    provisioners._RESOURCE_HANDLERS[TABLE] = {
        **handlers,
        "create": create_recoverable,
        "update": update_recoverable,
        "delete": delete_unprotected,
    }


def _recoverable(made: Any, properties: dict[str, Any]) -> Any:
    specification = properties.get("PointInTimeRecoverySpecification") or {}
    encryption = properties.get("SSESpecification") or {}
    if encryption:
        key = {"Enabled": encryption["SSEEnabled"], **encryption}
        dynamodb._tables[made[0]]["SSEDescription"] = dynamodb._sse_description_from_spec(key)
    dynamodb._pitr_settings[made[0]] = specification.get("PointInTimeRecoveryEnabled") in (True, "true")
    return made


def _require_unprotected(table: str) -> None:
    if (dynamodb._tables.get(table) or {}).get("DeletionProtectionEnabled") in (True, "true"):
        raise ValueError(_PROTECTED)
