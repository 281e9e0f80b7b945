"""What stands in the way of a change though every right is there: quotas, alarms, names. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.errors import IncompatibleRollout, QuotaExceeded
from lambdas.promotion.contract.resource_names import Role
from lambdas.promotion.endpoint import rollout, update_constraints
from lambdas.promotion.endpoint import state as endpoint_state
from lambdas.promotion.endpoint.current_deployment import CurrentDeployment
from lambdas.promotion.endpoint.rollout import DeploymentConfig
from lambdas.promotion.preflight.findings import CheckResult, Finding, Inconclusive
from lambdas.promotion.preview import state as preview_state
from lambdas.promotion.scaling import targets as scaling_targets


def excluded(promotion: Promotion, serving: CurrentDeployment | None) -> list[CheckResult]:
    """What SageMaker would refuse of the update because of what serves; what is being changed is seen later."""
    if serving is None or serving.observed.status not in endpoint_state.CHANGEABLE:
        return []
    seen = serving.observed
    return [
        Finding(
            role=_deployer(promotion),
            action="sagemaker:UpdateEndpoint",
            resource=_endpoint(promotion),
            message=problem,
            remedy="",
            error=IncompatibleRollout,
        )
        for problem in update_constraints.problems(promotion.stage, seen.variants, serverless=seen.serverless)
    ]


def not_serverless(promotion: Promotion) -> list[CheckResult]:
    """What a serverless endpoint cannot have of the model, if the stage is one, or its trial.

    AWS: Serverless Inference, feature exclusions; API: ModelDataSource.
    """
    wanted = [promotion.desired_config]
    if preview_state.is_enabled(promotion):
        wanted.append(preview_state.config(promotion))
    serverless = [
        one for one in wanted if any("ServerlessConfig" in variant for variant in one.request["ProductionVariants"])
    ]
    model = promotion.desired_model.request
    containers = model.get("Containers") or [model.get("PrimaryContainer", {})]
    has = {
        "several containers": len(containers) > 1,
        "a container for several models (MultiModel)": any(one.get("Mode") == "MultiModel" for one in containers),
        "model data that is not one archive (ModelDataSource)": any("ModelDataSource" in one for one in containers),
        "network isolation": bool(model.get("EnableNetworkIsolation")),
        "a VPC": "VpcConfig" in model,
    }
    excluded = [what for what, there in has.items() if there]
    return [
        Finding(
            role=_deployer(promotion),
            action="sagemaker:CreateEndpointConfig",
            resource=promotion.target_arn("endpoint-config", one.name),
            message=f"It is serverless, and the model has {', '.join(excluded)}, which SageMaker excludes there.",
            remedy="Give the stage, or its trial, instances.",
        )
        for one in serverless
        if excluded
    ]


def required_instances(
    promotion: Promotion, serving: CurrentDeployment | None, config: DeploymentConfig
) -> dict[str, int]:
    """Return, by instance type, how many instances the endpoint has at least while the model is tried and changed.

    Blue/green runs the old fleet beside the new one; the new one is as large as the old is now (API: UpdateEndpoint,
    RetainAllVariantProperties). A trial is beside the old fleet as well, and gone before the change.
    """
    counts = serving.counts if serving else {}
    new = _instances(scaling_targets.variants_of(promotion).values(), counts)
    old = _instances(serving.variants.values(), counts) if serving else Counter[str]()
    change = new if rollout.is_rolling(config) else new + old
    preview = Counter[str]()
    if preview_state.is_enabled(promotion):
        preview = old + _instances(preview_state.config(promotion).request["ProductionVariants"], {})
    return {instance_type: max(change[instance_type], preview[instance_type]) for instance_type in sorted(new)}


def _instances(variants: Iterable[scaling_targets.Specification], counts: Mapping[str, int]) -> Counter[str]:
    """Return the instances of the variants by type, where they have any; without a live count, as many as at first."""
    found = Counter[str]()
    for variant in variants:
        if "InstanceType" in variant:
            initial: int = variant.get("InitialInstanceCount", 1)
            found[variant["InstanceType"]] += counts.get(variant["VariantName"], initial)
    return found


def quota_name(instance_type: str) -> str:
    """Return how Service Quotas calls the number of instances of a type for endpoints."""
    return f"{instance_type} for endpoint usage"


def quotas(promotion: Promotion, needed: Mapping[str, int], found: Mapping[str, float]) -> list[CheckResult]:
    """Compare with the quotas, by their names; one that is not there could not be found out."""
    answers: list[CheckResult] = []
    for instance_type, count in sorted(needed.items()):
        name = quota_name(instance_type)
        quota = found.get(name)
        if quota is None:
            answers.append(
                Inconclusive(subject=f"The quota {name!r}", reason="it was not found out in time, or does not exist")
            )
        elif quota < count:
            answers.append(
                Finding(
                    role=_deployer(promotion),
                    action=f"run {count} instances of {instance_type} during the change",
                    resource=f"the quota {name!r} of {promotion.target.account} in {promotion.target.region}",
                    message=f"It is {quota:g}, and other endpoints count as well.",
                    remedy="Ask for a higher quota (Service Quotas), or use another instance type or fewer instances.",
                    error=QuotaExceeded,
                )
            )
    return answers


def variants_blocked_by_scaling(promotion: Promotion, serving: CurrentDeployment | None) -> list[str]:
    """Return the variants that the change removes or gives other hardware.

    SageMaker refuses that while they are scalable targets (AWS: "Update endpoints that use automatic scaling").
    """
    return scaling_targets.changed_variants(serving.variants, scaling_targets.variants_of(promotion)) if serving else []


def alarms(promotion: Promotion, wanted: Iterable[str], states: Mapping[str, str]) -> list[CheckResult]:
    """`states`: the alarms that exist, and their states. A red one would roll the update back at once."""
    answers: list[CheckResult] = []
    for name in wanted:
        state = states.get(name)
        if state not in {None, "ALARM"}:
            continue
        place = f"{promotion.target.account} in {promotion.target.region}"
        answers.append(
            Finding(
                role=_deployer(promotion),
                action="sagemaker:UpdateEndpoint with an alarm",
                resource=f"the alarm {name} of {place}",
                message="It is in the state ALARM." if state else "There is no such alarm.",
                remedy=(
                    "See what raises it, and promote when it is quiet."
                    if state
                    else "Create it, or correct the stage's rollout in promotion.yaml."
                ),
            )
        )
    return answers


def key_state(promotion: Promotion, key: str, state: str) -> list[CheckResult]:
    """A key that is disabled or to be deleted encrypts nothing (API: KMS, KeyState)."""
    if state == "Enabled":
        return []
    return [
        Finding(
            role=_deployer(promotion),
            action="kms:Decrypt",
            resource=key,
            message=f"The key of the target's bucket is in the state {state}.",
            remedy="Enable it, or cancel its deletion: nothing in the bucket can be read without it.",
        )
    ]


def _endpoint(promotion: Promotion) -> str:
    return promotion.target_arn("endpoint", promotion.stage.endpoint)


def _deployer(promotion: Promotion) -> str:
    return promotion.target.role_arn(Role.DEPLOYER)
