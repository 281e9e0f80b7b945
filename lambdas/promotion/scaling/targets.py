"""Which of the endpoint's scalable targets block an update, and which are registered after it.

SageMaker refuses an update that changes the instance type of a variant which is a scalable target, or removes it;
deregistering a target deletes its policies and scheduled actions (AWS: SageMaker, "Update endpoints that use auto
scaling"; Application Auto Scaling API: DeregisterScalableTarget). Pure: no AWS calls.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.errors import IncompatibleRollout
from lambdas.promotion.contract.settings import CONCURRENCY, Scaling

# A local time has passed everywhere when it has passed in the westernmost time zone.
_WESTERNMOST = timedelta(hours=12)
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")
_MAY_BE_PUT = re.compile(r"arn:aws:sns:|arn:aws:autoscaling:[^/]*:resource/sagemaker/endpoint/")
_ONCE = re.compile(r"at\((?P<moment>[0-9T:-]+)\)")

Specification = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ScalableTarget:
    """The scaling of a variant, in the shapes of Application Auto Scaling's and CloudWatch's APIs.

    `register` has RegisterScalableTarget's capacities and SuspendedState; `policies` and `scheduled_actions` are
    requests without the fields that identify the target. `policy_arns` are the policies' ARNs by name when they were
    read: a policy that is recreated gets a new ARN, and the `alarms` (PutMetricAlarm) of step scaling refer to it.
    `unknown`: its fields that the SDK does not know, and what its alarms do that the scaler may not let them do, with
    what to do; such a target cannot be registered again. `arn`: empty if it is from before targets had one.
    """

    resource: str
    dimension: str
    register: dict[str, Any]
    policies: tuple[dict[str, Any], ...] = ()
    scheduled_actions: tuple[dict[str, Any], ...] = ()
    policy_arns: dict[str, str] = field(default_factory=dict)
    alarms: tuple[dict[str, Any], ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    arn: str = ""

    @property
    def variant(self) -> str:
        return self.resource.rpartition("/")[2]

    @property
    def key(self) -> tuple[str, str]:
        return self.resource, self.dimension


def resource_id(endpoint: str, variant: str) -> str:
    return f"endpoint/{endpoint}/variant/{variant}"


def variants_of(promotion: Promotion) -> dict[str, Specification]:
    """Return the production variants of the desired configuration by their names."""
    return {variant["VariantName"]: variant for variant in promotion.desired_config.request["ProductionVariants"]}


def blocking_targets(
    registered: Sequence[ScalableTarget], *, current: Mapping[str, Specification], desired: Mapping[str, Specification]
) -> list[ScalableTarget]:
    """Return the targets whose variants the update removes or changes; all of them if no change is observed.

    It is called after SageMaker has refused the update because of scalable targets: if our observation shows no change,
    SageMaker's decides, and every target counts as changed.
    """
    changed = changed_variants({target.variant: current.get(target.variant) for target in registered}, desired)
    return [target for target in registered if target.variant in changed] or list(registered)


def alarm_problems(alarms: Sequence[Mapping[str, Any]], policy_arns: Collection[str]) -> list[str]:
    """Return what of alarms the scaler may not put: actions that neither scale an endpoint nor notify, and sent tags.

    The scaler's role says so too (stacks/environment/scaling_role.py; API: AlarmTagsPropagation).
    """
    of_actions = [
        f"its alarm {alarm['AlarmName']} has the action {action}, which is neither a scaling policy of an endpoint nor "
        "a topic; remove the action, or deregister the target"
        for alarm in alarms
        for field_name in _ACTIONS
        for action in alarm.get(field_name, [])
        if action not in policy_arns and not _MAY_BE_PUT.match(action)
    ]
    of_tags = [
        f"{alarm['AlarmName']}.ActionConfiguration.AlarmTagsPropagation (to put such an alarm requires "
        "cloudwatch:ListTagsForResource, which the scaler does not have: let the alarm send no tags)"
        for alarm in alarms
        if alarm.get("ActionConfiguration", {}).get("AlarmTagsPropagation", {}).get("Enabled")
    ]
    return [*of_actions, *of_tags]


def require_restorable(targets: Sequence[ScalableTarget], *, subject: str) -> None:
    """Only what can be registered again is suspended. Raises IncompatibleRollout with every unknown field."""
    problems = [f"{target.resource}: {problem}" for target in targets for problem in target.unknown]
    if problems:
        raise IncompatibleRollout(
            f"{subject} has automatic scaling that blocks the update, and Promote could not register all of it again: "
            f"{'; '.join(problems)}. It was not suspended."
        )


def changed_variants(current: Mapping[str, Specification | None], desired: Mapping[str, Specification]) -> list[str]:
    """Return the names of the `current` variants that an update to `desired` removes or gives different hardware."""
    return [name for name, variant in current.items() if _hardware(variant) != _hardware(desired.get(name))]


def merged(recorded: Sequence[ScalableTarget], observed: Sequence[ScalableTarget]) -> list[ScalableTarget]:
    """Return the recorded targets updated by the observed ones, which may be fewer: none is removed."""
    targets = {target.key: target for target in recorded}
    for target in observed:
        targets[target.key] = _overlaid(targets[target.key], target) if target.key in targets else target
    return list(targets.values())


def to_register(
    suspended: Sequence[ScalableTarget], configured: Sequence[Scaling], *, endpoint: str
) -> list[ScalableTarget]:
    """Return the suspended targets, in which the stage's configuration replaces parts of the same name."""
    return merged(
        suspended,
        [
            ScalableTarget(
                resource=resource_id(endpoint, scaling.variant),
                dimension=scaling.dimension,
                register=dict(scaling.capacity),
                policies=scaling.policies,
                scheduled_actions=scaling.scheduled_actions,
            )
            for scaling in configured
        ],
    )


def matches(target: ScalableTarget, variants: Mapping[str, Specification]) -> bool:
    """Return whether the endpoint has the variant, and the variant the target's dimension.

    `variants` are the live variants by name, as DescribeEndpoint reports them.
    """
    if target.variant not in variants:
        return False
    variant = variants[target.variant]
    serverless = variant.get("DesiredServerlessConfig") or variant.get("CurrentServerlessConfig")
    if target.dimension == CONCURRENCY:
        return bool(serverless and "ProvisionedConcurrency" in serverless)
    return not serverless


def remaining_action(action: Mapping[str, Any], *, now: datetime) -> dict[str, Any] | None:
    """Return the scheduled action without a start time that has passed, or None if it is over."""
    if "EndTime" in action and _moment(action["EndTime"]) <= now:
        return None
    if once := _ONCE.fullmatch(action["Schedule"]):
        moment = datetime.fromisoformat(once["moment"]).replace(tzinfo=UTC)
        if moment + ("Timezone" in action) * _WESTERNMOST <= now:
            return None
    started = "StartTime" in action and _moment(action["StartTime"]) <= now
    return {name: value for name, value in action.items() if not (started and name == "StartTime")}


def with_new_policies(alarm: Mapping[str, Any], renamed: Mapping[str, str]) -> dict[str, Any]:
    """Return the alarm with each policy's ARN in its actions replaced by its new ARN."""
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
    return tuple({part[name]: part for part in [*below, *above]}.values())


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
