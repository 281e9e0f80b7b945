"""A stage's trial in promotion.yaml: where the model is tried before traffic moves.

docs/configuration.md explains every member.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ValidatorFunctionWrapHandler, WrapValidator

from lambdas.promotion.contract import settings
from stacks.config.endpoint import Serverless
from stacks.config.field_types import StrictModel

if TYPE_CHECKING:
    from stacks.config.schema import Stage

ON_INSTANCES = "instance"
# Families whose models want an accelerator, which serverless has not (AWS: Serverless Inference, exclusions).
_ACCELERATED = re.compile(r"ml\.(dl|g|inf|p|trn)[0-9]")


class Preview(StrictModel):
    """Instead of one instance of each variant."""

    serverless: Serverless


_ON_INSTANCES = Preview.model_construct(serverless=None)


def _instance_or_serverless(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    if isinstance(value, str) and value != ON_INSTANCES:
        raise ValueError(f"must be {ON_INSTANCES}, or a mapping with serverless, not {value!r}")
    return _ON_INSTANCES if value == ON_INSTANCES else handler(value)


PreviewOrNone = Annotated[Preview | None, WrapValidator(_instance_or_serverless)]


def deployed(preview: Preview | None) -> settings.Preview | None:
    if preview is None:
        return None
    return settings.Preview(serverless=preview.serverless.to_api() if preview.serverless else None)


def constraint_violations(path: str, stage: Stage) -> Iterator[str]:
    """Yield what is well-formed but cannot be tried."""
    if stage.preview is None:
        return
    if not stage.smoke_test:
        yield f"{path}.preview: a trial is the stage's smoke_test on a temporary endpoint, and there is no smoke_test"
    if stage.preview.serverless:
        yield from _of_serverless(f"{path}.preview.serverless", stage)


def _of_serverless(path: str, stage: Stage) -> Iterator[str]:
    if stage.preview and stage.preview.serverless and stage.preview.serverless.provisioned_concurrency:
        yield f"{path}.provisioned_concurrency: a trial is not kept warm; leave it out"
    if any(variant.serverless for variant in stage.variants):
        yield f"{path}: the stage is serverless, and so is its trial; say {ON_INSTANCES}"
        return
    types = [one for variant in stage.variants for one in variant.instance_types]
    excluded: dict[str, Any] = {
        "async_inference": stage.async_inference,
        "explainer": stage.explainer,
        "vpc": stage.vpc and stage.vpc.subnets,
        "volume_key": stage.volume_key,
        "network_isolation": stage.network_isolation,
        "several variants": len(stage.variants) > 1,
        **{one: True for one in types if _ACCELERATED.match(one)},
    }
    found = [field for field, there in excluded.items() if there]
    if found:
        yield (
            f"{path}: the stage has {', '.join(found)}, which serverless cannot have (AWS: Serverless Inference, "
            f"exclusions); say {ON_INSTANCES}"
        )
