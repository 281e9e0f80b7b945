"""Preflight check of the quotas for the instances that run while the endpoint changes."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Mapping

from lambdas.promotion.contract.document import Progress, Promotion
from lambdas.promotion.contract.errors import QuotaExceeded
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import Environment
from lambdas.promotion.endpoint import fleet, rollout
from lambdas.promotion.endpoint.current_deployment import CurrentDeployment
from lambdas.promotion.endpoint.rollout import DeploymentConfig
from lambdas.promotion.preflight.check import Check
from lambdas.promotion.preflight.context import Context
from lambdas.promotion.preflight.findings import CheckResult, Finding, Inconclusive
from lambdas.promotion.preflight.probes import Probe, query_probe
from lambdas.promotion.preflight.quota_codes import quota_name
from lambdas.promotion.preflight.service_quotas import quotas
from lambdas.promotion.preview import state as preview_state

# For instance types without a code: all pages of the quotas, beside the other checks.
_SECONDS_FOR_SEARCH = 20.0
_READ_QUOTAS = ["servicequotas:GetServiceQuota", "servicequotas:ListServiceQuotas"]


def uses_instances(promotion: Promotion) -> bool:
    """Whether the change needs instances: those of a change that is under way exist already."""
    under_way = promotion.change is not None and promotion.change.progress is Progress.IN_PROGRESS
    return not under_way and bool(fleet.of_config(promotion.desired_config.request, {}))


def _quota_probes(context: Context) -> Iterator[Probe]:
    promotion, client = context.promotion, context.session(Role.DEPLOYER).quotas
    required = required_instances(promotion, context.current, rollout.of_stage(promotion.stage))
    yield query_probe(
        lambda: quotas(required, until=time.monotonic() + _SECONDS_FOR_SEARCH, client=client),
        f"The quotas {', '.join(quota_name(instance_type) for instance_type in required)}",
        functools.partial(exceeded, promotion.target, required),
    )
    yield functools.partial(uncounted, context.current)


def required_instances(
    promotion: Promotion, current: CurrentDeployment | None, config: DeploymentConfig
) -> dict[str, int]:
    """Return, by instance type, the most instances that the endpoint and its preview have at the same time.

    A preview runs beside the old fleet, and is deleted before the change. The new variants have the counts of the old
    ones of the same names, or those of the configuration (API: UpdateEndpoint, RetainAllVariantProperties).
    """
    new, live = promotion.desired_config.request, current.counts if current else {}
    old = fleet.of_config(current.request or {}, live) if current else fleet.Fleet()
    counts = live if promotion.stage.retains_instances else {}
    change = fleet.during_update(new, counts, old=old, config=config)
    preview = fleet.Fleet()
    if preview_state.is_enabled(promotion):
        preview = old + fleet.of_config(preview_state.config(promotion).request, {})
    return {instance_type: max(change[instance_type], preview[instance_type]) for instance_type in sorted(change)}


def uncounted(current: CurrentDeployment | None) -> list[CheckResult]:
    """Return that instances are live whose type is not known: DescribeEndpoint does not name it."""
    if current is None or current.request is not None or not current.counts:
        return []
    instances = sum(current.counts.values())
    return [
        Inconclusive(
            subject="The quotas of the instance types",
            reason=f"the types of the {instances} live instances could not be read, so they are not counted: "
            f"{current.reason}",
        )
    ]


def exceeded(target: Environment, required: Mapping[str, int], values: Mapping[str, float]) -> list[CheckResult]:
    """Compare the required instances with the quotas by type; a quota without a value is inconclusive."""
    results: list[CheckResult] = []
    for instance_type, count in sorted(required.items()):
        name = quota_name(instance_type)
        value = values.get(instance_type)
        if value is None:
            results.append(
                Inconclusive(
                    subject=f"The quota {name!r}", reason="it was not read in time, or has no applied value there"
                )
            )
        elif value < count:
            results.append(
                Finding(
                    role=target.role_arn(Role.DEPLOYER),
                    action=f"run {count} instances of {instance_type} during the change",
                    resource=f"the quota {name!r} of {target.account} in {target.region}",
                    message=f"It is {value:g}, and other endpoints count as well.",
                    error=QuotaExceeded,
                )
            )
    return results


CHECKS = (
    Check(
        title="The quotas allow the instances that run during the change",
        role=Role.DEPLOYER,
        remedy="Ask for a higher quota (Service Quotas), or use another instance type or fewer instances.",
        applies=uses_instances,
        statements=lambda _: [(_READ_QUOTAS, ["*"])],
        probes=_quota_probes,
    ),
)
