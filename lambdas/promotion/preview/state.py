"""How a model is tried before traffic moves: what the trial endpoint consists of, and what comes next with it. Pure.

Two steps ask again and again; each time they see the trial endpoint and do the one thing that comes next, so they can
be killed and run again at any moment. Its names say whose it is, so what is there is this promotion's own. Nothing here
is about the endpoint that serves.
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import Any

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.digests import hex_digest
from lambdas.promotion.contract.document import DesiredResource, PreviewEndpoint, PreviewProgress, Promotion
from lambdas.promotion.contract.errors import DeploymentTimedOut, NoCapacity, PreviewFailed, PreviewNotDeleted
from lambdas.promotion.endpoint import capacity_errors
from lambdas.promotion.endpoint.state import ObservedEndpoint

# A creation has to end before the endpoint can be deleted (aws-facts: "Cannot update in-progress endpoint").
LONGEST_DELETION = timedelta(hours=2)
_IN_PROGRESS = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}
# What only the live endpoint is to do, or to be asked.
_NOT_IN_PREVIEW = {"EndpointConfigName", "ShadowProductionVariants", "DataCaptureConfig"}
_OF_SERVERLESS = {"VariantName", "ModelName", "InitialVariantWeight"}


class Action(enum.Enum):
    """What is to be done with the trial endpoint now."""

    NOTHING = enum.auto()
    CREATE = enum.auto()
    DELETE = enum.auto()


def is_enabled(promotion: Promotion) -> bool:
    """Whether the model is tried: not what is rolled back to, which was live, nor what is live or about to be already.

    The workflow's question is the same (stacks/workflow/preview.py).
    """
    adopted = promotion.change is not None and promotion.change.adopted
    return promotion.stage.preview is not None and not promotion.request.roll_back and not adopted


def config(promotion: Promotion) -> DesiredResource:
    """Return the wanted configuration made small: one instance of each production variant, or serverless.

    The name begins as all of the stage's, and no other configuration ends as short.
    """
    request = promotion.desired_config.request
    preview = promotion.stage.preview
    serverless = preview.serverless if preview else None
    parts = {member: value for member, value in request.items() if member not in _NOT_IN_PREVIEW}
    parts["ProductionVariants"] = [_small(variant, serverless) for variant in request["ProductionVariants"]]
    name = resource_names.preview_config(promotion.request.application, promotion.stage.name, _digest(promotion, parts))
    return DesiredResource(name=name, request={"EndpointConfigName": name, **parts})


def _small(variant: dict[str, Any], serverless: dict[str, Any] | None) -> dict[str, Any]:
    if "ServerlessConfig" in variant:
        own = variant["ServerlessConfig"]
        return {**variant, "ServerlessConfig": {one: own[one] for one in own if one != "ProvisionedConcurrency"}}
    if serverless:
        return {**{one: variant[one] for one in variant if one in _OF_SERVERLESS}, "ServerlessConfig": serverless}
    kept = {one: variant[one] for one in variant if one != "ManagedInstanceScaling"}
    return {**kept, "InitialInstanceCount": 1}


def begin(promotion: Promotion) -> PreviewEndpoint:
    """Return the trial endpoint as it is known, or a new one."""
    if promotion.preview:
        return promotion.preview
    return PreviewEndpoint(
        progress=PreviewProgress.IN_PROGRESS,
        endpoint=resource_names.preview_endpoint(
            promotion.stage.endpoint, _digest(promotion, promotion.stage.endpoint)
        ),
        config=config(promotion).name,
    )


def _digest(promotion: Promotion, content: object) -> str:
    """No two promotions have a name in common, so none removes another's trial, or takes it for its own."""
    return hex_digest([content, promotion.execution.arn])


def next_action(
    promotion: Promotion, known: PreviewEndpoint, seen: ObservedEndpoint | None, *, now: datetime
) -> tuple[Action, PreviewProgress]:
    """Say what comes next until it serves. Raises PreviewFailed, NoCapacity, DeploymentTimedOut."""
    where = _where(promotion, known)
    if now > promotion.deadline:
        raise DeploymentTimedOut(
            f"{where} was {seen.status if seen else 'not there'} at the deadline of stage {promotion.stage.name!r} "
            f"({promotion.deadline:%Y-%m-%d %H:%M} UTC), and the model was not tried. {endpoint_unchanged(promotion)} "
            "Promote again, with a longer deadline if a copy and a preview take that long."
        )
    if seen is None:
        return Action.CREATE, PreviewProgress.IN_PROGRESS
    if seen.status in _IN_PROGRESS or seen.pending_config:
        return Action.NOTHING, PreviewProgress.IN_PROGRESS
    if seen.status == "InService":
        return Action.NOTHING, PreviewProgress.IN_SERVICE if seen.counts_settled else PreviewProgress.IN_PROGRESS
    if capacity_errors.is_lacking(seen.failure_reason):
        raise NoCapacity(
            f"{where} is {seen.status}: AWS had no instances for a trial of the model. {seen.reason} "
            f"{endpoint_unchanged(promotion)} Promote again later, or take the stage's trial out."
        )
    raise PreviewFailed(
        f"{where} is {seen.status}, so the model does not start on {known.config}. {seen.reason} "
        f"{endpoint_unchanged(promotion)} Read the log group /aws/sagemaker/Endpoints/{known.endpoint}, fix the model, "
        "then promote again."
    )


def next_deletion(
    known: PreviewEndpoint, seen: ObservedEndpoint | None, *, again: bool
) -> tuple[Action, PreviewProgress]:
    """Say what comes next until it is gone. `again`: an earlier run of the step may have had an effect already."""
    if seen is None:
        # An answer right after a creation may be from before it.
        polled_before = again or known.poll_count > 0
        return Action.NOTHING, PreviewProgress.DELETED if polled_before else PreviewProgress.IN_PROGRESS
    if seen.status in _IN_PROGRESS or seen.pending_config:
        return Action.NOTHING, PreviewProgress.IN_PROGRESS
    return Action.DELETE, PreviewProgress.IN_PROGRESS


def require_time_to_delete(
    promotion: Promotion, known: PreviewEndpoint, seen: ObservedEndpoint | None, *, began_at: datetime, now: datetime
) -> None:
    """A removal is watched for hours, but not for ever. Raises PreviewNotDeleted."""
    if seen and now > began_at + LONGEST_DELETION:
        raise PreviewNotDeleted(
            f"{_where(promotion, known)} is still {seen.status}, "
            f"{LONGEST_DELETION.total_seconds() / 3600:.0f} hours after its removal began. It costs money: delete it "
            f"(aws sagemaker delete-endpoint --endpoint-name {known.endpoint}). {endpoint_unchanged(promotion)}"
        )


def may_remain(promotion: Promotion) -> bool:
    """Whether a promotion that was stopped may have left a trial endpoint."""
    request = promotion.request
    gone = promotion.preview is not None and promotion.preview.progress is PreviewProgress.DELETED
    return promotion.stage.preview is not None and not (gone or request.roll_back or request.dry_run)


def endpoint_unchanged(promotion: Promotion) -> str:
    """Say for a person what became of the endpoint that serves."""
    return f"The endpoint {promotion.stage.endpoint} was not changed."


def _where(promotion: Promotion, known: PreviewEndpoint) -> str:
    return f"The trial endpoint {known.endpoint} in {promotion.target.name} ({promotion.target.account})"
