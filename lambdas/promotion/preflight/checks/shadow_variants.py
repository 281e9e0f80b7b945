"""Preflight check of shadow variants: the model is of a kind that SageMaker mirrors.

What a stage's own configuration excludes (asynchronous, serverless, Inf1) is refused at synthesis.
"""

from __future__ import annotations

from collections.abc import Iterator

from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.preflight.check import Check
from lambdas.promotion.preflight.context import Context
from lambdas.promotion.preflight.findings import CheckResult, Finding
from lambdas.promotion.preflight.probes import Probe


def excluded(promotion: Promotion) -> list[CheckResult]:
    """Return what of the model excludes the configuration's shadow variant, if any (AWS: Shadow tests, exclusions)."""
    config, model = promotion.desired_config, promotion.desired_model.request
    containers = model.get("Containers") or [model.get("PrimaryContainer", {})]
    has_feature = {
        "several containers": len(containers) > 1,
        "a container for several models (MultiModel)": any(
            container.get("Mode") == "MultiModel" for container in containers
        ),
    }
    features = [feature for feature, has in has_feature.items() if has]
    if not features or not config.request.get("ShadowProductionVariants"):
        return []
    return [
        Finding(
            role=promotion.target.role_arn(Role.DEPLOYER),
            action="sagemaker:CreateEndpointConfig",
            resource=promotion.target_arn("endpoint-config", config.name),
            message=f"It has a shadow variant, and the model has {', '.join(features)}, which SageMaker excludes.",
        )
    ]


def _probes(context: Context) -> Iterator[Probe]:
    yield lambda: excluded(context.promotion)


CHECKS = (
    Check(
        title="A shadow variant can mirror the model",
        role=Role.DEPLOYER,
        remedy="Remove the stage's shadow_variants, or register the model as one container for one model.",
        probes=_probes,
    ),
)
