"""What an endpoint's state means for a promotion, before and after its change. InService alone is not success.

Pure: no AWS calls; a rule raises or returns a value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from lambdas.promotion.contract.document import Change, Progress, Promotion, VariantCapacity
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

CHANGEABLE = frozenset({"InService", "OutOfService", "UpdateRollbackFailed"})  # the states that UpdateEndpoint accepts


@dataclass(frozen=True, kw_only=True)
class ObservedEndpoint:
    """What DescribeEndpoint reports. `pending_config` is set while a change to a configuration is in progress.

    `capacities` are those of the live production variants; `serverless`: they have no instances; `asynchronous`: the
    endpoint takes requests from S3.
    """

    status: str
    config: str
    modified_at: datetime
    pending_config: str | None = None
    failure_reason: str | None = None
    counts_settled: bool = True
    capacities: tuple[VariantCapacity, ...] = ()
    serverless: bool = False
    asynchronous: bool = False

    @property
    def variants(self) -> tuple[str, ...]:
        """The names of the live production variants."""
        return tuple(capacity.variant for capacity in self.capacities)

    @property
    def heading_for(self) -> str:
        return self.pending_config or self.config

    @property
    def reason(self) -> str:
        return f"SageMaker reports: {self.failure_reason}" if self.failure_reason else "SageMaker reports no reason."


def before_change(promotion: Promotion, observed: ObservedEndpoint | None) -> Change:
    """Return the change that the endpoint requires in its observed state. Raises BlockedByFailedEndpoint."""
    if observed is None:
        return Change(progress=Progress.CHANGE_REQUIRED)
    ours = observed.heading_for == promotion.desired_config.name
    endpoint = promotion.endpoint_in_words
    if observed.status == "Failed":
        raise BlockedByFailedEndpoint(
            f"{endpoint} is Failed, so SageMaker allows only its deletion. {observed.reason} "
            f"Delete it (aws sagemaker delete-endpoint --endpoint-name {promotion.stage.endpoint}), then promote again."
        )
    if (
        observed.status == "InService"
        and observed.config == promotion.desired_config.name
        and not observed.pending_config
    ):
        return Change(progress=Progress.NOTHING_TO_DO, previous_config=observed.config, adopted=True)
    if observed.status in {"Creating", "Updating"} and ours:
        # An endpoint that scales or is maintained is Updating as well, on its current configuration.
        previous = None if observed.status == "Creating" else observed.config
        return Change(progress=Progress.IN_PROGRESS, previous_config=previous, adopted=True)
    if observed.status in CHANGEABLE:
        return Change(
            progress=Progress.CHANGE_REQUIRED,
            previous_config=observed.config,
            previous_modified_at=observed.modified_at,
            previous_capacities=observed.capacities,
        )
    return Change(progress=Progress.BUSY, previous_config=observed.config, previous_modified_at=observed.modified_at)


def require_time_to_change(promotion: Promotion, *, now: datetime) -> None:
    """A change is not started after the deadline: no step would observe it. Raises DeploymentTimedOut."""
    if now > promotion.deadline:
        raise DeploymentTimedOut(
            f"The {promotion.deadline_in_words} passed before the endpoint {promotion.stage.endpoint} in "
            f"{promotion.target.name} was changed; its current deployment is unchanged. Promote again, with a longer "
            "deadline if the copy takes that long."
        )


def require_time_left(promotion: Promotion, observed: ObservedEndpoint | None, *, now: datetime) -> None:
    """The promotion waits for another principal's change of the endpoint until its deadline. Raises EndpointBusy."""
    if now > promotion.deadline:
        raise EndpointBusy(
            f"The endpoint {promotion.stage.endpoint} in {promotion.target.name} was still "
            f"{observed.status if observed else 'being created'} by another principal at the "
            f"{promotion.deadline_in_words}. This promotion did not change it. Promote again when it is InService."
        )


def require_time_to_observe(promotion: Promotion, reason: str, *, now: datetime) -> None:
    """An endpoint that cannot be described, for `reason`, is polled until the deadline. Raises DeploymentTimedOut."""
    if now > promotion.deadline:
        raise DeploymentTimedOut(
            f"{promotion.endpoint_in_words} could not be described at the {promotion.deadline_in_words}. {reason} "
            "Check its current deployment, then promote again."
        )


def require_time_to_test(promotion: Promotion, *, now: datetime) -> None:
    """A smoke test that could not run is tried again until the deadline. Raises DeploymentTimedOut."""
    if now > promotion.deadline:
        raise DeploymentTimedOut(
            f"{promotion.endpoint_in_words} is in service on {promotion.desired_config.name}, but its smoke test could "
            f"not be run before the {promotion.deadline_in_words}: Lambda or AWS was not available. Promote again."
        )


