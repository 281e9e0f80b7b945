"""What is asked of the target beside the rights: its key, its quotas, its scalable targets, its alarms.

A promotion may well succeed without an answer, so a question that AWS does not answer is unproved, no finding.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.promotion.contract.errors import PromotionError
from lambdas.promotion.preflight.findings import Inconclusive
from lambdas.promotion.scaling import targets as scaling_targets

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_service_quotas import ServiceQuotasClient

T = TypeVar("T")

# API: DescribeAlarms, AlarmNames; DescribeScalableTargets, ResourceIds.
_ALARMS_PER_QUERY = 100
_TARGETS_PER_QUERY = 50


def run_query(call: Callable[[], T], what: str) -> T | Inconclusive:
    """Return the answer, or that there is none."""
    try:
        return call()
    except (PromotionError, ClientError, BotoCoreError) as error:
        return Inconclusive(subject=what, reason=f"AWS gave no answer: {error}")


def key_of(alias: str, *, kms: KMSClient) -> tuple[str, str]:
    """Return ARN and state of the key behind an alias."""
    found = kms.describe_key(KeyId=alias)["KeyMetadata"]
    return found["Arn"], found.get("KeyState", "Enabled")


def quotas(names: Iterable[str], *, until: float, client: ServiceQuotasClient) -> dict[str, float]:
    """Return the values of SageMaker's quotas with these names. It has thousands of them, in pages of 100.

    `until` is a time of time.monotonic(): what is not found by then is left out.
    """
    wanted, found = set(names), dict[str, float]()
    for page in client.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker"):
        found |= {one["QuotaName"]: one["Value"] for one in page["Quotas"] if one["QuotaName"] in wanted}
        if wanted <= found.keys() or time.monotonic() > until:
            break
    return found


def scalable_targets(endpoint: str, variants: Sequence[str], *, client: ApplicationAutoScalingClient) -> list[str]:
    """Return which of an endpoint's variants are scaled automatically, as ResourceId."""
    resources = [scaling_targets.resource_id(endpoint, variant) for variant in variants]
    answer = client.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=resources[:_TARGETS_PER_QUERY])
    return [one["ResourceId"] for one in answer["ScalableTargets"]]


def alarm_states(names: Sequence[str], *, client: CloudWatchClient) -> dict[str, str]:
    """Return the states of those alarms that exist, by their names."""
    answer = client.describe_alarms(
        AlarmNames=list(names)[:_ALARMS_PER_QUERY], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    return {one["AlarmName"]: one["StateValue"] for one in [*answer["MetricAlarms"], *answer["CompositeAlarms"]]}
