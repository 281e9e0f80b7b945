"""What an endpoint's state means for a promotion, before and after its change. InService alone proves nothing.

Pure: no AWS here; a rule raises or returns a value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from lambdas.promotion.contract.document import Change, Progress, Promotion
from lambdas.promotion.contract.errors import (
    BlockedByFailedEndpoint,
    DeploymentRolledBack,
    DeploymentSuperseded,
    DeploymentTimedOut,
    EndpointBusy,
    EndpointFailed,
    NoCapacity,
    RollbackFailed,
)
from lambdas.promotion.endpoint import capacity_errors

CHANGEABLE = frozenset({"InService", "OutOfService", "UpdateRollbackFailed"})  # what UpdateEndpoint takes


@dataclass(frozen=True, kw_only=True)
class ObservedEndpoint:
    """What DescribeEndpoint said. `pending_config` is set while a change to a configuration is under way.

    `variants` are the names of the production variants that serve, and `serverless` whether they have no instances.
    """

    status: str
    config: str
    modified_at: datetime
    pending_config: str | None = None
    failure_reason: str | None = None
    counts_settled: bool = True
    variants: tuple[str, ...] = ()
    serverless: bool = False

    @property
    def heading_for(self) -> str:
        return self.pending_config or self.config

    @property
    def reason(self) -> str:
        return f"SageMaker says: {self.failure_reason}" if self.failure_reason else "SageMaker gives no reason."


def before_change(promotion: Promotion, seen: ObservedEndpoint | None) -> Change:
    """Return what is to be done with the endpoint as it is now. Raises BlockedByFailedEndpoint."""
    if seen is None:
        return Change(progress=Progress.CHANGE_REQUIRED)
    ours = seen.heading_for == promotion.desired_config.name
    where = promotion.endpoint_in_words
    if seen.status == "Failed":
        raise BlockedByFailedEndpoint(
            f"{where} is Failed, so SageMaker allows only its deletion. {seen.reason} "
            f"Delete it (aws sagemaker delete-endpoint --endpoint-name {promotion.stage.endpoint}), then promote again."
        )
    if seen.status == "InService" and seen.config == promotion.desired_config.name and not seen.pending_config:
        return Change(progress=Progress.NOTHING_TO_DO, previous_config=seen.config, adopted=True)
    if seen.status in {"Creating", "Updating"} and ours:
        # What scales or is maintained is Updating as well, on the configuration that it serves.
        previous = None if seen.status == "Creating" else seen.config
        return Change(progress=Progress.IN_PROGRESS, previous_config=previous, adopted=True)
    if seen.status in CHANGEABLE:
        return Change(
            progress=Progress.CHANGE_REQUIRED,
            previous_config=seen.config,
            previous_modified_at=seen.modified_at,
        )
    return Change(progress=Progress.BUSY, previous_config=seen.config, previous_modified_at=seen.modified_at)


def require_time_to_change(promotion: Promotion, *, now: datetime) -> None:
    """A change is not begun after the deadline: nobody would watch it."""
    if now > promotion.deadline:
        raise DeploymentTimedOut(
            f"The deadline of stage {promotion.stage.name!r} ({promotion.deadline:%Y-%m-%d %H:%M} UTC) passed before "
            f"the endpoint {promotion.stage.endpoint} in {promotion.target.name} was changed; what served it serves. "
            "Promote again, with a longer deadline if the copy takes that long."
        )


def require_time_left(promotion: Promotion, seen: ObservedEndpoint | None, *, now: datetime) -> None:
    """Somebody else's change of the endpoint is waited for, but not for ever."""
    if now > promotion.deadline:
        raise EndpointBusy(
            f"The endpoint {promotion.stage.endpoint} in {promotion.target.name} was still "
            f"{seen.status if seen else 'being created'} by somebody else's doing at the deadline of stage "
            f"{promotion.stage.name!r} ({promotion.deadline:%Y-%m-%d %H:%M} UTC). This promotion changed nothing "
            "there. Promote again when it is InService."
        )


