"""The preview of a model before traffic moves: its endpoint and configuration, and the next action. Pure: no AWS calls.

Two steps reconcile: each invocation observes the preview endpoint and does the next action, one at a time, so they can
be terminated and retried at any moment. The names contain a digest of the execution, so an existing preview endpoint is
this promotion's own. Nothing here concerns the live endpoint.
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import Any

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.digests import hex_digest
from lambdas.promotion.contract.document import DesiredResource, Execution, PreviewEndpoint, PreviewProgress, Promotion
from lambdas.promotion.contract.errors import DeploymentTimedOut, NoCapacity, PreviewFailed, PreviewNotDeleted
from lambdas.promotion.contract.settings import Stage
from lambdas.promotion.endpoint import capacity_errors
from lambdas.promotion.endpoint.state import ObservedEndpoint

# A creation has to end before the endpoint can be deleted (SageMaker: "Cannot update in-progress endpoint").
LONGEST_DELETION = timedelta(hours=2)
_IN_PROGRESS = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}
# The fields that apply to the live endpoint only.
_NOT_IN_PREVIEW = {"EndpointConfigName", "ShadowProductionVariants", "DataCaptureConfig", "CrossRegionTrafficConfig"}
_OF_SERVERLESS = {"VariantName", "ModelName", "InitialVariantWeight"}


class Action(enum.Enum):
    """The next action on the preview endpoint."""

    NOTHING = enum.auto()
    CREATE = enum.auto()
    DELETE = enum.auto()


def is_enabled(promotion: Promotion) -> bool:
    """Whether the model is previewed: not a rollback target, which was live, nor an adopted change.

    The workflow has the same condition (stacks/workflow/preview.py).
    """
    adopted = promotion.change is not None and promotion.change.adopted
    return promotion.stage.preview is not None and not promotion.request.roll_back and not adopted


def config(promotion: Promotion) -> DesiredResource:
    """Return the desired configuration reduced to one instance of each production variant, or to serverless.

    The name has the prefix of all of the stage's names, and a shorter digest than any other configuration.
    """
    request = promotion.desired_config.request
    preview = promotion.stage.preview
    serverless = preview.serverless if preview else None
    fields = {field: value for field, value in request.items() if field not in _NOT_IN_PREVIEW}
    fields["ProductionVariants"] = [_reduced(variant, serverless) for variant in request["ProductionVariants"]]
    digest = _digest(promotion.execution, fields)
    name = resource_names.preview_config(promotion.request.application, promotion.stage.name, digest)
    return DesiredResource(name=name, request={"EndpointConfigName": name, **fields})


def _reduced(variant: dict[str, Any], serverless: dict[str, Any] | None) -> dict[str, Any]:
    if "ServerlessConfig" in variant:
        config = variant["ServerlessConfig"]
        on_demand = {field: config[field] for field in config if field != "ProvisionedConcurrency"}
        return {**variant, "ServerlessConfig": on_demand}
    if serverless:
        kept = {field: variant[field] for field in variant if field in _OF_SERVERLESS}
        return {**kept, "ServerlessConfig": serverless}
    return {**variant, "InitialInstanceCount": 1}


def begin(promotion: Promotion) -> PreviewEndpoint:
    """Return the preview endpoint that the promotion has, or a new one."""
    if promotion.preview:
        return promotion.preview
    return PreviewEndpoint(
        progress=PreviewProgress.IN_PROGRESS,
        endpoint=resource_names.preview_endpoint(
            promotion.stage.endpoint, _digest(promotion.execution, promotion.stage.endpoint)
        ),
        config=config(promotion).name,
    )


def _digest(execution: Execution, content: object) -> str:
    """No two promotions have a name in common, so none deletes or adopts the preview endpoint of another."""
    return hex_digest([content, execution.arn])


def next_action(
    promotion: Promotion, preview: PreviewEndpoint, observed: ObservedEndpoint | None, *, now: datetime
) -> tuple[Action, PreviewProgress]:
    """Return the next action until it is in service. Raises PreviewFailed, NoCapacity, DeploymentTimedOut."""
    subject = _subject(promotion, preview)
    require_time_left(promotion, preview, f"was {observed.status}" if observed else "did not exist", now=now)
    if observed is None:
        return Action.CREATE, PreviewProgress.IN_PROGRESS
    if observed.status in _IN_PROGRESS or observed.pending_config:
        return Action.NOTHING, PreviewProgress.IN_PROGRESS
    if observed.status == "InService":
        return Action.NOTHING, PreviewProgress.IN_SERVICE if observed.counts_settled else PreviewProgress.IN_PROGRESS
    if capacity_errors.is_lacking(observed.failure_reason):
        raise NoCapacity(
            f"{subject} is {observed.status}: AWS had insufficient capacity for a preview of the model. "
            f"{observed.reason} {_live_unchanged(promotion.stage)} Promote again later, or remove `preview` from the "
            "stage."
        )
    raise PreviewFailed(
        f"{subject} is {observed.status}, so the model does not start on {preview.config}. {observed.reason} "
        f"{_live_unchanged(promotion.stage)} Read the log group /aws/sagemaker/Endpoints/{preview.endpoint}, fix the "
        "model, then promote again."
    )


def require_time_left(promotion: Promotion, preview: PreviewEndpoint, state: str, *, now: datetime) -> None:
    """The preview has to run before the deadline; `state` is what its endpoint was. Raises DeploymentTimedOut."""
    if now > promotion.deadline:
        raise DeploymentTimedOut(
            f"{_subject(promotion, preview)} {state} at the {promotion.deadline_in_words}, and the preview did not "
            f"run. {_live_unchanged(promotion.stage)} Promote again, with a longer deadline if a copy and a preview "
            "take that long."
        )


def next_deletion(
    preview: PreviewEndpoint, observed: ObservedEndpoint | None, *, again: bool
) -> tuple[Action, PreviewProgress]:
    """Return the next action until it is deleted. `again`: an earlier invocation may have had an effect already."""
    if observed is None:
        # A response right after a creation may be stale.
        polled_before = again or preview.poll_count > 0
        return Action.NOTHING, PreviewProgress.DELETED if polled_before else PreviewProgress.IN_PROGRESS
    if observed.status in _IN_PROGRESS or observed.pending_config:
        return Action.NOTHING, PreviewProgress.IN_PROGRESS
    return Action.DELETE, PreviewProgress.IN_PROGRESS


def require_time_to_delete(
    promotion: Promotion, preview: PreviewEndpoint, state: str, *, began_at: datetime, now: datetime
) -> None:
    """A deletion is observed for hours, not indefinitely; `state` is the endpoint's. Raises PreviewNotDeleted."""
    if now > began_at + LONGEST_DELETION:
        raise PreviewNotDeleted(
            f"{_subject(promotion, preview)} {state}, "
            f"{LONGEST_DELETION.total_seconds() / 3600:.0f} hours after its deletion began. It incurs cost: delete it "
            f"(aws sagemaker delete-endpoint --endpoint-name {preview.endpoint}). {_live_unchanged(promotion.stage)}"
        )


def may_remain(promotion: Promotion) -> bool:
    """Whether an aborted promotion may have left a preview endpoint."""
    request = promotion.request
    deleted = promotion.preview is not None and promotion.preview.progress is PreviewProgress.DELETED
    return promotion.stage.preview is not None and not (deleted or request.roll_back or request.dry_run)


def _live_unchanged(stage: Stage) -> str:
    return f"The endpoint {stage.endpoint} was not changed."


def _subject(promotion: Promotion, preview: PreviewEndpoint) -> str:
    return f"The preview endpoint {preview.endpoint} in {promotion.target.name} ({promotion.target.account})"
