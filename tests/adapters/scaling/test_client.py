"""Application Auto Scaling: the exact requests, what each response means, and the two steps that send them."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ParamValidationError

from lambdas.handlers import resume_scaling, suspend_scaling
from lambdas.promotion.aws import sessions, work_lists
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Promotion, Rollback, RollbackProgress
from lambdas.promotion.contract.errors import (
    AccessDenied,
    CallRefused,
    PromotionError,
    ScalingIncomplete,
    ServiceUnavailable,
)
from lambdas.promotion.contract.settings import INSTANCES, Scaling
from lambdas.promotion.contract.steps import SUSPEND_SCALING_STATE
from lambdas.promotion.outcome import aborted_cleanup
from lambdas.promotion.outcome.execution_history import LastState
from lambdas.promotion.scaling import client as scaling_client
from lambdas.promotion.scaling import restore as scaling_restore
from lambdas.promotion.scaling import targets as scaling_targets
from lambdas.promotion.scaling.targets import ScalableTarget
from tests.adapters.conftest import Stubs
from tests.adapters.fake_s3 import FakeS3
from tests.unit.builders import BEGUN, HUB, OLD_CONFIG, STAGE, promotion

PLAIN = promotion()
RESOURCE = "endpoint/reviews-qa/variant/All"
IDENTITY = {"ServiceNamespace": "sagemaker", "ResourceId": RESOURCE, "ScalableDimension": INSTANCES}
ARN = "arn:aws:application-autoscaling:us-east-1:333333333333:scalable-target/0a1b"
SUSPENDED = {"DynamicScalingInSuspended": True, "DynamicScalingOutSuspended": False, "ScheduledScalingSuspended": False}
STEPS = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"ScalingAdjustment": 1}]}
TRACKING = {"TargetValue": 70.0}
ALARM = {
    "AlarmName": "busy",
    "AlarmActions": ["arn:aws:autoscaling:old"],
    "Threshold": 100.0,
    "EvaluationPeriods": 1,
    "ComparisonOperator": "GreaterThanThreshold",
}
TARGET = ScalableTarget(
    resource=RESOURCE,
    dimension=INSTANCES,
    register={"MinCapacity": 1, "MaxCapacity": 4, "SuspendedState": SUSPENDED},
    policies=(
        {"PolicyName": "steps", "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": STEPS},
        {
            "PolicyName": "tracking",
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": TRACKING,
        },
    ),
    scheduled_actions=(
        {
            "ScheduledActionName": "night",
            "Schedule": "cron(0 22 * * ? *)",
            "StartTime": "2999-01-01T00:00:00+00:00",
            "ScalableTargetAction": {"MaxCapacity": 1},
        },
    ),
    policy_arns={"steps": "arn:aws:autoscaling:old", "tracking": "arn:aws:autoscaling:tracking"},
    alarms=(ALARM,),
    tags={"team": "nlp"},
    arn=ARN,
)


def endpoint(aws: Stubs, *variants: dict[str, Any]) -> None:
    response = {
        "EndpointName": "reviews-qa",
        "EndpointArn": "arn:aws:sagemaker:us-east-1:333333333333:endpoint/reviews-qa",
        "EndpointConfigName": OLD_CONFIG,
        "EndpointStatus": "InService",
        "CreationTime": BEGUN,
        "LastModifiedTime": BEGUN,
        "ProductionVariants": list(variants),
    }
    aws.sagemaker.add_response("describe_endpoint", response, {"EndpointName": "reviews-qa"})


def configuration(aws: Stubs, instance_type: str, name: str = OLD_CONFIG) -> None:
    response = {
        "EndpointConfigName": name,
        "EndpointConfigArn": f"arn:aws:sagemaker:us-east-1:333333333333:endpoint-config/{name}",
        "ProductionVariants": [{"VariantName": "All", "InstanceType": instance_type}],
        "CreationTime": BEGUN,
    }
    aws.sagemaker.add_response("describe_endpoint_config", response, {"EndpointConfigName": name})


def registered(aws: Stubs) -> None:
    """Stub the responses from which TARGET is read, in two pages."""
    client, description = aws.of("application-autoscaling"), {"CreationTime": BEGUN, **IDENTITY}
    target = {**description, **TARGET.register, "RoleARN": "arn:role", "ScalableTargetARN": ARN}
    client.add_response(
        "describe_scalable_targets",
        {"ScalableTargets": [target]},
        {"ServiceNamespace": "sagemaker", "ResourceIds": [RESOURCE]},
    )
    steps, tracking = (
        {**description, **policy, "PolicyARN": TARGET.policy_arns[policy["PolicyName"]], "Alarms": [alarm]}
        for policy, alarm in zip(TARGET.policies, _alarms("busy", "TargetTracking-1"), strict=True)
    )
    client.add_response("describe_scaling_policies", {"ScalingPolicies": [steps], "NextToken": "more"}, IDENTITY)
    client.add_response("describe_scaling_policies", {"ScalingPolicies": [tracking]}, {**IDENTITY, "NextToken": "more"})
    night = {**TARGET.scheduled_actions[0], "StartTime": datetime(2999, 1, 1, tzinfo=UTC), "ScheduledActionARN": "arn"}
    client.add_response("describe_scheduled_actions", {"ScheduledActions": [{**description, **night}]}, IDENTITY)
    aws.of("cloudwatch").add_response(
        "describe_alarms",
        {"MetricAlarms": [{**ALARM, "StateValue": "OK", "AlarmArn": "arn:alarm"}]},
        {"AlarmNames": ["busy"], "AlarmTypes": ["MetricAlarm"]},
    )
    client.add_response("list_tags_for_resource", {"Tags": TARGET.tags}, {"ResourceARN": ARN})


def _alarms(*names: str) -> list[dict[str, str]]:
    return [{"AlarmName": name, "AlarmARN": f"arn:{name}"} for name in names]


def register(aws: Stubs) -> None:
    """Expect the requests that register TARGET, in their order."""
    client = aws.of("application-autoscaling")
    client.add_response("register_scalable_target", {"ScalableTargetARN": ARN}, {**IDENTITY, **TARGET.register})
    client.add_response("tag_resource", {}, {"ResourceARN": ARN, "Tags": TARGET.tags})
    for policy, arn in zip(TARGET.policies, ("arn:aws:autoscaling:new", "arn:aws:autoscaling:t2"), strict=True):
        client.add_response("put_scaling_policy", {"PolicyARN": arn}, {**IDENTITY, **policy})
    client.add_response("put_scheduled_action", {}, {**IDENTITY, **TARGET.scheduled_actions[0]})
    alarm = {**ALARM, "AlarmActions": ["arn:aws:autoscaling:new"]}
    aws.of("cloudwatch").add_response("put_metric_alarm", {}, alarm)


def run(handler: Any, event: dict[str, Any]) -> Any:
    return handler(json.loads(json.dumps({"retry_count": 0, **event})), None)


def written(fake_s3: FakeS3) -> list[ScalableTarget]:
    return work_lists.read_if_exists(work_lists.SUSPENDED_SCALING, ScalableTarget, PLAIN, s3=fake_s3.client)


# Suspending


def test_blocking_scaling_is_recorded_completely_and_then_deregistered(aws: Stubs, fake_s3: FakeS3) -> None:
    aws.allow_assume_role()
    endpoint(aws, {"VariantName": "All"})
    configuration(aws, "ml.m5.large")
    registered(aws)
    aws.allow_assume_role()
    aws.of("application-autoscaling").add_response("deregister_scalable_target", {}, IDENTITY)
    suspended = Promotion.from_json(run(suspend_scaling.handler, {"promotion": PLAIN.to_json()}))

    assert written(fake_s3) == [TARGET]
    assert suspended.suspended_scaling is not None
    assert (suspended.suspended_scaling.targets, suspended.suspended_scaling.list_key) == (
        1,
        "promotions/release-7/suspended-scaling.jsonl",
    )


def test_a_deregistration_that_fails_keeps_the_list(aws: Stubs, fake_s3: FakeS3) -> None:
    aws.allow_assume_role()
    endpoint(aws, {"VariantName": "All"})
    configuration(aws, "ml.m5.large")
    registered(aws)
    aws.allow_assume_role()
    aws.of("application-autoscaling").add_client_error(
        "deregister_scalable_target", "InternalServiceException", "", 500
    )
    with pytest.raises(ServiceUnavailable):
        run(suspend_scaling.handler, {"promotion": PLAIN.to_json()})
    assert written(fake_s3) == [TARGET]


def test_an_invocation_that_finds_no_registered_target_keeps_the_list(aws: Stubs, fake_s3: FakeS3) -> None:
    work_lists.write(work_lists.SUSPENDED_SCALING, [TARGET], PLAIN, s3=fake_s3.client)
    aws.allow_assume_role()
    endpoint(aws, {"VariantName": "All"})
    configuration(aws, "ml.m5.large")
    aws.of("application-autoscaling").add_response("describe_scalable_targets", {"ScalableTargets": []})
    run(suspend_scaling.handler, {"promotion": PLAIN.to_json()})
    assert written(fake_s3) == [TARGET]


def test_a_target_that_an_earlier_invocation_has_deregistered_is_not_an_error(aws: Stubs) -> None:
    client = aws.of("application-autoscaling")
    client.add_client_error("deregister_scalable_target", "ObjectNotFoundException", "No scalable target found", 400)
    scaling_client.deregister([TARGET], autoscaling=client.client)  # type: ignore[arg-type]


def test_for_an_endpoint_without_variants_no_target_is_described(aws: Stubs) -> None:
    """The call without resources would return those of every endpoint in the account."""
    account = RoleSession("arn:aws:iam::333333333333:role/r", boto3.Session(), "us-east-1")
    assert scaling_client.registered("reviews-qa", [], account) == []


def test_a_deleted_configuration_has_no_variants(aws: Stubs) -> None:
    aws.sagemaker.add_client_error("describe_endpoint_config", "ValidationException", "Could not find endpoint conf")
    assert scaling_client.configured("gone", sagemaker=aws.sagemaker.client) == {}  # type: ignore[arg-type]


def test_a_missing_endpoint_has_nothing_in_service(aws: Stubs) -> None:
    aws.sagemaker.add_client_error("describe_endpoint", "ValidationException", 'Could not find endpoint "arn".')
    assert scaling_client.live("reviews-qa", sagemaker=aws.sagemaker.client) == scaling_client.Live()  # type: ignore[arg-type]


# Resuming


def test_everything_that_was_suspended_is_registered_and_alarms_refer_to_the_new_policies(
    aws: Stubs, fake_s3: FakeS3
) -> None:
    work_lists.write(work_lists.SUSPENDED_SCALING, [TARGET], PLAIN, s3=fake_s3.client)
    aws.allow_assume_role()
    endpoint(aws, {"VariantName": "All"})
    register(aws)
    assert run(resume_scaling.handler, {"promotion": PLAIN.to_json()}) == PLAIN.to_json()


def test_a_promotion_that_suspended_nothing_assumes_no_role(aws: Stubs, fake_s3: FakeS3) -> None:
    assert run(resume_scaling.handler, {"promotion": PLAIN.to_json()}) == PLAIN.to_json()


def test_a_target_of_a_variant_that_no_longer_exists_is_left_out(aws: Stubs, fake_s3: FakeS3) -> None:
    work_lists.write(work_lists.SUSPENDED_SCALING, [TARGET], PLAIN, s3=fake_s3.client)
    aws.allow_assume_role()
    endpoint(aws, {"VariantName": "Other"})
    run(resume_scaling.handler, {"promotion": PLAIN.to_json()})
    assert written(fake_s3) == [TARGET]


SCALED = replace(
    PLAIN,
    stage=replace(
        STAGE, autoscaling=(Scaling(variant="All", dimension=INSTANCES, capacity={"MinCapacity": 2, "MaxCapacity": 3}),)
    ),
)


def test_configured_scaling_is_registered_after_a_successful_promotion(aws: Stubs, fake_s3: FakeS3) -> None:
    aws.allow_assume_role()
    endpoint(aws, {"VariantName": "All"})
    aws.of("application-autoscaling").add_response(
        "register_scalable_target", {"ScalableTargetARN": ARN}, {**IDENTITY, "MinCapacity": 2, "MaxCapacity": 3}
    )
    run(resume_scaling.handler, {"promotion": SCALED.to_json()})


def test_after_a_failure_configured_scaling_is_not_registered(aws: Stubs, fake_s3: FakeS3) -> None:
    assert run(resume_scaling.handler, {"promotion": SCALED.to_json(), "failed": {}}) == SCALED.to_json()


def test_after_an_abort_configured_scaling_is_not_registered_either(fake_s3: FakeS3) -> None:
    assert scaling_restore.resume(SCALED, succeeded=False, hub=fake_s3.client) == 0


def test_long_after_an_abort_scaling_registered_by_another_principal_stays(aws: Stubs, fake_s3: FakeS3) -> None:
    work_lists.write(work_lists.SUSPENDED_SCALING, [TARGET], SCALED, s3=fake_s3.client)
    aws.allow_assume_role()
    endpoint(aws, {"VariantName": "All"})
    registered(aws)
    assert scaling_restore.resume(SCALED, succeeded=False, hub=fake_s3.client, leave_registered=True) == 0


@pytest.mark.parametrize(("state", "waits"), [(SUSPEND_SCALING_STATE, True), ("Wait for the endpoint", False)])
def test_the_cleanup_waits_for_a_lambda_that_was_suspending_scaling(
    monkeypatch: pytest.MonkeyPatch, fake_s3: FakeS3, state: str, waits: bool
) -> None:
    slept: list[float] = []
    resumed: list[bool] = []

    def resume(*_: object, leave_registered: bool, **__: object) -> int:
        resumed.append(leave_registered)
        return 1

    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(scaling_restore, "resume", resume)
    last = LastState(name=state, promotion=SCALED)
    assert aborted_cleanup.resume_scaling(last, stopped_at=datetime.now(UTC), hub=fake_s3.client) == 1
    assert aborted_cleanup.resume_scaling(last, stopped_at=BEGUN, hub=fake_s3.client) == 1
    assert resumed == [False, True]
    assert [seconds > 80 for seconds in slept] == ([True, False] if waits else [])


def test_during_a_rollback_the_restored_configuration_decides_what_blocks_it(aws: Stubs, fake_s3: FakeS3) -> None:
    """The desired configuration is in service; the targets that the previous one changes are suspended first."""
    rollback = Rollback(progress=RollbackProgress.BLOCKED_BY_SCALING, began_at=BEGUN, to_config="before")
    rolling_back = replace(PLAIN, rollback=rollback)
    aws.allow_assume_role()
    endpoint(aws, {"VariantName": "All"})
    configuration(aws, "ml.t2.medium")
    configuration(aws, "ml.m5.large", name="before")
    registered(aws)
    aws.allow_assume_role()
    aws.of("application-autoscaling").add_response("deregister_scalable_target", {}, IDENTITY)
    run(suspend_scaling.handler, {"promotion": rolling_back.to_json()})
    assert written(fake_s3) == [TARGET]


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ValidationException", 400, ScalingIncomplete),
        ("FailedResourceAccessException", 400, ScalingIncomplete),
        ("LimitExceededException", 400, ScalingIncomplete),
        ("AccessDeniedException", 400, ScalingIncomplete),
        ("ConcurrentUpdateException", 400, ServiceUnavailable),
        ("InternalServiceException", 500, ServiceUnavailable),
    ],
)
def test_transient_errors_are_retried_and_others_are_reported_with_the_list_location(
    aws: Stubs, fake_s3: FakeS3, code: str, status: int, error: type[PromotionError]
) -> None:
    work_lists.write(work_lists.SUSPENDED_SCALING, [TARGET], PLAIN, s3=fake_s3.client)
    aws.allow_assume_role()
    endpoint(aws, {"VariantName": "All"})
    aws.of("application-autoscaling").add_client_error("register_scalable_target", code, "Not this one.", status)
    with pytest.raises(error, match=r"endpoint/reviews-qa/variant/All.*Not this one\.") as message:
        run(resume_scaling.handler, {"promotion": PLAIN.to_json()})
    assert error is not ScalingIncomplete or f"s3://{HUB.bucket}/promotions/release-7/suspended-scaling.jsonl" in str(
        message.value
    )


def test_a_target_that_is_refused_does_not_prevent_the_others(aws: Stubs, fake_s3: FakeS3) -> None:
    other = replace(TARGET, resource=scaling_targets.resource_id("reviews-qa", "Other"))
    work_lists.write(work_lists.SUSPENDED_SCALING, [other, TARGET], PLAIN, s3=fake_s3.client)
    aws.allow_assume_role()
    endpoint(aws, {"VariantName": "All"}, {"VariantName": "Other"})
    aws.of("application-autoscaling").add_client_error("register_scalable_target", "ValidationException", "No.", 400)
    register(aws)
    with pytest.raises(ScalingIncomplete, match="variant/Other: AWS refused RegisterScalableTarget: No"):
        run(resume_scaling.handler, {"promotion": PLAIN.to_json()})


def test_a_target_that_is_throttled_does_not_prevent_the_others(aws: Stubs, fake_s3: FakeS3) -> None:
    """The state's retries may all meet the same error; the others are registered by the first of them."""
    other = replace(TARGET, resource=scaling_targets.resource_id("reviews-qa", "Other"))
    work_lists.write(work_lists.SUSPENDED_SCALING, [other, TARGET], PLAIN, s3=fake_s3.client)
    aws.allow_assume_role()
    endpoint(aws, {"VariantName": "All"}, {"VariantName": "Other"})
    aws.of("application-autoscaling").add_client_error("register_scalable_target", "ConcurrentUpdateException")
    register(aws)
    with pytest.raises(ServiceUnavailable, match="variant/Other"):
        run(resume_scaling.handler, {"promotion": PLAIN.to_json()})


