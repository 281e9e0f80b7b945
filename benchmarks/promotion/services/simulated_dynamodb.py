"""DynamoDB's items of two tables, and the expressions that a lock and a record need."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.promotion.published import DYNAMODB_READ_UNIT, DYNAMODB_WRITE_UNIT
from benchmarks.promotion.services.wire import Call, ServiceError

Item = dict[str, Any]
_CLAUSE = re.compile(r"\b(SET|ADD|REMOVE)\b")
_MISSING = re.compile(r"attribute_not_exists\(([\w#]+)\)")
_EXISTS = re.compile(r"attribute_exists\(([\w#]+)\)")
_COMPARED = re.compile(r"([\w#]+)\s*(=|<>|<|>)\s*(:\w+)")


@dataclass
class SimulatedDynamoDB:
    """`keys`: the names of each table's key. Whatever else an expression has is refused."""

    keys: Mapping[str, tuple[str, ...]]
    tables: defaultdict[str, dict[tuple[str, ...], Item]] = field(default_factory=lambda: defaultdict(dict))
    write_units: int = 0
    read_units: int = 0

    def respond(self, call: Call) -> Any:
        asked = call.parameters
        if call.operation == "GetItem":
            item = self.tables[asked["TableName"]].get(self._key(asked["TableName"], asked["Key"]))
            self.read_units += _units(item or {}, DYNAMODB_READ_UNIT)
            return {"Item": item} if item else {}
        if call.operation == "PutItem":
            key = self._key(asked["TableName"], asked["Item"])
            self._require(asked, self.tables[asked["TableName"]].get(key, {}))
            self._write(asked["TableName"], key, asked["Item"])
            return {}
        if call.operation == "UpdateItem":
            return self._update(asked)
        raise NotImplementedError(f"The simulated DynamoDB has no {call.operation}. Add it to {__name__}.")

    def _update(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        key = self._key(asked["TableName"], asked["Key"])
        before = self.tables[asked["TableName"]].get(key, {})
        self._require(asked, before)
        after = {**before, **asked["Key"]}
        names, values = asked.get("ExpressionAttributeNames", {}), asked.get("ExpressionAttributeValues", {})
        _, *clauses = _CLAUSE.split(asked["UpdateExpression"])
        for verb, clause in zip(clauses[::2], clauses[1::2], strict=True):
            for part in clause.split(","):
                _change(after, verb, part.split(), names, values)
        self._write(asked["TableName"], key, after)
        return {"Attributes": after} if asked.get("ReturnValues") == "ALL_NEW" else {}

    def _require(self, asked: Mapping[str, Any], item: Item) -> None:
        condition = asked.get("ConditionExpression")
        if condition and not _holds(
            condition, item, asked.get("ExpressionAttributeNames", {}), asked.get("ExpressionAttributeValues", {})
        ):
            raise ServiceError("ConditionalCheckFailedException", "The conditional request failed")

    def _write(self, table: str, key: tuple[str, ...], item: Item) -> None:
        self.write_units += _units(item, DYNAMODB_WRITE_UNIT)
        self.tables[table][key] = item

    def _key(self, table: str, item: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(item[name]["S"] for name in self.keys[table])


def _change(item: Item, verb: str, words: list[str], names: Mapping[str, str], values: Mapping[str, Any]) -> None:
    name = names.get(words[0], words[0])
    match verb, words[1:]:
        case "REMOVE", []:
            item.pop(name, None)
        case "SET", ["=", value]:
            item[name] = values[value]
        case "ADD", [value]:
            item[name] = {"N": str(int(item.get(name, {"N": "0"})["N"]) + int(values[value]["N"]))}
        case _:
            raise NotImplementedError(f"The simulated DynamoDB has no {verb} {' '.join(words)}. Add it to {__name__}.")


def _holds(condition: str, item: Item, names: Mapping[str, str], values: Mapping[str, Any]) -> bool:
    """AND binds more than OR."""
    return any(
        all(
            _holds(part[1:-1], item, names, values) if part.startswith("(") else _is_true(part, item, names, values)
            for part in _split(arm, " AND ")
        )
        for arm in _split(condition, " OR ")
    )


def _split(condition: str, word: str) -> list[str]:
    """Return the parts between the words that stand in no parentheses."""
    parts = [""]
    for piece in condition.split(word):
        is_inside = parts[-1].count("(") > parts[-1].count(")")
        parts = [*parts[:-1], f"{parts[-1]}{word}{piece}"] if is_inside else [*parts, piece]
    return [part.strip() for part in parts[1:]]


def _is_true(part: str, item: Item, names: Mapping[str, str], values: Mapping[str, Any]) -> bool:
    if match := _MISSING.fullmatch(part):
        return names.get(match[1], match[1]) not in item
    if match := _EXISTS.fullmatch(part):
        return names.get(match[1], match[1]) in item
    if match := _COMPARED.fullmatch(part):
        left, right = item.get(names.get(match[1], match[1])), values[match[3]]
        if left is None:
            return False
        first, second = _plain(left), _plain(right)
        return bool({"=": first == second, "<>": first != second, "<": first < second, ">": first > second}[match[2]])
    raise NotImplementedError(f"The simulated DynamoDB has no condition {part}. Add it to {__name__}.")


def _plain(value: Mapping[str, Any]) -> Any:
    return float(value["N"]) if "N" in value else next(iter(value.values()))


def _units(item: Item, unit: int) -> int:
    return max(1, -(-len(json.dumps(item)) // unit))
