"""A model that the endpoint serves already under another name: it came another way, with the same content. Pure.

A version and a model by its name have times of their own, which are in the names of what is made of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lambdas.promotion.contract.digests import hex_digest
from lambdas.promotion.contract.document import DesiredResource, KnownGood, Promotion
from lambdas.promotion.endpoint.service_defaults import is_default

_VARIANTS = ("ProductionVariants", "ShadowProductionVariants")
_DIGEST_LENGTH = 12


def content_of(model: DesiredResource) -> str:
    """Return a digest of what a model is: equal for a version and a model with the same artifacts and containers.

    The URIs of its artifacts' copies follow from their content. SageMaker describes a model with defaults that a
    version does not have.
    """
    return hex_digest(_without_defaults({**model.request, "ModelName": None}))


def _without_defaults(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            # The keys of an Environment are variables, not fields.
            name: item if name == "Environment" else _without_defaults(item)
            for name, item in value.items()
            if not is_default(name, item)
        }
    return [_without_defaults(item) for item in value] if isinstance(value, list | tuple) else value


def adopt(promotion: Promotion) -> Promotion:
    """Return the promotion with the name and the age of the last known good model, if that has the same content.

    The same artifacts and containers are the same model, so it is neither older nor another one.
    """
    current = promotion.current
    if promotion.request.roll_back or current is None or not _is_same(promotion, current):
        return promotion
    return replace(
        promotion,
        model=replace(promotion.model, made_at=max(promotion.model.made_at, current.made_at)),
        desired_model=DesiredResource(
            name=current.model, request={**promotion.desired_model.request, "ModelName": current.model}
        ),
        desired_config=_config(promotion.desired_config, current),
    )


def _is_same(promotion: Promotion, current: KnownGood) -> bool:
    stage = f"{promotion.request.application}/{promotion.stage.name}"
    return current.stage == stage and current.content == content_of(promotion.desired_model)


def _config(desired: DesiredResource, current: KnownGood) -> DesiredResource:
    """Return the configuration with the model's name; it is the current one if nothing else differs."""
    request: Mapping[str, Any] = {
        name: [{**variant, "ModelName": current.model} for variant in value] if name in _VARIANTS else value
        for name, value in desired.request.items()
        if name != "EndpointConfigName"
    }
    digest = hex_digest(request)[:_DIGEST_LENGTH]
    is_current = current.config.rpartition("-")[2] == digest
    name = current.config if is_current else f"{desired.name[:-_DIGEST_LENGTH]}{digest}"
    return DesiredResource(name=name, request={"EndpointConfigName": name, **request})
