"""Scaling policies and scheduled actions: they belong to a registered target, and go with it."""

import uuid

from ministack.core.responses import get_account_id, get_region

from sandbox.aws.autoscaling import resources
from sandbox.aws.autoscaling.targets import PAGE
from sandbox.aws.sagemaker import state
from sandbox.aws.sagemaker.api import paging
from sandbox.aws.sagemaker.api.errors import Invalid
from sandbox.aws.sagemaker.endpoints import alarms
from sandbox.aws.sagemaker.endpoints.endpoint import now
from sandbox.aws.sagemaker.state import Record

TRACKING = "TargetTrackingScaling"
_CONFIGURATIONS = {
    TRACKING: "TargetTrackingScalingPolicyConfiguration",
    "StepScaling": "StepScalingPolicyConfiguration",
    "PredictiveScaling": "PredictiveScalingPolicyConfiguration",
}


def put_policy(request: Record) -> Record:
    """Make a policy, or replace what its configuration says. Its ARN is a new one each time that it is made."""
    resources.require_target(request)
    with state.LOCK:
        key = (*resources.key_of(request), request["PolicyName"])
        existing: Record = state.scaling_policies.get(key) or {}
        kind = request.get("PolicyType") or existing.get("PolicyType") or "StepScaling"
        if existing and kind != existing["PolicyType"]:
            raise Invalid("The policy type of an existing policy cannot be changed.")
        if _CONFIGURATIONS[kind] not in request and _CONFIGURATIONS[kind] not in existing:
            raise Invalid(f"{_CONFIGURATIONS[kind]} is required for a policy of type {kind}.")
        arn = existing.get("PolicyARN") or policy_arn(request)
        state.scaling_policies[key] = {
            **existing,
            **request,
            "PolicyType": kind,
            "PolicyARN": arn,
            "Alarms": existing.get("Alarms") or (_alarms(request) if kind == TRACKING else []),
            "CreationTime": existing.get("CreationTime") or now(),
        }
        return {"PolicyARN": arn, "Alarms": state.scaling_policies[key]["Alarms"]}


def describe_policies(request: Record) -> Record:
    chosen = [
        {**record, "Alarms": record["Alarms"] or _calling(record["PolicyARN"])}
        for record in state.scaling_policies.values()
        if _matches(record, request, "PolicyName", "PolicyNames")
    ]
    return paging.page(chosen, request, "ScalingPolicies", size=PAGE)


def delete_policy(request: Record) -> Record:
    with state.LOCK:
        dropped = state.scaling_policies.pop((*resources.key_of(request), request["PolicyName"]), None)
        if dropped is None:
            raise resources.not_found("No scaling policy found", request)
        alarms.stop_calling(dropped["PolicyARN"])
    return {}


def put_action(request: Record) -> Record:
    resources.require_target(request)
    with state.LOCK:
        name = request["ScheduledActionName"]
        key = (*resources.key_of(request), name)
        existing: Record = state.scheduled_actions.get(key) or {}
        if "Schedule" not in request and not existing:
            raise Invalid("Schedule is required for a new scheduled action.")
        state.scheduled_actions[key] = {
            **existing,
            **request,
            "ScheduledActionARN": existing.get("ScheduledActionARN") or _arn("scheduledAction", request, name),
            "CreationTime": existing.get("CreationTime") or now(),
        }
    return {}


def describe_actions(request: Record) -> Record:
    chosen = [
        record
        for record in state.scheduled_actions.values()
        if _matches(record, request, "ScheduledActionName", "ScheduledActionNames")
    ]
    return paging.page(chosen, request, "ScheduledActions", size=PAGE)


def delete_action(request: Record) -> Record:
    with state.LOCK:
        if state.scheduled_actions.pop((*resources.key_of(request), request["ScheduledActionName"]), None) is None:
            raise resources.not_found("No scheduled action found", request)
    return {}


def alarm_names(resource: str) -> str:
    """What the names of the alarms begin with that target tracking makes for a variant."""
    return f"TargetTracking-{resource}-"


def _matches(record: Record, request: Record, name: str, names: str) -> bool:
    return (
        record["ServiceNamespace"] == request["ServiceNamespace"]
        and record["ResourceId"] == request.get("ResourceId", record["ResourceId"])
        and record["ScalableDimension"] == request.get("ScalableDimension", record["ScalableDimension"])
        and record[name] in request.get(names, [record[name]])
    )


def _alarms(request: Record) -> list[Record]:
    """The two alarms of target tracking, by their names: nothing is measured here, so nothing raises them."""
    names = [f"{alarm_names(request['ResourceId'])}Alarm{side}-{uuid.uuid4()}" for side in ("High", "Low")]
    place = f"arn:aws:cloudwatch:{get_region()}:{get_account_id()}:alarm"
    return [{"AlarmName": name, "AlarmARN": f"{place}:{name}"} for name in names]


def _calling(arn: str) -> list[Record]:
    """The alarms that people made for a step scaling policy."""
    return [{"AlarmName": alarm["AlarmName"], "AlarmARN": alarm["AlarmArn"]} for alarm in alarms.calling(arn)]


def policy_arn(request: Record) -> str:
    """A new one each time."""
    return _arn("scalingPolicy", request, f"policyName/{request['PolicyName']}")


def _arn(kind: str, request: Record, name: str) -> str:
    place = f"arn:aws:autoscaling:{get_region()}:{get_account_id()}"
    return f"{place}:{kind}:{uuid.uuid4()}:resource/{request['ServiceNamespace']}/{request['ResourceId']}:{name}"
