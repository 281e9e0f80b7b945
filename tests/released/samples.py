"""Samples of what outlives an execution, with a value in every field: they show each change of the contract."""

from __future__ import annotations

import dataclasses
import enum
import json
import types
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from lambdas.promotion.contract.document import (
    Artifact,
    Execution,
    Failure,
    KnownGood,
    Outcome,
    Promotion,
    VerifiedCopy,
    to_json,
)
from lambdas.promotion.contract.document.schema import SCHEMA
from lambdas.promotion.outcome import records
from lambdas.promotion.outcome.records import PromotionRecord
from lambdas.promotion.scaling.targets import ScalableTarget

FOLDER = Path(__file__).parent
NEWEST = FOLDER / str(SCHEMA)
# What a newer version of Promote, or an older one, may read of an execution that has ended or waits.
KINDS = (Promotion, KnownGood, Artifact, VerifiedCopy, ScalableTarget)
_TIME = datetime(2026, 11, 1, 12, tzinfo=UTC)
_SCALARS: dict[Any, Any] = {str: "text", int: 1, float: 1.5, bool: True, datetime: _TIME, Any: "any"}


def released() -> list[Path]:
    """The folders of all schema versions, the oldest first."""
    return sorted((folder for folder in FOLDER.iterdir() if folder.name.isdigit()), key=lambda folder: int(folder.name))


def now() -> dict[str, Any]:
    """What today's code writes, by the names of the files."""
    return {
        **{f"{kind.__name__}.json": to_json(full(kind)) for kind in KINDS},
        "record.json": _record(),
        "endpoint.json": _endpoint(),
        "values.json": {kind.__name__: [member.value for member in kind] for kind in _enums()},
    }


def full(kind: Any) -> Any:
    """An item of this kind, with a value in every field."""
    if kind in _SCALARS:
        return _SCALARS[kind]
    if isinstance(kind, type):
        return next(iter(kind)) if issubclass(kind, enum.Enum) else _full_dataclass(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return full(next(argument for argument in arguments if argument is not type(None)))
    return (full(arguments[0]),) if origin is tuple else {"name": full(arguments[1])}


def _full_dataclass(kind: Any) -> Any:
    values = {name: full(hint) for name, hint in _fields(kind).items() if name != "unknown_fields"}
    return kind(**{**values, **({"schema": SCHEMA} if "schema" in values else {})})


def _fields(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _enums() -> list[type[enum.Enum]]:
    return sorted({kind for root in KINDS for kind in _enums_in(root)}, key=lambda kind: kind.__name__)


def _enums_in(kind: Any) -> Iterator[type[enum.Enum]]:
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        yield kind
    parts = _fields(kind).values() if isinstance(kind, type) and dataclasses.is_dataclass(kind) else get_args(kind)
    for part in parts:
        yield from _enums_in(part)


def _endpoint() -> dict[str, Any]:
    """The item of an endpoint whose promotion waits for it, while another promotion waits for the lock."""
    execution, time = "arn:aws:states:us-east-1:111111111111:execution:promote:text", _TIME.isoformat()
    texts = {
        **dict.fromkeys(("application", "stage", "task_token"), "text"),
        **dict.fromkeys(("owner", "waiting_owner"), execution),
        **dict.fromkeys(("locked_at", "lease_until", "confirmed_at", "waiting_made_at"), time),
        "endpoint": "333333333333/us-east-1/text",
        "awaited_endpoint": "text",
        "last_known_good": records.known_good_text([full(KnownGood)]),
    }
    return {**{name: {"S": text} for name, text in texts.items()}, "fence": {"N": "1"}, "waits": {"N": "1"}}


def _record() -> dict[str, Any]:
    record = PromotionRecord(
        execution=full(Execution),
        input={"application": "text", "stage": "text"},
        outcome=Outcome.PROMOTED,
        ended_at=_TIME,
        promotion=full(Promotion),
        failure=full(Failure),
        artifacts=[full(Artifact)],
        state="text",
    )
    item: dict[str, Any] = json.loads(json.dumps(records.item(record), default=float))
    return item | {"document": full(Promotion).to_json()}