def adopted(earlier: Change | None, change: Change, *, requested: bool) -> Change:
    """Return whose change to our configuration is in progress, and keep the endpoint's configuration before it.

    A step that is retried observes its own effect: a change that this execution has `requested` counts as its own.
    """
    requested = requested or bool(earlier and earlier.requested)
    if earlier is None:
        return replace(change, requested=requested)
    if not change.adopted:
        return replace(change, requested=requested, capacity_failures=earlier.capacity_failures)
    # The endpoint had our configuration from the beginning, and the promotion completed what else it requires.
    completed = (
        change.progress is Progress.NOTHING_TO_DO
        and earlier.progress is not Progress.IN_PROGRESS
        and change.previous_config == earlier.previous_config
    )
    return replace(
        change,
        capacity_failures=earlier.capacity_failures,
        previous_config=earlier.previous_config,
        previous_modified_at=earlier.previous_modified_at,
        previous_capacities=earlier.previous_capacities,
        adopted=not completed and not requested,
        requested=requested,
    )


def after_change(promotion: Promotion, observed: ObservedEndpoint | None, *, now: datetime) -> Progress:
    """Return whether the endpoint is in service on our configuration; InService alone is not success.

    Raises the error that the endpoint's state means for the promotion.
    """
    change = promotion.change or Change(progress=Progress.IN_PROGRESS)
    desired = promotion.desired_config.name
    endpoint = promotion.endpoint_in_words
    if observed is None or observed.status == "Deleting":
        raise DeploymentSuperseded(f"{endpoint} was deleted while it was being changed. Promote again to create it.")
    # Right after the call a response may be stale; it then has the modification time from before the call.
    stale = change.previous_modified_at is not None and observed.modified_at <= change.previous_modified_at
    if not stale:
        _require_not_failed(promotion, change, observed)
    if observed.pending_config not in {None, desired, change.previous_config}:
        raise DeploymentSuperseded(
            f"{endpoint} is being updated to {observed.pending_config} by another principal, not to this promotion's "
            f"own {desired}. Decide which configuration is to be in service, then promote it."
        )
    if observed.status == "InService" and not observed.pending_config:
        if observed.config == desired and observed.counts_settled:
            return Progress.IN_SERVICE
        if observed.config == change.previous_config != desired and not stale:
            return _after_rollback(promotion, change, observed, now=now)
        if observed.config not in {desired, change.previous_config}:
            raise DeploymentSuperseded(
                f"{endpoint} is InService on {observed.config}, not on this promotion's own {desired}: another "
                "principal changed it. Decide which configuration is to be in service, then promote it."
            )
    if now > promotion.deadline:
        raise DeploymentTimedOut(
            f"{endpoint} was {observed.status} on {observed.config} at the {promotion.deadline_in_words} and not in "
            f"service on {desired}. {observed.reason} The update may still complete: check the endpoint's current "
            "deployment, then promote again."
        )
    return Progress.IN_PROGRESS


def _require_not_failed(promotion: Promotion, change: Change, observed: ObservedEndpoint) -> None:
    desired, endpoint = promotion.desired_config.name, promotion.endpoint_in_words
    if observed.status in {"Failed", "OutOfService"}:
        if capacity_errors.is_lacking(observed.failure_reason):
            raise NoCapacity(
                f"{endpoint} is {observed.status}: AWS had insufficient capacity for {observed.config or desired}. "
                f"{observed.reason} Delete a Failed endpoint, then promote again later, or give the stage another "
                "instance type."
            )
        raise EndpointFailed(
            f"{endpoint} is {observed.status} on configuration {observed.config or desired}. {observed.reason} "
            "Read the endpoint's log group, delete a Failed endpoint, then promote again."
        )
    if observed.status == "UpdateRollbackFailed":
        raise RollbackFailed(
            f"{endpoint} failed to update to {desired} and failed to roll back: {desired} and {change.previous_config} "
            f"may both receive traffic. {observed.reason} Update it to the last known good configuration immediately."
        )


def _after_rollback(promotion: Promotion, change: Change, observed: ObservedEndpoint, *, now: datetime) -> Progress:
    """Return NO_CAPACITY if the update is to be tried again; raise why SageMaker rolled it back if not."""
    desired, endpoint = promotion.desired_config.name, promotion.endpoint_in_words
    if capacity_errors.is_lacking(observed.failure_reason):
        if capacity_errors.may_retry(promotion.stage, change, deadline=promotion.deadline, now=now):
            return Progress.NO_CAPACITY
        attempts = change.capacity_failures + 1
        raise NoCapacity(
            f"{endpoint} is InService on its previous configuration {observed.config}: AWS had insufficient "
            f"capacity for {desired}{f', {attempts} times' if attempts > 1 else ''}. {observed.reason} The "
            "previous model is in service. Promote again later, or give the stage another instance type or "
            "instance pools."
        )
    raise DeploymentRolledBack(
        f"{endpoint} is InService on its previous configuration {observed.config}: SageMaker rolled back "
        f"{desired}{'' if observed.failure_reason else ', or another principal did'}. {observed.reason} "
        "The previous model is in service. Fix the model, then promote again."
    )
