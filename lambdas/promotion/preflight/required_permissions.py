"""Which rights a promotion will need that cannot be tried without making something: IAM is asked for them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from lambdas.promotion.artifacts import partitioning
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import Artifact, ImageCopy, Promotion
from lambdas.promotion.contract.resource_names import Role
from lambdas.promotion.images import references
from lambdas.promotion.preflight.iam_simulation import RequiredPermission
from lambdas.promotion.preview import state as preview_state

_PUSH = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:CompleteLayerUpload",
    "ecr:CreateRepository",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)
_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


def of_deployer(
    promotion: Promotion, artifacts: Sequence[Artifact], *, endpoint_exists: bool, key: str | None
) -> Iterator[RequiredPermission]:
    """Yield what the deployer needs. `key`: the ARN of the target's key, if it is known."""
    target, role = promotion.target, promotion.target.role_arn(Role.DEPLOYER)
    region = {"aws:RequestedRegion": target.region}
    change = ("sagemaker:UpdateEndpoint",) if endpoint_exists else ("sagemaker:CreateEndpoint",)
    tagged = () if endpoint_exists else ("sagemaker:AddTags",)
    yield RequiredPermission(
        role=role,
        actions=("sagemaker:CreateModel", "sagemaker:AddTags"),
        resource=promotion.target_arn("model", promotion.desired_model.name),
        context=region,
    )
    yield RequiredPermission(
        role=role,
        actions=("sagemaker:CreateEndpointConfig", "sagemaker:AddTags", *change),
        resource=promotion.target_arn("endpoint-config", promotion.desired_config.name),
        context=region,
    )
    yield RequiredPermission(
        role=role,
        actions=(*change, *tagged),
        resource=resource_names.endpoint_arns(target.account, target.region, promotion.stage.endpoint)[0],
        context=region,
    )
    yield RequiredPermission(
        role=role,
        actions=("iam:PassRole",),
        resource=target.role_arn(Role.EXECUTION),
        context={"iam:PassedToService": "sagemaker.amazonaws.com"},
    )
    yield from _read_permissions(promotion, Role.DEPLOYER, artifacts, key=key)


def of_preview(promotion: Promotion) -> Iterator[RequiredPermission]:
    """Yield what the deployer needs for a temporary endpoint, if the model is tried on one."""
    if not preview_state.is_enabled(promotion):
        return
    target, role, preview = promotion.target, promotion.target.role_arn(Role.DEPLOYER), preview_state.begin(promotion)
    region = {"aws:RequestedRegion": target.region}
    yield RequiredPermission(
        role=role,
        actions=(
            "sagemaker:CreateEndpointConfig",
            "sagemaker:AddTags",
            "sagemaker:CreateEndpoint",
            "sagemaker:DeleteEndpointConfig",
        ),
        resource=promotion.target_arn("endpoint-config", preview.config),
        context=region,
    )
    yield RequiredPermission(
        role=role,
        actions=(
            "sagemaker:CreateEndpoint",
            "sagemaker:AddTags",
            "sagemaker:DescribeEndpoint",
            "sagemaker:DeleteEndpoint",
        ),
        resource=promotion.target_arn("endpoint", preview.endpoint),
        context=region,
    )


def of_invoker(promotion: Promotion) -> Iterator[RequiredPermission]:
    """Yield what the invoker needs to ask the endpoints, and to read what asynchronous ones answer."""
    target, role, stage = promotion.target, promotion.target.role_arn(Role.INVOKER), promotion.stage
    if not stage.smoke_tests:
        return
    region = {"aws:RequestedRegion": target.region}
    asked = [stage.endpoint]
    if preview_state.is_enabled(promotion):
        asked.append(preview_state.begin(promotion).endpoint)
    for endpoint in asked:
        yield RequiredPermission(
            role=role,
            actions=("sagemaker:InvokeEndpointAsync" if stage.response_uris else "sagemaker:InvokeEndpoint",),
            resource=promotion.target_arn("endpoint", endpoint),
            context=region,
        )
    for place in stage.response_locations:
        bucket = place.partition("/")[0]
        yield RequiredPermission(
            role=role, actions=("s3:GetObject",), resource=f"arn:aws:s3:::{place}/answer", context=region
        )
        yield RequiredPermission(
            role=role, actions=("s3:ListBucket",), resource=f"arn:aws:s3:::{bucket}", context=region
        )


def of_execution_role(
    promotion: Promotion, artifacts: Sequence[Artifact], *, key: str | None
) -> Iterator[RequiredPermission]:
    """Yield what SageMaker needs to load the model and its images in the target's name."""
    target, role = promotion.target, promotion.target.role_arn(Role.EXECUTION)
    yield from _read_permissions(promotion, Role.EXECUTION, artifacts, key=key)
    if artifacts and "S3Prefix" in json.dumps(promotion.desired_model.request):
        yield RequiredPermission(
            role=role,
            actions=("s3:ListBucket",),
            resource=f"arn:aws:s3:::{target.artifact_bucket}",
            context={"s3:prefix": promotion.artifact_prefix, "aws:RequestedRegion": target.region},
        )
    repositories = {
        image.repository_arn
        for address in references.named_in(promotion.desired_model.request)
        if (image := references.parse(address)).account
    }
    region = {"aws:RequestedRegion": target.region}
    for repository in sorted(repositories):
        yield RequiredPermission(role=role, actions=_PULL, resource=repository, context=region)
    if repositories:
        yield RequiredPermission(role=role, actions=("ecr:GetAuthorizationToken",), resource="*", context=region)


def of_copier(promotion: Promotion, missing: Sequence[Artifact], *, key: str | None) -> Iterator[RequiredPermission]:
    """Yield what the copier needs of the target's key: what is copied by parts is read again there."""
    if not missing or key is None:
        return
    whole = promotion.route.annotations
    by_parts = any(partitioning.part_size(artifact, whole_if_possible=whole) for artifact in missing)
    yield RequiredPermission(
        role=promotion.source.role_arn(Role.COPIER),
        actions=("kms:GenerateDataKey", "kms:Decrypt") if by_parts else ("kms:GenerateDataKey",),
        resource=key,
        context=_via_s3(promotion.target.region),
    )


def of_pusher(promotion: Promotion, missing: Sequence[ImageCopy]) -> Iterator[RequiredPermission]:
    """Yield what the pusher needs for the images that the target's registry has not."""
    for image in missing:
        yield RequiredPermission(
            role=promotion.target.role_arn(Role.PUSHER),
            actions=_PUSH,
            resource=references.parse(image.target).repository_arn,
            context={"aws:RequestedRegion": promotion.target.region},
        )


def _read_permissions(
    promotion: Promotion, duty: Role, artifacts: Sequence[Artifact], *, key: str | None
) -> Iterator[RequiredPermission]:
    target, role = promotion.target, promotion.target.role_arn(duty)
    if not artifacts:
        return
    yield RequiredPermission(
        role=role,
        actions=("s3:GetObject",),
        # Any key of the stage: a key of a model may have characters that no ARN takes.
        resource=f"arn:aws:s3:::{target.artifact_bucket}/{promotion.artifact_prefix}model",
        context={"aws:RequestedRegion": target.region},
    )
    if key:
        yield RequiredPermission(role=role, actions=("kms:Decrypt",), resource=key, context=_via_s3(target.region))


def _via_s3(region: str) -> dict[str, str]:
    return {"kms:ViaService": f"s3.{region}.amazonaws.com", "aws:RequestedRegion": region}
