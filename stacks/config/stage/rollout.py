"""How an endpoint is brought from one configuration to the next: UpdateEndpoint's DeploymentConfig, in short words."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator

from lambdas.promotion.contract import settings
from lambdas.promotion.contract.time_limits import LONGEST_DEPLOYMENT
from stacks.config.fields.field_types import (
    AlarmName,
    Duration,
    StrictModel,
    Wait,
    duration_between,
    integer_between,
    seconds,
)


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


Part = Annotated[Size, PlainValidator(_size)]


class Rollout(StrictModel):
    """At most one of `canary`, `linear` and `rolling`; without them, all at once."""

    canary: Part | None = None
    linear: Part | None = None
    rolling: Part | None = None
    wait: Wait = "0s"
    termination_wait: Wait | None = None
    rollback_batch: Part | None = None
    maximum_execution_time: Annotated[Duration, duration_between(600, LONGEST_DEPLOYMENT.seconds)] | None = None
    alarms: Annotated[tuple[AlarmName, ...], Field(max_length=10)] = ()

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


class CapacityRetries(StrictModel):
    """How often, and after how long, an update that found no instances is tried again."""

    max_attempts: Annotated[int, integer_between(1, 20)]
    wait: Annotated[Duration, duration_between(60, 3600)] = "10m"

    def deployed(self) -> settings.CapacityRetries:
        return settings.CapacityRetries(max_attempts=self.max_attempts, wait_seconds=seconds(self.wait))


class Update(StrictModel):
    """The members of a stage that say how its endpoint is updated."""

    rollout: Rollout | None = None
    retain_all_variant_properties: Annotated[bool, Field(strict=True)] = True
    exclude_retained_variant_properties: tuple[Literal["DesiredInstanceCount", "DesiredWeight"], ...] = ()
    capacity_retries: CapacityRetries | None = None
