"""Digests of content: equal content has the same digest, whatever its order in a file or a response. Pure.

SageMaker may return a list without an order in another one (recordings/sagemaker/DescribeModel.yaml:
order-of-a-network), and a file that names the same in another order describes the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

# The lists of SageMaker's requests in which the order has no meaning: the field that identifies an element, or None
# if the elements are texts.
_UNORDERED: Mapping[str, str | None] = {
    "SecurityGroupIds": None,
    "Subnets": None,
    "CsvContentTypes": None,
    "JsonContentTypes": None,
    "IncludeInferenceResponseIn": None,
    "CaptureOptions": "CaptureMode",
    "AdditionalModelDataSources": "ChannelName",
    "InstancePools": "InstanceType",
    "ProductionVariants": "VariantName",
    "ShadowProductionVariants": "VariantName",
}


def hex_digest(value: Any) -> str:
    """Return one digest for equal values, whatever the order of their members."""
    return hashlib.sha256(canonical(value)).hexdigest()


def canonical(value: Any) -> bytes:
    """Return one byte string for equal values, for digests."""
    return json.dumps(_in_one_form(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _in_one_form(value: Any, name: str = "") -> Any:
    """Return the value of the field with this name: lists in one order, and 1.0, as which 1 may come back, as 1."""
    if isinstance(value, Mapping):
        return {field: _in_one_form(below, field) for field, below in value.items()}
    if isinstance(value, list | tuple):
        return [_in_one_form(item) for item in in_order(name, value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def in_order(name: str, items: Sequence[Any]) -> list[Any]:
    """Return the elements of the list with this name in one order, if theirs has no meaning; else as they are."""
    if name not in _UNORDERED:
        return list(items)
    field = _UNORDERED[name]
    return sorted(items, key=lambda item: str(item.get(field) if field and isinstance(item, Mapping) else item))
