"""The permissions that a target's roles require for its stages' endpoint options: exact buckets, topics and keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aws_cdk import aws_iam as iam

from stacks.baseline.iam_conditions import via_service
from stacks.config.schema import Stage
from stacks.environment.base import AccountScope


def allow_hosting(environment: AccountScope, role: iam.Role) -> None:
    """Allow the execution role what the running endpoints do with it."""
    region = environment.stack.region
    stages = environment.configured_stages()
    written = _below(uri for stage in stages for uri in _outputs(stage))
    read = _below(stage.async_inference.s3_input_path for stage in stages if stage.async_inference)
    baselines = {
        _arn(stage.explainer.shap.shap_baseline_uri)
        for stage in stages
        if stage.explainer and stage.explainer.shap.shap_baseline_uri
    }
    keys = {key for stage in stages for key in _output_keys(stage)}
    topics = {
        topic
        for stage in stages
        if stage.async_inference
        for topic in (stage.async_inference.success_topic, stage.async_inference.error_topic)
        if topic
    }
    if written:
        environment.allow(role, "WriteOutputs", ["s3:AbortMultipartUpload", "s3:PutObject"], written)
    if read:
        environment.allow(role, "ReadRequests", ["s3:GetObject"], read)
    if baselines:
        environment.allow(role, "ReadBaselines", ["s3:GetObject"], sorted(baselines))
    if keys:
        environment.allow(
            role,
            "EncryptOutputs",
            # Decrypt: for objects in parts (AWS: KMS and multipart uploads), and for requests.
            ["kms:Decrypt", "kms:GenerateDataKey"],
            sorted(keys),
            via_service("s3", region),
        )
    if topics:
        environment.allow(role, "PublishResponses", ["sns:Publish"], sorted(topics))
    if any(variant.enable_ssm_access for stage in stages for variant in stage.every_variant):
        environment.allow(role, "OpenSessions", _SHELL, ["*"])
    wildcards = [f"Resource::{arn}" for arn in sorted({*written, *read})]
    environment.accept_wildcards(role, wildcards, "SageMaker generates the objects' names below the stage's S3 URI.")


def allow_deployment(environment: AccountScope, role: iam.Role) -> None:
    """Allow the deployer what CreateEndpoint and UpdateEndpoint require of their caller."""
    stages = environment.configured_stages()
    keys = {stage.volume_key for stage in stages if stage.volume_key}
    if keys:
        environment.allow(
            role, "GrantVolumeKeys", ["kms:CreateGrant"], sorted(keys), {"Bool": {"kms:GrantIsForAWSResource": "true"}}
        )
    if any(stage.rollout and stage.rollout.alarms for stage in stages):
        environment.allow(role, "DescribeRolloutAlarms", ["cloudwatch:DescribeAlarms"], ["*"])
        environment.accept_wildcards(
            role,
            ["Resource::*"],
            "With a narrower permission DescribeAlarms does not return composite alarms (API: DescribeAlarms).",
        )


# AWS: "Access containers through SSM". They do not support resource-level permissions.
_SHELL = [
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
]


def _outputs(stage: Stage) -> Iterator[str | None]:
    """The S3 URIs that the endpoint writes to."""
    yield from (variant.core_dump.destination_s3_uri for variant in stage.every_variant if variant.core_dump)
    if stage.data_capture:
        yield stage.data_capture.destination_s3_uri
    if stage.async_inference:
        yield stage.async_inference.s3_output_path
        yield stage.async_inference.s3_failure_path


def _output_keys(stage: Stage) -> list[str]:
    parts = [
        *(variant.core_dump for variant in stage.every_variant),
        stage.data_capture,
        stage.async_inference,
    ]
    return [part.kms_key_id for part in parts if part and part.kms_key_id]


def _arn(uri: str) -> str:
    return f"arn:aws:s3:::{uri.removeprefix('s3://')}"


def _below(uris: Iterable[str | None]) -> list[str]:
    return sorted({f"{_arn(uri).rstrip('/')}/*" for uri in uris if uri})
