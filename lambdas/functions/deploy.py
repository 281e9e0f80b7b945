"""Compare, create, deploy, inspect, roll back: as the deployer in the target."""

from __future__ import annotations

from lambdas.handlers import (
    compare_endpoint,
    create_endpoint_config,
    create_model,
    create_preview,
    delete_preview,
    deploy_endpoint,
    inspect_endpoint,
    roll_back_endpoint,
)
from lambdas.promotion.contract.steps import Step
from lambdas.promotion.runtime.dispatch import dispatch

HANDLERS = {
    Step.COMPARE_ENDPOINT: compare_endpoint.handler,
    Step.CREATE_MODEL: create_model.handler,
    Step.CREATE_ENDPOINT_CONFIG: create_endpoint_config.handler,
    Step.CREATE_PREVIEW: create_preview.handler,
    Step.DELETE_PREVIEW: delete_preview.handler,
    Step.DEPLOY_ENDPOINT: deploy_endpoint.handler,
    Step.INSPECT_ENDPOINT: inspect_endpoint.handler,
    Step.ROLL_BACK_ENDPOINT: roll_back_endpoint.handler,
}
handler = dispatch(HANDLERS)
