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
from lambdas.promotion.contract.document import Promotion, TrialEndpoint, TrialProgress, Wanted
from lambdas.promotion.contract.errors import DeploymentTimedOut, NoCapacity, TrialFailed, TrialNotRemoved
from lambdas.promotion.endpoint import capacity_errors
from lambdas.promotion.endpoint.state import EndpointSeen

# A creation has to end before the endpoint can be deleted (aws-facts: "Cannot update in-progress endpoint").
LONGEST_REMOVAL = timedelta(hours=2)
_IN_PROGRESS = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}
# What only the live endpoint is to do, or to be asked.
_NOT_TRIED = {"EndpointConfigName", "ShadowProductionVariants", "DataCaptureConfig"}
_OF_SERVERLESS = {"VariantName", "ModelName", "InitialVariantWeight"}


class Act(enum.Enum):
    """What is to be done with the trial endpoint now."""

    NOTHING = enum.auto()
    CREATE = enum.auto()
    DELETE = enum.auto()


def is_wanted(promotion: Promotion) -> bool:
    """Whether the model is tried: not what is rolled back to, which was live, nor what is live or about to be already.

    The workflow's question is the same (stacks/workflow/preview.py).
    """
    joined = promotion.change is not None and promotion.change.joined
    return promotion.stage.trial is not None and not promotion.request.roll_back and not joined


def config(promotion: Promotion) -> Wanted:
    """Return the wanted configuration made small: one instance of each production variant, or serverless.

    The name begins as all of the stage's, and no other configuration ends as short.
    """
    request = promotion.wanted_config.request
    trial = promotion.stage.trial
    serverless = trial.serverless if trial else None
    parts = {member: value for member, value in request.items() if member not in _NOT_TRIED}
    parts["ProductionVariants"] = [_small(variant, serverless) for variant in request["ProductionVariants"]]
    name = resource_names.trial_config(promotion.request.application, promotion.stage.name, _digest(promotion, parts))
    return Wanted(name=name, request={"EndpointConfigName": name, **parts})


def _small(variant: dict[str, Any], serverless: dict[str, Any] | None) -> dict[str, Any]:
    if "ServerlessConfig" in variant:
        own = variant["ServerlessConfig"]
        return {**variant, "ServerlessConfig": {one: own[one] for one in own if one != "ProvisionedConcurrency"}}
    if serverless:
        return {**{one: variant[one] for one in variant if one in _OF_SERVERLESS}, "ServerlessConfig": serverless}
    kept = {one: variant[one] for one in variant if one != "ManagedInstanceScaling"}
    return {**kept, "InitialInstanceCount": 1}


def begin(promotion: Promotion) -> TrialEndpoint:
    """Return the trial endpoint as it is known, or a new one."""
    if promotion.trial:
        return promotion.trial
    return TrialEndpoint(
        progress=TrialProgress.UNDER_WAY,
        endpoint=resource_names.trial_endpoint(promotion.stage.endpoint, _digest(promotion, promotion.stage.endpoint)),
        config=config(promotion).name,
    )


def _digest(promotion: Promotion, content: object) -> str:
    """No two promotions have a name in common, so none removes another's trial, or takes it for its own."""
    return hex_digest([content, promotion.execution.arn])


def next_act(
    promotion: Promotion, known: TrialEndpoint, seen: EndpointSeen | None, *, now: datetime
) -> tuple[Act, TrialProgress]:
    """Say what comes next until it serves. Raises TrialFailed, NoCapacity, DeploymentTimedOut."""
    where = _where(promotion, known)
    if now > promotion.deadline:
        raise DeploymentTimedOut(
            f"{where} was {seen.status if seen else 'not there'} at the deadline of stage {promotion.stage.name!r} "
            f"({promotion.deadline:%Y-%m-%d %H:%M} UTC), and the model was not tried. {untouched(promotion)} Promote "
            "again, with a longer deadline if a copy and a trial take that long."
        )
    if seen is None:
        return Act.CREATE, TrialProgress.UNDER_WAY
    if seen.status in _IN_PROGRESS or seen.pending_config:
        return Act.NOTHING, TrialProgress.UNDER_WAY
    if seen.status == "InService":
        return Act.NOTHING, TrialProgress.SERVES if seen.counts_settled else TrialProgress.UNDER_WAY
    if capacity_errors.is_lacking(seen.failure_reason):
        raise NoCapacity(
            f"{where} is {seen.status}: AWS had no instances for a trial of the model. {seen.reason} "
            f"{untouched(promotion)} Promote again later, or take the stage's trial out."
        )
    raise TrialFailed(
        f"{where} is {seen.status}, so the model does not start on {known.config}. {seen.reason} "
        f"{untouched(promotion)} Read the log group /aws/sagemaker/Endpoints/{known.endpoint}, mend the model, then "
        "promote again."
    )


def next_removal(known: TrialEndpoint, seen: EndpointSeen | None, *, again: bool) -> tuple[Act, TrialProgress]:
    """Say what comes next until it is gone. `again`: an earlier run of the step may have had an effect already."""
    if seen is None:
        # An answer right after a creation may be from before it.
        looked_before = again or known.looks > 0
        return Act.NOTHING, TrialProgress.GONE if looked_before else TrialProgress.UNDER_WAY
    if seen.status in _IN_PROGRESS or seen.pending_config:
        return Act.NOTHING, TrialProgress.UNDER_WAY
    return Act.DELETE, TrialProgress.UNDER_WAY


def require_time_to_remove(
    promotion: Promotion, known: TrialEndpoint, seen: EndpointSeen | None, *, began_at: datetime, now: datetime
) -> None:
    """A removal is watched for hours, but not for ever. Raises TrialNotRemoved."""
    if seen and now > began_at + LONGEST_REMOVAL:
        raise TrialNotRemoved(
            f"{_where(promotion, known)} is still {seen.status}, "
            f"{LONGEST_REMOVAL.total_seconds() / 3600:.0f} hours after its removal began. It costs money: delete it "
            f"(aws sagemaker delete-endpoint --endpoint-name {known.endpoint}). {untouched(promotion)}"
        )


def may_be_left(promotion: Promotion) -> bool:
    """Whether a promotion that was stopped may have left a trial endpoint."""
    request = promotion.request
    gone = promotion.trial is not None and promotion.trial.progress is TrialProgress.GONE
    return promotion.stage.trial is not None and not (gone or request.roll_back or request.dry_run)


def untouched(promotion: Promotion) -> str:
    """Say for a person what became of the endpoint that serves."""
    return f"The endpoint {promotion.stage.endpoint} was not changed."


def _where(promotion: Promotion, known: TrialEndpoint) -> str:
    return f"The trial endpoint {known.endpoint} in {promotion.target.name} ({promotion.target.account})"
