"""Phase 5, create: the model and the endpoint configuration in the target account, and their preview."""

from __future__ import annotations

from aws_cdk import aws_stepfunctions as sfn

from lambdas.promotion.contract.steps import Step
from stacks.workflow.lambda_task import task
from stacks.workflow.preview import preview
from stacks.workflow.resources import WorkflowResources


def create(resources: WorkflowResources, *, then: sfn.IChainable, explain: sfn.IChainable) -> sfn.IChainable:
    """Return the beginning of the phase, which leads to `then` with the document."""
    scope, steps = resources.scope, resources.steps
    create_model = task(scope, "Create the model", steps[Step.CREATE_MODEL], caught_by=explain)
    create_config = task(
        scope, "Create the endpoint configuration", steps[Step.CREATE_ENDPOINT_CONFIG], caught_by=explain
    )
    return create_model.next(create_config).next(preview(resources, then=then, explain=explain))
