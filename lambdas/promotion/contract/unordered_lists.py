"""The lists of SageMaker's requests in which the order has no meaning. Pure.

SageMaker may return them in another order (recordings/sagemaker/DescribeModel.yaml, order-of-a-network), and a file
that names the same in another order describes the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# By the list's name: the field that identifies an element, or None if the elements are texts.
_IDENTIFIED_BY: Mapping[str, str | None] = {
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


def in_order(name: str, items: Sequence[Any]) -> list[Any]:
    """Return the elements of the list with this name in one order, if theirs has no meaning; else as they are."""
    if name not in _IDENTIFIED_BY:
        return list(items)
    field = _IDENTIFIED_BY[name]
    return sorted(items, key=lambda item: str(item.get(field) if field and isinstance(item, Mapping) else item))
