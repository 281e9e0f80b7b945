"""Run the preflight checks: all that apply, concurrently, and every result together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from lambdas.promotion.aws import concurrency
from lambdas.promotion.contract.document import Promotion, Transfer
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.time_limits import CONNECTIONS
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint import model_client
from lambdas.promotion.endpoint.access import deployer_session
from lambdas.promotion.endpoint.current_deployment import CurrentDeployment
from lambdas.promotion.preflight import facts, findings
from lambdas.promotion.preflight.check import Check, applicable, simulations
from lambdas.promotion.preflight.checks import CHECKS
from lambdas.promotion.preflight.findings import CheckResult, Finding, Inconclusive


@dataclass(frozen=True, kw_only=True)
class PreflightResult:
    """The results of the checks, and the facts that the plan of a dry run reports.

    `targets_to_suspend`: scalable targets (ResourceId).
    """

    results: tuple[CheckResult, ...] = ()
    current: CurrentDeployment | None = None
    model_exists: bool = False
    config_exists: bool = False
    images_missing: tuple[str, ...] = ()
    targets_to_suspend: tuple[str, ...] = ()

    @property
    def findings(self) -> list[Finding]:
        return findings.grouped(result for result in self.results if isinstance(result, Finding))

    @property
    def inconclusive(self) -> list[Inconclusive]:
        return list(dict.fromkeys(result for result in self.results if isinstance(result, Inconclusive)))


def run(
    promotion: Promotion, transfers: Sequence[Transfer], *, until: float, checks: Collection[Check] = CHECKS
) -> PreflightResult:
    """Run the checks. `transfers`: each artifact, and whether its copy exists. `until`: of time.monotonic().

    What AWS refuses is a result. Raises Transient errors, and UnexpectedFault of a probe (`probes.probe`).
    """
    required = applicable(checks, promotion)
    context, results = facts.gather(promotion, transfers, required, until=until)
    probes = [probe for check in required for probe in check.bound_probes(context)]
    probes += simulations(required, context, until=until)
    for probed in concurrency.run(probes, at_once=CONNECTIONS, until=until, doing="The preflight"):
        results += probed
    return PreflightResult(
        results=tuple(results),
        current=context.current,
        model_exists=context.model.exists,
        config_exists=context.endpoint_config.exists,
        images_missing=tuple(image.target for image in context.missing_images),
        targets_to_suspend=context.targets_to_suspend,
    )


def observe_rollback(promotion: Promotion) -> PreflightResult:
    """Return what the endpoint serves, and which resources the rollback would create again. Raises NameTaken."""
    observed = observe_only(promotion)
    if promotion.restores_foreign_names:
        return observed
    sagemaker = deployer_session(promotion).sagemaker
    return replace(
        observed,
        model_exists=bool(model_client.find_same(promotion.desired_model, sagemaker=sagemaker)),
        config_exists=bool(endpoint_client.find_same_config(promotion.desired_config, sagemaker=sagemaker)),
    )


def observe_only(promotion: Promotion) -> PreflightResult:
    """Return what the endpoint serves where nothing is to be done, so that nothing needs to be checked."""
    current = facts.read_current_deployment(
        promotion.stage.endpoint,
        deployer=deployer_session(promotion),
        query=facts.query_session(promotion, Role.DEPLOYER),
    )
    return PreflightResult(current=current, model_exists=True, config_exists=True)
