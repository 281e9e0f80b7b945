"""Preflight check of the quotas for the instances that run while the endpoint changes."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

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
from lambdas.promotion.preview import state as preview_state

if TYPE_CHECKING:
    from mypy_boto3_service_quotas import ServiceQuotasClient

# The pages of the quotas take no longer than other queries may.
_SECONDS_FOR_QUOTAS = 4.0


def uses_instances(promotion: Promotion) -> bool:
    """Whether the change needs instances: those of a change that is under way exist already."""
    under_way = promotion.change is not None and promotion.change.progress is Progress.IN_PROGRESS
    return not under_way and bool(fleet.of_config(promotion.desired_config.request, {}))


def _quota_probes(context: Context) -> Iterator[Probe]:
    promotion, client = context.promotion, context.session(Role.DEPLOYER).quotas
    required = required_instances(promotion, context.current, rollout.of_stage(promotion.stage))
    names = [quota_name(instance_type) for instance_type in required]
    yield query_probe(
        lambda: quotas(names, until=time.monotonic() + _SECONDS_FOR_QUOTAS, client=client),
        f"The quotas {', '.join(names)}",
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


def quota_name(instance_type: str) -> str:
    """Return how Service Quotas calls the number of instances of a type for endpoints."""
    return f"{instance_type} for endpoint usage"


def quotas(names: Iterable[str], *, until: float, client: ServiceQuotasClient) -> dict[str, float]:
    """Return the values of SageMaker's quotas with these names. It has thousands of them, in pages of 100.

    `until` is a time of time.monotonic(): what is not read by then is left out.
    """
    wanted, values = set(names), dict[str, float]()
    for page in client.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker"):
        values |= {quota["QuotaName"]: quota["Value"] for quota in page["Quotas"] if quota["QuotaName"] in wanted}
        if wanted <= values.keys() or time.monotonic() > until:
            break
    return values


def exceeded(target: Environment, required: Mapping[str, int], values: Mapping[str, float]) -> list[CheckResult]:
    """Compare the required instances with the quotas' values by name; a quota without a value is inconclusive."""
    results: list[CheckResult] = []
    for instance_type, count in sorted(required.items()):
        name = quota_name(instance_type)
        value = values.get(name)
        if value is None:
            results.append(
                Inconclusive(subject=f"The quota {name!r}", reason="it was not read in time, or does not exist")
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
        statements=lambda _: [(["servicequotas:ListServiceQuotas"], ["*"])],
        probes=_quota_probes,
    ),
)
