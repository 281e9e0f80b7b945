"""Preflight checks of the model, the endpoint configuration and the endpoint: their names, the update, who makes them.

What the checks of the update say holds for the deployment that serves now; the deploy step looks at it again.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import DesiredResource, Promotion
from lambdas.promotion.contract.errors import IncompatibleRollout
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.endpoint import client as endpoint_client
from lambdas.promotion.endpoint import rollout, update_constraints
from lambdas.promotion.endpoint import state as endpoint_state
from lambdas.promotion.endpoint.current_deployment import CurrentDeployment
from lambdas.promotion.images import references
from lambdas.promotion.preflight import findings
from lambdas.promotion.preflight.access import Purpose
from lambdas.promotion.preflight.check import Check
from lambdas.promotion.preflight.context import Context, NamedResource
from lambdas.promotion.preflight.findings import CheckResult, Finding
from lambdas.promotion.preflight.iam_simulation import RequiredPermission
from lambdas.promotion.preflight.probes import Probe
from lambdas.promotion.preview import state as preview_state


def _name_probes(context: Context) -> Iterator[Probe]:
    deployer = context.session(Role.DEPLOYER, Purpose.DEPLOY).role_arn
    for action, desired, existing in (
        ("sagemaker:CreateModel", context.promotion.desired_model, context.model),
        ("sagemaker:CreateEndpointConfig", context.promotion.desired_config, context.endpoint_config),
    ):
        yield functools.partial(name_conflict, action, desired, existing, role=deployer)


def name_conflict(action: str, desired: DesiredResource, existing: NamedResource, *, role: str) -> list[CheckResult]:
    if not existing.conflict:
        return []
    return [Finding(role=role, action=action, resource=desired.name, message=existing.conflict, error=existing.error)]


def _update_probes(context: Context) -> Iterator[Probe]:
    yield lambda: excluded(context.promotion, context.current)


def excluded(promotion: Promotion, current: CurrentDeployment | None) -> list[CheckResult]:
    """Return what of the update SageMaker refuses because of what serves. A change under way is judged when it ends."""
    if current is None or current.observed.status not in endpoint_state.CHANGEABLE:
        return []
    problems = update_constraints.problems(
        promotion.desired_config.request,
        rollout.of_stage(promotion.stage),
        current.observed,
        reversible=not promotion.request.roll_back,
    )
    if current.config_deleted and current.config != promotion.desired_config.name:  # ours is created again
        problems.append(endpoint_client.deleted_config(promotion.stage.endpoint, current.config))
    return [
        Finding(
            role=promotion.target.role_arn(Role.DEPLOYER),
            action="sagemaker:UpdateEndpoint",
            resource=promotion.target_arn("endpoint", promotion.stage.endpoint),
            message=problem,
            error=IncompatibleRollout,
        )
        for problem in problems
    ]


def _serverless_probes(context: Context) -> Iterator[Probe]:
    yield lambda: not_serverless(context.promotion)


def not_serverless(promotion: Promotion) -> list[CheckResult]:
    """Return what of the model a serverless endpoint cannot have, if the stage or its preview is serverless."""
    configs = [promotion.desired_config]
    if preview_state.is_enabled(promotion):
        configs.append(preview_state.config(promotion))
    problems = list(_problems_of_serverless(promotion))
    return [
        Finding(
            role=promotion.target.role_arn(Role.DEPLOYER),
            action="sagemaker:CreateEndpointConfig",
            resource=promotion.target_arn("endpoint-config", config.name),
            message=f"It is serverless, and {problem}",
            remedy=remedy,
        )
        for config in configs
        if any("ServerlessConfig" in variant for variant in config.request["ProductionVariants"])
        for problem, remedy in problems
    ]


def _problems_of_serverless(promotion: Promotion) -> Iterator[tuple[str, str | None]]:
    """Yield each problem with its remedy, None for the check's."""
    model, target = promotion.desired_model.request, promotion.target
    features = excluded_from_serverless(model)
    if features:
        yield f"the model has {', '.join(features)}, which SageMaker excludes there.", None
    for uri in references.named_in(model):
        if not references.is_in_account(uri, target.account):
            image = references.parse(uri)
            remedy = references.remedy_in_file(image, source=promotion.source, to="of that account")
            yield (
                f"the image {uri} is neither AWS's own nor in an Amazon ECR repository of account {target.account}: "
                "SageMaker pulls no other there.",
                f"{remedy[0].upper()}{remedy[1:]}, or give the stage, or its preview, instances.",
            )


