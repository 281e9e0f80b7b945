"""The deployer's session for the preview endpoint: the endpoint that serves is out of its reach."""

from __future__ import annotations

from lambdas.promotion.aws.scoped_sessions import scoped_session
from lambdas.promotion.aws.sessions import Account
from lambdas.promotion.contract.document import Promotion, TrialEndpoint
from lambdas.promotion.contract.resource_names import Duty


def as_trier(promotion: Promotion, trial: TrialEndpoint) -> Account:
    """Make and remove the trial endpoint and its configuration; the one that serves is out of reach."""
    target = promotion.target
    return scoped_session(
        promotion,
        target,
        Duty.DEPLOYER,
        (["kms:CreateGrant"], ["*"]),
        (
            ["sagemaker:*"],
            [promotion.target_arn("endpoint-config", trial.config), promotion.target_arn("endpoint", trial.endpoint)],
        ),
    )