def adopted(known: Change | None, change: Change, *, requested: bool) -> Change:
    """Say whose change it is that is under way to our configuration, and keep what the endpoint served before it.

    A step that is run again sees its own effect: what this execution has `tried` counts as its own.
    """
    requested = requested or bool(known and known.requested)
    if known is None:
        return replace(change, requested=requested)
    if not change.adopted:
        return replace(change, requested=requested, capacity_failures=known.capacity_failures)
    # It served our configuration from the beginning, and the promotion mended what the endpoint needs beside it.
    mended = (
        change.progress is Progress.NOTHING_TO_DO
        and known.progress is not Progress.IN_PROGRESS
        and change.previous_config == known.previous_config
    )
    return replace(
        change,
        capacity_failures=known.capacity_failures,
        previous_config=known.previous_config,
        previous_modified_at=known.previous_modified_at,
        adopted=not mended and not requested,
        requested=requested,
    )


def after_change(promotion: Promotion, seen: ObservedEndpoint | None, *, now: datetime) -> Progress:
    """Say whether the endpoint serves our configuration; InService alone proves nothing.

    Raises what the endpoint's state means for the promotion.
    """
    change = promotion.change or Change(progress=Progress.IN_PROGRESS)
    wanted = promotion.desired_config.name
    where = promotion.endpoint_in_words
    if seen is None or seen.status == "Deleting":
        raise DeploymentSuperseded(f"{where} was deleted while it was being changed. Promote again to make it anew.")
    # Right after the call an answer may still be the old one; nothing has been modified since in that case.
    stale = change.previous_modified_at is not None and seen.modified_at <= change.previous_modified_at
    if seen.status in {"Failed", "OutOfService"} and not stale:
        if capacity_errors.is_lacking(seen.failure_reason):
            raise NoCapacity(
                f"{where} is {seen.status}: AWS had no instances for {seen.config or wanted}. {seen.reason} "
                "Delete a Failed endpoint, then promote again later, or give the stage another instance type."
            )
        raise EndpointFailed(
            f"{where} is {seen.status} on configuration {seen.config or wanted}. {seen.reason} "
            "Read the endpoint's log group, delete a Failed endpoint, then promote again."
        )
    if seen.status == "UpdateRollbackFailed" and not stale:
        raise RollbackFailed(
            f"{where} failed to change to {wanted} and failed to go back: a mix of {wanted} and "
            f"{change.previous_config} may serve now. {seen.reason} Update it to a configuration that is known to "
            "be good at once."
        )
    if seen.pending_config not in {None, wanted, change.previous_config}:
        raise DeploymentSuperseded(
            f"{where} is being changed to {seen.pending_config}, not to this promotion's own {wanted}: somebody "
            "else changes it meanwhile. Decide which one should serve and promote that."
        )
    if seen.status == "InService" and not seen.pending_config:
        if seen.config == wanted and seen.counts_settled:
            return Progress.IN_SERVICE
        back = seen.config == change.previous_config != wanted and not stale
        if back and capacity_errors.is_lacking(seen.failure_reason):
            if capacity_errors.may_retry(promotion, change, now=now):
                return Progress.NO_CAPACITY
            tries = change.capacity_failures + 1
            raise NoCapacity(
                f"{where} is InService on its previous configuration {seen.config}: AWS had no instances for {wanted}"
                f"{f', {tries} times' if tries > 1 else ''}. {seen.reason} The previous model serves. Promote again "
                "later, or give the stage another instance type or instance pools."
            )
        if back:
            raise DeploymentRolledBack(
                f"{where} is InService, but on its previous configuration {seen.config} again: SageMaker rolled "
                f"{wanted} back{'' if seen.failure_reason else ', or somebody changed it back'}. {seen.reason} "
                "The previous model serves. Mend the model, then promote again."
            )
        if seen.config not in {wanted, change.previous_config}:
            raise DeploymentSuperseded(
                f"{where} is InService on {seen.config}, not on this promotion's own {wanted}: somebody else changed "
                "it meanwhile. Decide which one should serve and promote that."
            )
    if now > promotion.deadline:
        raise DeploymentTimedOut(
            f"{where} was {seen.status} on {seen.config} at the deadline of stage {promotion.stage.name!r} "
            f"({promotion.deadline:%Y-%m-%d %H:%M} UTC) and not in service on {wanted}. {seen.reason} It may still get "
            "there: look at the endpoint, then promote again."
        )
    return Progress.IN_PROGRESS
