"""What the invoker needs for the smoke tests of asynchronous endpoints: to ask them, and to read the answers in S3."""

from __future__ import annotations

from aws_cdk import aws_iam as iam

from lambdas.promotion.contract import resource_names
from stacks.baseline.iam_conditions import via_service
from stacks.environment.base import AccountScope


def allow_async_invocation(environment: AccountScope, role: iam.Role) -> None:
    """Give the invoker the endpoints of tested stages with async_inference, and the addresses they answer to."""
    account, region = environment.stack.account, environment.stack.region
    stages = environment.configured_stages()
    asked = [(stage, stage.async_inference) for stage in stages if stage.smoke_test and stage.async_inference]
    if not asked:
        return
    endpoints = [
        arn
        for stage, _ in asked
        for name in [
            stage.endpoint,
            *([resource_names.preview_endpoint(stage.endpoint, resource_names.ANY_DIGEST)] if stage.preview else []),
        ]
        for arn in resource_names.endpoint_arns(account, region, name)
    ]
    paths = {path for _, part in asked for path in (part.s3_output_path, part.s3_failure_path) if path}
    places = {path.removeprefix("s3://").rstrip("/") for path in paths}
    objects = sorted(f"arn:aws:s3:::{place}/*" for place in places)
    buckets = sorted({f"arn:aws:s3:::{place.partition('/')[0]}" for place in places})
    keys = sorted({part.kms_key_id for _, part in asked if part.kms_key_id})
    environment.allow(role, "InvokeAsynchronously", ["sagemaker:InvokeEndpointAsync"], endpoints)
    environment.allow(role, "ReadResponses", ["s3:GetObject"], objects)
    environment.allow(role, "DistinguishPendingFromDenied", ["s3:ListBucket"], buckets)
    if keys:
        environment.allow(role, "DecryptResponses", ["kms:Decrypt"], keys, via_service("s3", region))
    environment.accept_wildcards(
        role, [f"Resource::{one}" for one in objects], "SageMaker names the answers below the stage's address."
    )
