"""The deployer's session: this promotion's model, configuration and endpoint."""

from __future__ import annotations

from lambdas.promotion.aws import sessions
from lambdas.promotion.aws.scoped_sessions import bucket_and_prefix_arns, scoped_session, session_policy
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract import resource_names
from lambdas.promotion.contract.document import Execution, Promotion
from lambdas.promotion.contract.roles import Role
from lambdas.promotion.contract.settings import Environment, Stage


def endpoint_viewer_session(
    stage: Stage, target: Environment, *, execution: Execution, external_id: str | None
) -> RoleSession:
    """Describe one endpoint, before the promotion is resolved."""
    endpoints = resource_names.endpoint_arns(target.account, target.region, stage.endpoint)
    return sessions.assume(
        target.role_arn(Role.DEPLOYER),
        region=target.region,
        session_name=execution.promotion_id,
        external_id=external_id,
        policy=session_policy((["sagemaker:DescribeEndpoint"], endpoints)),
    )


def deployer_session(promotion: Promotion, *, also_config: str | None = None) -> RoleSession:
    """Read the artifacts and create this promotion's model, configuration and endpoint, nothing else.

    `also_config` is another configuration, to which the endpoint is rolled back.
    """
    target = promotion.target
    configs = [promotion.target_arn("endpoint-config", promotion.desired_config.name)]
    if also_config:  # perhaps created manually: IAM may evaluate its name as it was requested
        configs += resource_names.resource_arns("endpoint-config", target.account, target.region, also_config)
    return scoped_session(
        promotion,
        target,
        Role.DEPLOYER,
        (
            [
                *("s3:GetObject", "s3:ListBucket", "s3:ListBucketVersions"),
                *("s3:ListBucketMultipartUploads", "s3:AbortMultipartUpload"),
            ],
            [
                *bucket_and_prefix_arns(target.artifact_bucket, promotion.artifact_prefix),
                f"arn:aws:s3:::{target.artifact_bucket}/{promotion.incoming_prefix}*",  # aborts uploads there
            ],
        ),
        (["kms:Decrypt", "kms:CreateGrant", "ecr:BatchGetImage", "cloudwatch:DescribeAlarms"], ["*"]),
        (
            ["sagemaker:*"],
            [
                promotion.target_arn("model", promotion.desired_model.name),
                *configs,
                *resource_names.endpoint_arns(target.account, target.region, promotion.stage.endpoint),
            ],
        ),
        (["iam:PassRole"], [target.role_arn(Role.EXECUTION)]),
    )