def excluded_from_serverless(model: Mapping[str, Any]) -> list[str]:
    """Return the features of a CreateModel request that serverless endpoints exclude.

    AWS: Serverless Inference, feature exclusions; API: ModelDataSource.
    """
    containers = model.get("Containers") or [model.get("PrimaryContainer", {})]
    has_feature = {
        "several containers": len(containers) > 1,
        "a container for several models (MultiModel)": any(
            container.get("Mode") == "MultiModel" for container in containers
        ),
        "model data that is not one archive (ModelDataSource)": any(
            "ModelDataSource" in container for container in containers
        ),
        "network isolation": bool(model.get("EnableNetworkIsolation")),
        "a VPC": "VpcConfig" in model,
    }
    return [feature for feature, has in has_feature.items() if has]


def permissions_to_deploy(promotion: Promotion, *, endpoint_exists: bool) -> Iterator[RequiredPermission]:
    """Yield what the deployer needs to create the model and the configuration, and to create or update the endpoint.

    A rollback may have to restore the capacity of the live variants.
    """
    target, role = promotion.target, promotion.target.role_arn(Role.DEPLOYER)
    region = {"aws:RequestedRegion": target.region}
    change = ("sagemaker:UpdateEndpoint",) if endpoint_exists else ("sagemaker:CreateEndpoint",)
    restoring = ("sagemaker:UpdateEndpointWeightsAndCapacities",) if endpoint_exists else ()
    tagging = () if endpoint_exists else ("sagemaker:AddTags",)
    creation = () if promotion.restores_foreign_names else ("sagemaker:CreateEndpointConfig", "sagemaker:AddTags")
    if creation:
        yield RequiredPermission(
            role=role,
            actions=("sagemaker:CreateModel", "sagemaker:AddTags"),
            resource=promotion.target_arn("model", promotion.desired_model.name),
            context=region,
        )
    yield RequiredPermission(
        role=role,
        actions=(*creation, *change),
        resource=promotion.target_arn("endpoint-config", promotion.desired_config.name),
        context=region,
    )
    yield RequiredPermission(
        role=role,
        actions=(*change, *tagging, *restoring),
        resource=resource_names.endpoint_arns(target.account, target.region, promotion.stage.endpoint)[0],
        context=region,
    )
    yield RequiredPermission(
        role=role,
        actions=("iam:PassRole",),
        resource=target.role_arn(Role.EXECUTION),
        context={"iam:PassedToService": "sagemaker.amazonaws.com", **region},
    )


CHECKS = (
    Check(
        title="The names of the model and the endpoint configuration are free, or their content is the desired one",
        role=Role.DEPLOYER,
        purpose=Purpose.DEPLOY,
        remedy="A dry run shows whether the name is free.",
        probes=_name_probes,
    ),
    Check(
        title="SageMaker can update the endpoint from its current deployment as the stage requires",
        role=Role.DEPLOYER,
        remedy="Edit the stage in promotion.yaml, then deploy the hub's stack.",
        probes=_update_probes,
    ),
    Check(
        title="A serverless endpoint can run the model",
        role=Role.DEPLOYER,
        remedy="Give the stage, or its preview, instances.",
        probes=_serverless_probes,
    ),
    Check(
        title="The deployer can create the model and its configuration, and create or update the endpoint",
        role=Role.DEPLOYER,
        remedy=findings.GRANT_PERMISSION,
        permissions=lambda context: permissions_to_deploy(
            context.promotion, endpoint_exists=context.current is not None
        ),
    ),
)
