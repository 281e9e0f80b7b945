"""Scaling is deregistered only if all of it can be registered again: each field of a description has a place."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import botocore
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.model import StructureShape

from lambdas.handlers import suspend_scaling
from lambdas.promotion.aws import sessions
from lambdas.promotion.contract.errors import IncompatibleRollout
from lambdas.promotion.contract.settings import INSTANCES
from lambdas.promotion.scaling import client as scaling_client
from lambdas.promotion.scaling import targets as scaling_targets
from lambdas.promotion.scaling.targets import ScalableTarget
from tests.adapters.conftest import Stubs
from tests.adapters.fake_s3 import FakeS3
from tests.unit.builders import api, promotion

RESOURCE = "endpoint/reviews-qa/variant/All"
IDENTITY = {"ServiceNamespace": "sagemaker", "ResourceId": RESOURCE, "ScalableDimension": INSTANCES}
ANSWERS: dict[str, dict[str, Any]] = {
    "DescribeScalableTargets": {
        "ScalableTargets": [{**IDENTITY, "MinCapacity": 1, "MaxCapacity": 4, "ScalableTargetARN": "arn"}]
    },
    "DescribeScalingPolicies": {
        "ScalingPolicies": [
            {
                **IDENTITY,
                "PolicyARN": "arn",
                "PolicyName": "steps",
                "PolicyType": "StepScaling",
                "StepScalingPolicyConfiguration": {"AdjustmentType": "ChangeInCapacity"},
                "Alarms": [{"AlarmName": "busy", "AlarmARN": "arn"}],
            }
        ]
    },
    "DescribeScheduledActions": {
        "ScheduledActions": [{**IDENTITY, "ScheduledActionName": "night", "Schedule": "rate(1 day)"}]
    },
    "ListTagsForResource": {"Tags": {}},
    "DescribeAlarms": {"MetricAlarms": [{"AlarmName": "busy", "Threshold": 1.0}]},
}
# The structures of the descriptions that have further structures.
PLACES = [
    ("DescribeScalableTargets", ("ScalableTargets", 0)),
    ("DescribeScalingPolicies", ("ScalingPolicies", 0)),
    ("DescribeScalingPolicies", ("ScalingPolicies", 0, "StepScalingPolicyConfiguration")),
    ("DescribeScheduledActions", ("ScheduledActions", 0)),
    ("DescribeAlarms", ("MetricAlarms", 0)),
]


class _Raw(io.BytesIO):
    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


def registered(answers: dict[str, dict[str, Any]]) -> list[ScalableTarget]:
    """Return what is read of an account that answers each operation so."""
    account = sessions.RoleSession("role", boto3.Session("key", "secret"), "us-east-1")

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        target = request.headers["X-Amz-Target"]
        name = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
        return AWSResponse(request.url, 200, {}, _Raw(json.dumps(answers[name]).encode()))  # type: ignore[arg-type]

    for client in (account.autoscaling, account.cloudwatch):
        client.meta.events.register("before-send", send)  # type: ignore[arg-type]
    return scaling_client.registered("reviews-qa", ["All"], account)


def with_field(operation: str, place: tuple[str | int, ...], value: Any) -> dict[str, dict[str, Any]]:
    answers: dict[str, dict[str, Any]] = json.loads(json.dumps(ANSWERS))
    part: Any = answers[operation]
    for step in place:
        part = part[step]
    part["BrandNew"] = value
    return answers


def test_what_the_sdk_knows_is_restorable() -> None:
    (target,) = registered(ANSWERS)
    assert target.unknown == ()
    scaling_targets.require_restorable([target], subject="It")


@pytest.mark.parametrize(("operation", "place"), PLACES)
def test_scaling_with_a_field_that_the_sdk_does_not_know_is_not_suspended(
    operation: str, place: tuple[str | int, ...]
) -> None:
    targets = registered(with_field(operation, place, "something"))
    path = f"{place[0]}[0]{'.' if len(place) > 2 else ''}{'.'.join(map(str, place[2:]))}.BrandNew"
    with pytest.raises(IncompatibleRollout) as refused:
        scaling_targets.require_restorable(targets, subject="It")
    assert f"{RESOURCE}: {path} (botocore {botocore.__version__} does not know this field" in str(refused.value)


@pytest.mark.parametrize("enabled", [True, False])
def test_only_an_alarm_that_sends_no_tags_is_put_again(enabled: bool) -> None:
    configuration = {"AlarmTagsPropagation": {"Enabled": enabled}}
    alarms = {"MetricAlarms": [{"AlarmName": "busy", "Threshold": 1.0, "ActionConfiguration": configuration}]}
    (target,) = registered({**ANSWERS, "DescribeAlarms": alarms})
    assert target.alarms[0]["ActionConfiguration"] == configuration
    if enabled:
        with pytest.raises(IncompatibleRollout, match=r"busy\.ActionConfiguration\.AlarmTagsPropagation \(to put such"):
            scaling_targets.require_restorable([target], subject="It")
    else:
        scaling_targets.require_restorable([target], subject="It")


def test_an_unknown_field_without_a_value_is_lost_without_harm() -> None:
    (target,) = registered(with_field("DescribeScalableTargets", ("ScalableTargets", 0), None))
    assert target.unknown == ()


def test_such_scaling_is_neither_recorded_nor_deregistered(
    aws: Stubs, fake_s3: FakeS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = ScalableTarget(resource=RESOURCE, dimension=INSTANCES, register={}, unknown=("BrandNew (why)",))
    monkeypatch.setattr(scaling_client, "registered", lambda *_: [target])
    monkeypatch.setattr(scaling_client, "live", lambda *_, **__: scaling_client.Live())
    aws.allow_assume_role()
    with pytest.raises(IncompatibleRollout, match="BrandNew"):
        suspend_scaling.handler({"promotion": promotion().to_json(), "retry_count": 0}, None)
    assert fake_s3.objects == {}


def test_very_many_alarms_are_asked_for_in_batches(aws: Stubs) -> None:
    names = [f"alarm-{number}" for number in range(150)]
    for batch in (names[:100], names[100:]):
        described = [{"AlarmName": name} for name in batch]
        asked = {"AlarmNames": batch, "AlarmTypes": ["MetricAlarm"]}
        aws.of("cloudwatch").add_response("describe_alarms", {"MetricAlarms": described}, asked)
    policy = {"PolicyType": "StepScaling", "Alarms": [{"AlarmName": name} for name in names]}
    pages = scaling_client._described_alarms([policy], aws.of("cloudwatch").client)  # type: ignore[arg-type]
    assert [alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]] == names


# What a description adds to the request that makes the same again. RoleARN: for SageMaker always the role that is
# linked to the service (API: RegisterScalableTarget, RoleARN).
ADDED = {
    "ScalableTarget": {"PredictedCapacity", "RoleARN", "CreationTime", "ScalableTargetARN"},
    "ScalingPolicy": {"PolicyARN", "Alarms", "CreationTime"},
    "ScheduledAction": {"ScheduledActionARN", "CreationTime"},
}
REQUESTS = {
    "ScalableTarget": ("RegisterScalableTarget", scaling_client._REGISTERED),
    "ScalingPolicy": ("PutScalingPolicy", scaling_client._OF_POLICY),
    "ScheduledAction": ("PutScheduledAction", scaling_client._OF_ACTION),
}


def fields_of(shape: object) -> set[str]:
    assert isinstance(shape, StructureShape)
    return set(shape.members)


@pytest.mark.parametrize("described", REQUESTS)
def test_each_field_that_the_sdk_knows_is_restored_or_named_here(described: str) -> None:
    service = api("application-autoscaling")
    operation, restored = REQUESTS[described]
    assert fields_of(service.shape_for(described)) == {*restored, *IDENTITY, *ADDED[described]}
    assert {*restored, *IDENTITY} <= fields_of(service.operation_model(operation).input_shape)