def test_a_target_that_cannot_be_sent_is_named_and_does_not_prevent_the_others(aws: Stubs, fake_s3: FakeS3) -> None:
    other = replace(TARGET, resource=scaling_targets.resource_id("reviews-qa", "Other"))
    work_lists.write(work_lists.SUSPENDED_SCALING, [other, TARGET], PLAIN, s3=fake_s3.client)
    aws.allow_assume_role()
    endpoint(aws, {"VariantName": "All"}, {"VariantName": "Other"})
    register(aws)

    def refuse(params: dict[str, Any], **_: Any) -> None:
        """Raise what botocore does for a parameter of another type, before the Stubber compares it."""
        if params["ResourceId"] == other.resource:
            raise ParamValidationError(report="MinCapacity")

    events = aws.of("application-autoscaling").client.meta.events
    events.register("provide-client-params.application-auto-scaling.RegisterScalableTarget", refuse)
    with pytest.raises(ScalingIncomplete, match="variant/Other: Parameter validation failed:\nMinCapacity"):
        run(resume_scaling.handler, {"promotion": PLAIN.to_json()})


def test_a_permission_on_an_alarm_is_named_as_iam_names_it(aws: Stubs) -> None:
    aws.allow_assume_role()
    account = sessions.assume("arn:aws:iam::333333333333:role/r", region="us-east-1", session_name="release-7")
    aws.of("cloudwatch").add_client_error("put_metric_alarm", "AccessDenied", "no", 403)
    with pytest.raises(AccessDenied, match="cloudwatch:PutMetricAlarm on busy"):
        account.cloudwatch.put_metric_alarm(
            AlarmName="busy", EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold"
        )


def test_a_refusal_to_read_what_is_registered_names_the_call(aws: Stubs, fake_s3: FakeS3) -> None:
    aws.allow_assume_role()
    endpoint(aws, {"VariantName": "All"})
    configuration(aws, "ml.m5.large")
    aws.of("application-autoscaling").add_client_error("describe_scalable_targets", "ValidationException", "Bad.", 400)
    with pytest.raises(CallRefused, match=r"application-autoscaling:DescribeScalableTargets on .*: Bad"):
        run(suspend_scaling.handler, {"promotion": PLAIN.to_json()})
