"""Preflight check of the preview endpoint."""

from __future__ import annotations

from collections.abc import Iterator

from lambdas.promotion.contract.document import Promotion
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.preflight import findings
from lambdas.promotion.preflight.check import Check
from lambdas.promotion.preflight.iam_simulation import RequiredPermission
from lambdas.promotion.preview import state as preview_state


def permissions_to_preview(promotion: Promotion) -> Iterator[RequiredPermission]:
    """Yield what the deployer needs to create and delete the preview endpoint and its configuration."""
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


CHECKS = (
    Check(
        title="The deployer can create and delete the preview endpoint",
        role=Role.DEPLOYER,
        remedy=findings.GRANT_PERMISSION,
        applies=preview_state.is_enabled,
        permissions=lambda context: permissions_to_preview(context.promotion),
    ),
)
