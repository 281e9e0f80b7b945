"""A record's values as DynamoDB's API writes them, and back (API: AttributeValue).

boto3 has the same for every type, but importing boto3 costs a cold start 16 ms, for transfers and resources that no
step uses.
"""

from __future__ import annotations

import decimal
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

# What a number of DynamoDB can hold; anything else would be changed by it (AWS: DynamoDB, data types).
_NUMBERS = decimal.Context(
    Emin=-128,
    Emax=126,
    prec=38,
    traps=[decimal.Clamped, decimal.Overflow, decimal.Inexact, decimal.Rounded, decimal.Underflow],
)


def to_attributes(item: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return an item's values as attributes. Raises TypeError for a value that a record cannot have, such as a float,
    and decimal's errors for a number that DynamoDB cannot hold."""
    return {name: _attribute(value) for name, value in item.items()}


def from_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the values of an item. Numbers become Decimals; sets and binaries, which no record has, stay."""
    return {name: _value(attribute) for name, attribute in attributes.items()}


def _attribute(value: Any) -> dict[str, Any]:
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int | Decimal):
        number = _NUMBERS.create_decimal(value)
        if not number.is_finite():
            raise TypeError(f"{value!r} is no number of DynamoDB")
        return {"N": str(number)}
    if isinstance(value, Mapping):
        return {"M": to_attributes(value)}
    if isinstance(value, list | tuple):
        return {"L": [_attribute(item) for item in value]}
    raise TypeError(f"{value!r} cannot be stored in a record")


def _value(attribute: Mapping[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    if kind == "NULL":
        return None
    if kind == "N":
        return _NUMBERS.create_decimal(value)
    if kind == "M":
        return from_attributes(value)
    if kind == "L":
        return [_value(item) for item in value]
    return value
