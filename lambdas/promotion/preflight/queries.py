"""Queries about the target that a promotion can do without: no response is inconclusive, not a finding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.promotion.contract.errors import PromotionError
from lambdas.promotion.preflight.context import ArtifactKey
from lambdas.promotion.preflight.findings import Inconclusive
from lambdas.promotion.scaling import targets as scaling_targets

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_kms import KMSClient

T = TypeVar("T")

_TARGETS_PER_QUERY = 50  # API: DescribeScalableTargets, ResourceIds


def run_query(query: Callable[[], T], subject: str) -> T | Inconclusive:
    """Return the response, or that there is none."""
    try:
        return query()
    except (PromotionError, ClientError, BotoCoreError) as error:
        return unanswered(subject, error)


def unanswered(subject: str, error: Exception) -> Inconclusive:
    return Inconclusive(subject=subject, reason=f"AWS gave no answer: {error}")


def key_of(alias: str, *, kms: KMSClient) -> ArtifactKey:
    """Return the key behind an alias."""
    metadata = kms.describe_key(KeyId=alias)["KeyMetadata"]
    return ArtifactKey(arn=metadata["Arn"], state=metadata.get("KeyState", "Enabled"))


def scalable_targets(endpoint: str, variants: Sequence[str], *, client: ApplicationAutoScalingClient) -> list[str]:
    """Return which of an endpoint's variants are scaled automatically, as ResourceId."""
    resources = [scaling_targets.resource_id(endpoint, variant) for variant in variants]
    response = client.describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=resources[:_TARGETS_PER_QUERY]
    )
    return [target["ResourceId"] for target in response["ScalableTargets"]]
