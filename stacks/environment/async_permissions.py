"""The permissions of the invoker for the smoke tests of asynchronous endpoints: to invoke them, to read responses."""

from __future__ import annotations

from aws_cdk import aws_iam as iam

from lambdas.promotion.contract import resource_names
from stacks.baseline.iam_conditions import via_service
from stacks.environment.base import AccountScope


def allow_async_invocation(environment: AccountScope, role: iam.Role) -> None:
    """Allow the invoker the endpoints of tested stages with async_inference, and the S3 URIs of their responses."""
    account, region = environment.stack.account, environment.stack.region
    stages = environment.configured_stages()
    tested = [(stage, stage.async_inference) for stage in stages if stage.smoke_test and stage.async_inference]
    if not tested:
        return
    endpoints = [
        arn
        for stage, _ in tested
        for name in [
            stage.endpoint,
            *([resource_names.preview_endpoint(stage.endpoint, resource_names.ANY_DIGEST)] if stage.preview else []),
        ]
        for arn in resource_names.endpoint_arns(account, region, name)
    ]
    paths = {path for _, part in tested for path in (part.s3_output_path, part.s3_failure_path) if path}
    prefixes = {path.removeprefix("s3://").rstrip("/") for path in paths}
    objects = sorted(f"arn:aws:s3:::{prefix}/*" for prefix in prefixes)
    buckets = sorted({f"arn:aws:s3:::{prefix.partition('/')[0]}" for prefix in prefixes})
    keys = sorted({part.kms_key_id for _, part in tested if part.kms_key_id})
    environment.allow(role, "InvokeAsynchronously", ["sagemaker:InvokeEndpointAsync"], endpoints)
    environment.allow(role, "ReadResponses", ["s3:GetObject"], objects)
    environment.allow(role, "DistinguishPendingFromDenied", ["s3:ListBucket"], buckets)
    if keys:
        environment.allow(role, "DecryptResponses", ["kms:Decrypt"], keys, via_service("s3", region))
    environment.accept_wildcards(
        role,
        [f"Resource::{arn}" for arn in objects],
        "SageMaker generates the names of the responses below the stage's S3 URI.",
    )
