"""What stands in the way of an update of the endpoint's automatic scaling, and what is to be registered after it.

SageMaker refuses an update that changes the instance type of a variant which is a scalable target, or removes it;
deregistering a target deletes its policies and scheduled actions (AWS: SageMaker, "Update endpoints that use auto
scaling"; Application Auto Scaling API: DeregisterScalableTarget). Pure: no AWS here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.settings import CONCURRENCY, Scaling

# A time of day is over everywhere when it is over in the westernmost zone.
_WESTERNMOST = timedelta(hours=12)
_ONCE = re.compile(r"at\((?P<moment>[0-9T:-]+)\)")

Specification = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ScalableTarget:
    """A variant as it is scaled, in the words of Application Auto Scaling's and CloudWatch's APIs.

    `register` has RegisterScalableTarget's capacities and SuspendedState; `policies` and `scheduled_actions` are
    requests without what names the target. `policy_arns` are the policies' ARNs by name when they were read: a policy
    that is made again gets another, and the `alarms` (PutMetricAlarm) of step scaling call it by its ARN.
    """

    resource: str
    dimension: str
    register: dict[str, Any]
    policies: tuple[dict[str, Any], ...] = ()
    scheduled_actions: tuple[dict[str, Any], ...] = ()
    policy_arns: dict[str, str] = field(default_factory=dict)
    alarms: tuple[dict[str, Any], ...] = ()
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def variant(self) -> str:
        return self.resource.rpartition("/")[2]

    @property
    def key(self) -> tuple[str, str]:
        return self.resource, self.dimension


def resource_id(endpoint: str, variant: str) -> str:
    return f"endpoint/{endpoint}/variant/{variant}"


def variants_of(promotion: Promotion) -> dict[str, Specification]:
    """Return the production variants of the wanted configuration by their names."""
    return {one["VariantName"]: one for one in promotion.desired_config.request["ProductionVariants"]}


def blocking_targets(
    registered: Sequence[ScalableTarget], *, now: Mapping[str, Specification], wanted: Mapping[str, Specification]
) -> list[ScalableTarget]:
    """Return the targets whose variants the update removes or changes; all of them if none is seen to be so.

    It is asked when SageMaker has refused the update because of them: what it saw and we do not is taken for changed.
    """
    changed = changed_variants({one.variant: now.get(one.variant) for one in registered}, wanted)
    return [one for one in registered if one.variant in changed] or list(registered)


def changed_variants(now: Mapping[str, Specification | None], wanted: Mapping[str, Specification]) -> list[str]:
    """Return the variants of `now` that an update to `wanted` removes, or gives other hardware, by their names."""
    return [name for name, variant in now.items() if _hardware(variant) != _hardware(wanted.get(name))]


def merged(known: Sequence[ScalableTarget], found: Sequence[ScalableTarget]) -> list[ScalableTarget]:
    """Return what was written down before with what is found now, which may be less: nothing is taken away."""
    targets = {one.key: one for one in known}
    for one in found:
        targets[one.key] = _overlaid(targets[one.key], one) if one.key in targets else one
    return list(targets.values())


def to_register(
    put_aside: Sequence[ScalableTarget], configured: Sequence[Scaling], *, endpoint: str
) -> list[ScalableTarget]:
    """Return what was put aside, with what the stage says of a variant instead of what was there of the same name."""
    return merged(
        put_aside,
        [
            ScalableTarget(
                resource=resource_id(endpoint, one.variant),
                dimension=one.dimension,
                register=dict(one.capacity),
                policies=one.policies,
                scheduled_actions=one.scheduled_actions,
            )
            for one in configured
        ],
    )


def matches(target: ScalableTarget, there: Mapping[str, Specification]) -> bool:
    """Say whether the endpoint has the variant now, and the variant what is scaled of it.

    `there` are the variants by name, as DescribeEndpoint tells them.
    """
    if target.variant not in there:
        return False
    variant = there[target.variant]
    serverless = variant.get("DesiredServerlessConfig") or variant.get("CurrentServerlessConfig")
    if target.dimension == CONCURRENCY:
        return bool(serverless and "ProvisionedConcurrency" in serverless)
    return not serverless


def still_to_come(action: Mapping[str, Any], *, now: datetime) -> dict[str, Any] | None:
    """Return the scheduled action without a start that has passed, or None if all of it has."""
    if "EndTime" in action and _moment(action["EndTime"]) <= now:
        return None
    if once := _ONCE.fullmatch(action["Schedule"]):
        moment = datetime.fromisoformat(once["moment"]).replace(tzinfo=UTC)
        if moment + ("Timezone" in action) * _WESTERNMOST <= now:
            return None
    begun = "StartTime" in action and _moment(action["StartTime"]) <= now
    return {name: value for name, value in action.items() if not (begun and name == "StartTime")}


def with_new_policies(alarm: Mapping[str, Any], renamed: Mapping[str, str]) -> dict[str, Any]:
    """Return the alarm with each policy's ARN in its actions replaced by the one that it has now."""
    return {
        name: [renamed.get(arn, arn) for arn in value] if name.endswith("Actions") else value
        for name, value in alarm.items()
    }


def _hardware(variant: Specification | None) -> tuple[Any, ...] | None:
    if variant is None:
        return None
    serverless = variant.get("ServerlessConfig")
    concurrency = bool(serverless and "ProvisionedConcurrency" in serverless)
    return variant.get("InstanceType"), serverless is not None, concurrency


def _overlaid(below: ScalableTarget, above: ScalableTarget) -> ScalableTarget:
    return replace(
        above,
        register={**below.register, **above.register},
        policies=_by_name(below.policies, above.policies, "PolicyName"),
        scheduled_actions=_by_name(below.scheduled_actions, above.scheduled_actions, "ScheduledActionName"),
        policy_arns={**below.policy_arns, **above.policy_arns},
        alarms=_by_name(below.alarms, above.alarms, "AlarmName"),
        tags={**below.tags, **above.tags},
    )


def _by_name(
    below: Collection[dict[str, Any]], above: Collection[dict[str, Any]], name: str
) -> tuple[dict[str, Any], ...]:
    return tuple({one[name]: one for one in [*below, *above]}.values())


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
