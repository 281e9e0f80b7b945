"""The deployer's session for the preview endpoint: it has no permission on the live endpoint."""

from __future__ import annotations

from lambdas.promotion.aws.scoped_sessions import scoped_session
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import PreviewEndpoint, Promotion
from lambdas.promotion.contract.roles import Role


def preview_session(promotion: Promotion, preview: PreviewEndpoint) -> RoleSession:
    """Create and delete the preview endpoint and its configuration; the session may not access the live endpoint."""
    target = promotion.target
    return scoped_session(
        promotion,
        target,
        Role.DEPLOYER,
        (["kms:CreateGrant"], ["*"]),
        (
            ["sagemaker:*"],
            [
                promotion.target_arn("endpoint-config", preview.config),
                promotion.target_arn("endpoint", preview.endpoint),
            ],
        ),
    )
