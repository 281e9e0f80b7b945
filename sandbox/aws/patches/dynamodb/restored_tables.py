"""A table with point-in-time recovery is restored as it was at that time, also after its deletion.

(API: RestoreTableToPointInTime; AWS: DynamoDB, "Before you begin using point-in-time recovery".) MiniStack restores
what is in the table now, whether it has point-in-time recovery or not, without its encryption, and keeps nothing of a
deleted table.
"""

import json
import time
from collections import defaultdict
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import dynamodb

# Of each table by its id: when which item was written, and what was there before.
_JOURNAL: dict[str, list[tuple[float, Any, Any, Any]]] = defaultdict(list)
_LONGEST = 10_000


def apply() -> None:
    _keep_what_is_overwritten()
    _keep_what_is_deleted()
    restore, from_backup = dynamodb._restore_table_to_point_in_time, dynamodb._restore_table_from_backup

    def to_point_in_time(data: dict[str, Any]) -> Any:
        name = data.get("SourceTableName") or dynamodb._normalize_table_name(data.get("SourceTableArn") or "")
        if name in dynamodb._tables and not dynamodb._pitr_settings.get(name):
            message = f"Point in time recovery is not enabled for table '{name}'"
            return error_response_json("PointInTimeRecoveryUnavailableException", message, 400)
        answer = _encrypted(data, restore(data))
        if answer[0] == 200 and data.get("RestoreDateTime"):
            _undo(dynamodb._tables[name], dynamodb._tables[data["TargetTableName"]], float(data["RestoreDateTime"]))
        return answer

    dynamodb._restore_table_to_point_in_time = to_point_in_time
    dynamodb._restore_table_from_backup = lambda data: _encrypted(data, from_backup(data))


def _keep_what_is_overwritten() -> None:
    set_item, remove_item = dynamodb._set_item, dynamodb._remove_item

    def set_and_note(table: dict[str, Any], pk: Any, sk: Any, item: Any) -> Any:
        _note(table, pk, sk)
        return set_item(table, pk, sk, item)

    def remove_and_note(table: dict[str, Any], pk: Any, sk: Any) -> Any:
        _note(table, pk, sk)
        return remove_item(table, pk, sk)

    dynamodb._set_item, dynamodb._remove_item = set_and_note, remove_and_note


def _note(table: dict[str, Any], pk: Any, sk: Any) -> None:
    if dynamodb._pitr_settings.get(table["TableName"]):
        journal = _JOURNAL[table["TableId"]]
        journal.append((time.time(), pk, sk, table["items"].get(pk, {}).get(sk)))
        del journal[:-_LONGEST]


def _undo(source: dict[str, Any], restored: dict[str, Any], until: float) -> None:
    """Take back what was written to the source after that time, newest first."""
    for written, pk, sk, before in reversed(_JOURNAL[source["TableId"]]):
        if written <= until:
            break
        if before is not None:
            dynamodb._set_item(restored, pk, sk, before)
        elif sk in restored["items"].get(pk, {}):
            dynamodb._remove_item(restored, pk, sk)


def _keep_what_is_deleted() -> None:
    delete = dynamodb._delete_table

    def delete_and_back_up(data: dict[str, Any]) -> Any:
        name = dynamodb._normalize_table_name(data.get("TableName"))
        backup = None
        if dynamodb._pitr_settings.get(name):
            _, _, body = dynamodb._create_backup({"TableName": name, "BackupName": f"{name}$DeletedTableBackup"})
            backup = json.loads(body)["BackupDetails"]["BackupArn"]
            dynamodb._backups[backup]["BackupDetails"]["BackupType"] = "SYSTEM"
        answer = delete(data)
        if backup and answer[0] != 200:
            dynamodb._backups.pop(backup)
        return answer

    dynamodb._delete_table = delete_and_back_up


def _encrypted(data: dict[str, Any], answer: Any) -> Any:
    if answer[0] == 200:
        specification = data.get("SSESpecificationOverride")
        dynamodb._tables[data["TargetTableName"]]["SSEDescription"] = dynamodb._sse_description_from_spec(specification)
    return answer
