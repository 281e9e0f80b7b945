"""A stage's `preview` in promotion.yaml: a temporary endpoint on which the model is tested before traffic moves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ValidatorFunctionWrapHandler, WrapValidator

from lambdas.promotion.contract import settings
from stacks.config.fields.field_types import StrictModel
from stacks.config.fields.option import HUB, option
from stacks.config.stage.variant import Serverless

ON_INSTANCES = "instance"


class Preview(StrictModel, title="A stage's preview"):
    """A serverless preview endpoint; `preview: instance` runs one instance of each variant instead.

    A preview has the production variants with their images, model data, variables and settings, but no shadow variants,
    data capture, scaling or provisioned concurrency. It takes some minutes of the stage's `deadline`, and the account's
    quota must have room for one more instance of each variant. A model that fails its preview has served no request:
    the promotion ends with `SmokeTestFailed` or `PreviewFailed`, and nothing is rolled back. There is no preview when
    the endpoint already has the configuration, and none for a rollback.
    """

    serverless: Annotated[
        Serverless,
        option(
            "What each variant has instead of its instances. It is paid by the request and starts sooner. Refused "
            "where AWS excludes it: several variants, accelerated instance types, `async_inference`, `explainer`, "
            "`vpc`, `network_isolation`, and for a stage that is serverless itself.",
            example={"memory_size_in_mb": 4096, "max_concurrency": 5},
            effect=HUB,
        ),
    ]

    def deployed(self) -> settings.Preview:
        return settings.Preview(serverless=self.serverless.to_api() if self.serverless else None)


_ON_INSTANCES = Preview.model_construct(serverless=None)


def _instance_or_serverless(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    if isinstance(value, str) and value != ON_INSTANCES:
        raise ValueError(f"must be {ON_INSTANCES}, or a mapping with serverless, not {value!r}")
    return _ON_INSTANCES if value == ON_INSTANCES else handler(value)


PreviewOrNone = Annotated[
    Preview | None,
    WrapValidator(_instance_or_serverless, json_schema_input_type=Preview | Literal["instance"] | None),
]
