"""Settings of the Lambdas from parts of the file: a field has the same name on both sides and is written down once."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Settings = TypeVar("_Settings", bound="DataclassInstance")


def settings_from(kind: type[_Settings], *parts: object, **computed: Any) -> _Settings:
    """Return settings of a kind: each field has its computed value, or that of the first part with such an attribute.

    A part that has settings of its own has a method `deployed`. Raises TypeError if no part has a field.
    """
    values = {field.name: _value(kind, field.name, parts) for field in fields(kind) if field.name not in computed}
    return kind(**values, **computed)


def _value(kind: type[Any], name: str, parts: tuple[object, ...]) -> Any:
    part = next((part for part in parts if hasattr(part, name)), None)
    if part is None:
        raise TypeError(f"{kind.__name__}.{name} is in no part of promotion.yaml: add the field to the schema")
    value = getattr(part, name)
    return value.deployed() if hasattr(value, "deployed") else value
