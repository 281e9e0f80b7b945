"""A stage's trial in promotion.yaml: where the model is tried before traffic moves.

docs/configuration.md explains every member.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import ValidatorFunctionWrapHandler, WrapValidator

from lambdas.promotion.contract import settings
from stacks.config.fields.field_types import StrictModel
from stacks.config.stage.endpoint import Serverless

ON_INSTANCES = "instance"


class Preview(StrictModel):
    """Instead of one instance of each variant."""

    serverless: Serverless

    def deployed(self) -> settings.Preview:
        return settings.Preview(serverless=self.serverless.to_api() if self.serverless else None)


_ON_INSTANCES = Preview.model_construct(serverless=None)


def _instance_or_serverless(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    if isinstance(value, str) and value != ON_INSTANCES:
        raise ValueError(f"must be {ON_INSTANCES}, or a mapping with serverless, not {value!r}")
    return _ON_INSTANCES if value == ON_INSTANCES else handler(value)


PreviewOrNone = Annotated[Preview | None, WrapValidator(_instance_or_serverless)]
