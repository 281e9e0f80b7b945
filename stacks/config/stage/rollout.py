"""How an endpoint is brought from one configuration to the next: UpdateEndpoint's DeploymentConfig, in short words."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from lambdas.promotion.contract import settings
from lambdas.promotion.contract.time_limits import LONGEST_DEPLOYMENT
from stacks.config.fields.field_types import (
    AlarmName,
    Duration,
    Flag,
    StrictModel,
    Wait,
    duration_between,
    integer_between,
    seconds,
)
from stacks.config.fields.option import NEXT_UPDATE, option


@dataclass(frozen=True)
class Size:
    """A part of a fleet (API: CapacitySize): a share of it in percent, or a number of instances."""

    value: int
    percent: bool

    def __str__(self) -> str:
        return f"{self.value}%" if self.percent else str(self.value)

    def to_api(self) -> dict[str, Any]:
        return {"Type": "CAPACITY_PERCENT" if self.percent else "INSTANCE_COUNT", "Value": self.value}

    def steps(self, instances: int) -> int:
        """Return in how many steps of this size a fleet is replaced."""
        return math.ceil(100 / self.value if self.percent else instances / self.value)


def _size(value: object) -> Size:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return Size(value, percent=False)
    share = re.fullmatch(r"([1-9][0-9]?|100)%", value) if isinstance(value, str) else None
    if not share:
        raise ValueError(f"must be a share of the fleet such as 10%, or a number of instances, not {value!r}")
    return Size(int(share[1]), percent=True)


Part = Annotated[
    Size,
    PlainValidator(_size),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^([1-9][0-9]?|100)%$", "description": "a share such as 10%"},
                {"type": "integer", "minimum": 1, "description": "a number of instances"},
            ]
        }
    ),
]


class Rollout(StrictModel, title="A stage's rollout"):
    """How an **update** goes from the old fleet to the new one (API: DeploymentConfig); a first endpoint is created.

    At most one of `canary`, `linear` and `rolling`; without them, all at once. A size is a share of the fleet (`10%`)
    or a number of instances (`2`). When an alarm goes off or the new fleet is unhealthy, SageMaker rolls back and the
    promotion ends with `DeploymentRolledBack`.

    Blue/green (all but `rolling`) needs twice the instances meanwhile: check the quotas. SageMaker requires **the same
    variant names** as the live configuration, and has no rollout for serverless endpoints. What the live endpoint
    excludes is known when a promotion inspects it: `IncompatibleRollout`. For AWS Marketplace's endpoints SageMaker
    silently deploys all at once (AWS: Deployment guardrails, exclusions); `ml.inf1` is refused here.
    """

    canary: Annotated[
        Part | None,
        option(
            "At most 50%. First this part of the traffic goes to the new fleet, and after `wait` the rest "
            "(CanarySize).",
            example="10%",
            effect=NEXT_UPDATE,
        ),
    ] = None
    linear: Annotated[
        Part | None,
        option(
            "From 10% to 50%. The traffic moves in steps of this size (LinearStepSize).",
            example="25%",
            effect=NEXT_UPDATE,
        ),
    ] = None
    rolling: Annotated[
        Part | None,
        option(
            "From 5% to 50%. Instances are replaced in batches of this size, so there is never a second fleet "
            "(MaximumBatchSize). For one variant only.",
            example=1,
            effect=NEXT_UPDATE,
        ),
    ] = None
    wait: Annotated[
        Wait,
        option(
            "How long the alarms are watched after each step (WaitIntervalInSeconds). At most 1h.",
            example="15m",
            effect=NEXT_UPDATE,
        ),
    ] = "0s"
    termination_wait: Annotated[
        Wait | None,
        option(
            "How long the old fleet is kept after the last step (TerminationWaitInSeconds). At most 1h. Not with "
            "`rolling`.",
            example="10m",
            effect=NEXT_UPDATE,
        ),
    ] = None
    rollback_batch: Annotated[
        Part | None,
        option(
            "With `rolling`: the batches of a rollback (RollbackMaximumBatchSize). Without it, 100%.",
            example="100%",
            effect=NEXT_UPDATE,
        ),
    ] = None
    maximum_execution_time: Annotated[
        Annotated[Duration, duration_between(600, LONGEST_DEPLOYMENT.seconds)] | None,
        option(
            "From 10m to 8h. After that SageMaker rolls back (MaximumExecutionTimeoutInSeconds). Longer than what the "
            "rollout itself waits.",
            example="2h",
            effect=NEXT_UPDATE,
        ),
    ] = None
    alarms: Annotated[
        tuple[AlarmName, ...],
        Field(max_length=10),
        option(
            "Names of CloudWatch alarms in the target's account and Region, metric alarms or composite ones "
            "(AutoRollbackConfiguration). They must exist, and not be in ALARM when the update begins. Without alarms, "
            "nothing is watched during the waits.",
            example=["text-classifier-5xx"],
            effect=f"{NEXT_UPDATE} Deploy the environment too (permissions change).",
        ),
    ] = ()

    @property
    def strategies(self) -> list[str]:
        """The kinds that are named: there may be one."""
        return [kind for kind in ("canary", "linear", "rolling") if getattr(self, kind)]

    def waits(self, instances: int) -> int:
        """Return for how many seconds SageMaker at least waits, with a fleet of so many instances.

        A canary is watched once, a linear rollout between its steps, a rolling one after each batch, and one that is
        all at once before the old fleet goes (API: TrafficRoutingConfig, RollingUpdatePolicy).
        """
        times = 1
        if self.linear:
            times = self.linear.steps(instances) - 1
        elif self.rolling:
            times = self.rolling.steps(instances)
        return times * seconds(self.wait) + seconds(self.termination_wait or "0s")

    def deployment_config(self) -> dict[str, Any]:
        """Return UpdateEndpoint's DeploymentConfig."""
        policy = self._rolling() if self.rolling else self._blue_green()
        if self.maximum_execution_time:
            next(iter(policy.values()))["MaximumExecutionTimeoutInSeconds"] = seconds(self.maximum_execution_time)
        if self.alarms:
            policy["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in self.alarms]}
        return policy

    def _rolling(self) -> dict[str, Any]:
        assert self.rolling  # noqa: S101 - asked before
        policy = {"MaximumBatchSize": self.rolling.to_api(), "WaitIntervalInSeconds": seconds(self.wait)}
        if self.rollback_batch:
            policy["RollbackMaximumBatchSize"] = self.rollback_batch.to_api()
        return {"RollingUpdatePolicy": policy}

    def _blue_green(self) -> dict[str, Any]:
        routing: dict[str, Any] = {"Type": "ALL_AT_ONCE"}
        if self.canary:
            routing = {"Type": "CANARY", "CanarySize": self.canary.to_api()}
        elif self.linear:
            routing = {"Type": "LINEAR", "LinearStepSize": self.linear.to_api()}
        # Required also for all at once (API: TrafficRoutingConfig).
        policy: dict[str, Any] = {
            "TrafficRoutingConfiguration": {**routing, "WaitIntervalInSeconds": seconds(self.wait)}
        }
        if self.termination_wait:
            policy["TerminationWaitInSeconds"] = seconds(self.termination_wait)
        return {"BlueGreenUpdatePolicy": policy}


class CapacityRetries(StrictModel, title="A stage's capacity_retries"):
    """For an **update** that SageMaker rolled back because AWS had no instances.

    Without it, and after the last retry, the promotion ends with `NoCapacity`. A first endpoint that found no instances
    is Failed, and is deleted (or kept: `failed_first_deployment`).
    """

    max_attempts: Annotated[
        int,
        integer_between(1, 20),
        option("How many more times the update is tried, within the deadline.", example=3, effect=NEXT_UPDATE),
    ]
    wait: Annotated[
        Duration,
        duration_between(60, 3600),
        option("How long before the next try: from 1m to 1h.", example="10m", effect=NEXT_UPDATE),
    ] = "10m"

    def deployed(self) -> settings.CapacityRetries:
        return settings.CapacityRetries(max_attempts=self.max_attempts, wait_seconds=seconds(self.wait))


class Update(StrictModel):
    """The fields of a stage that define how its endpoint is updated."""

    rollout: Annotated[
        Rollout | None,
        option(
            "How an update moves traffic to the new fleet. Without it, all at once.",
            example={"canary": "10%", "wait": "15m", "alarms": ["text-classifier-5xx"]},
            effect=NEXT_UPDATE,
        ),
    ] = None
    retain_all_variant_properties: Annotated[
        Flag,
        option(
            "RetainAllVariantProperties: an update keeps the instance counts and weights that the live variants of the "
            "same name have now. `false`: each update sets those of the file, and an endpoint that autoscaling has "
            "grown shrinks in the middle of its traffic.",
            example=False,
            effect=NEXT_UPDATE,
        ),
    ] = True
    exclude_retained_variant_properties: Annotated[
        tuple[Literal["DesiredInstanceCount", "DesiredWeight"], ...],
        option(
            "ExcludeRetainedVariantProperties: what is set from the file nevertheless.",
            example=["DesiredWeight"],
            effect=NEXT_UPDATE,
        ),
    ] = ()
    capacity_retries: Annotated[
        CapacityRetries | None,
        option(
            "Retries an update for which AWS had no instances.",
            example={"max_attempts": 3, "wait": "10m"},
            effect=NEXT_UPDATE,
        ),
    ] = None
