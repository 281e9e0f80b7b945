"""EventBridge reaches a target with the rule's role, in other accounts and Regions too, and sends what it cannot
deliver to the dead-letter queue.

A function's own policy has to name EventBridge instead. MiniStack asks neither the role nor the function's or the other
bus's policy, does not find a bus elsewhere, says that the event began in the bus's Region, and drops what it could not
deliver.
"""

import functools
import json
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import eventbridge, lambda_svc, sqs

from sandbox.aws.patches.iam import roles

# The Region in which an event began that is on its way to another bus.
_origin: ContextVar[str | None] = ContextVar("sandbox_event_origin", default=None)
ACTIONS = {"states": "states:StartExecution", "events": "events:PutEvents"}


def apply() -> None:
    invoke = eventbridge._invoke_target

    @functools.wraps(invoke)
    def invoke_with_role(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> None:
        try:
            _require_role(target, event)
            _require_function_policy(target, rule)
        except roles.NotAllowed as refusal:
            eventbridge.logger.warning("EventBridge: %s not delivered: %s", target.get("Arn"), refusal)
            _to_dead_letters(target, rule, event, str(refusal))
            return
        invoke(target, event, rule, view)

    to_bus = eventbridge._dispatch_to_event_bus

    @functools.wraps(to_bus)
    def to_bus_elsewhere(spec: Any, event: dict[str, Any], rule: dict[str, Any], *more: Any) -> None:
        _origin.set(event.get("Region", get_region()))
        with request_scope(spec.account_id, spec.region):
            to_bus(spec, event, rule, *more)

    dispatch = eventbridge._dispatch_event

    @functools.wraps(dispatch)
    def dispatch_with_origin(event: dict[str, Any], *more: Any) -> Any:
        origin = _origin.get()
        # Forgotten at once: what the bus's targets send in their turn begins there.
        _origin.set(None)
        return dispatch({**event, "Region": origin} if origin else event, *more)

    eventbridge._invoke_target = invoke_with_role
    eventbridge._dispatch_to_event_bus = to_bus_elsewhere
    eventbridge._dispatch_event = dispatch_with_origin


def _require_role(target: dict[str, Any], event: dict[str, Any]) -> None:
    try:
        spec = parse_arn(target.get("Arn", ""))
    except ArnParseError:
        return
    action = ACTIONS.get(spec.service)
    if action is None or spec.resource.startswith("api-destination/"):
        return
    if not target.get("RoleArn"):
        raise roles.NotAllowed("the target has no RoleArn")
    principal = roles.require(target["RoleArn"], "events.amazonaws.com", "events", action, target["Arn"])
    if spec.service == "events" and spec.account_id != get_account_id():
        _require_bus_policy(spec, target["Arn"], principal, event)


def _require_bus_policy(spec: Any, arn: str, principal: str, event: dict[str, Any]) -> None:
    name = spec.resource.partition("/")[2]
    with request_scope(spec.account_id, spec.region):
        policy = eventbridge._event_bus_policies.get(name)
    request_context = iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type="AssumedRole",
        principal_account=principal.split(":")[4],
        action="events:PutEvents",
        resource_arn=arn,
        region=get_region(),
        service_context={"events:source": event.get("Source"), "events:detail-type": event.get("DetailType")},
    )
    if iam_evaluator.evaluate_resource_policy(policy, request_context).decision != "Allow":
        raise roles.NotAllowed(f"the policy of {arn} does not allow events:PutEvents to {principal}")


def _require_function_policy(target: dict[str, Any], rule: dict[str, Any]) -> None:
    arn = target.get("Arn", "")
    policy, _ = (lambda_svc.function_policy_for_arn(arn) if ":lambda:" in arn else None) or (None, "")
    if policy is not None and not _allows(policy, "lambda:InvokeFunction", arn, rule):
        raise roles.NotAllowed(f"the policy of {arn} does not allow lambda:InvokeFunction to events.amazonaws.com")


def _to_dead_letters(target: dict[str, Any], rule: dict[str, Any], event: dict[str, Any], why: str) -> None:
    queue = (target.get("DeadLetterConfig") or {}).get("Arn")
    if queue and _accepts_dead_letters(queue, rule):
        payload = {"rule": rule.get("Arn"), "target": target.get("Arn"), "error": why, "event": event}
        eventbridge._dispatch_to_sqs(parse_arn(queue), json.dumps(payload, default=list))


def _accepts_dead_letters(queue: str, rule: dict[str, Any]) -> bool:
    policy, _ = sqs.queue_policy_for_arn(queue) or ("", "")
    return _allows(policy, "sqs:SendMessage", queue, rule)


def _allows(policy: Any, action: str, resource: str, rule: dict[str, Any]) -> bool:
    """Whether a resource's policy lets EventBridge do it for the rule."""
    request_context = iam_evaluator.EvalContext(
        principal_arn="events.amazonaws.com",
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context={"aws:sourcearn": rule.get("Arn"), "aws:sourceaccount": get_account_id()},
        secure_transport=True,
    )
    answer = iam_evaluator.evaluate_resource_policy(policy, request_context, service="events.amazonaws.com")
    return bool(answer.decision == "Allow")
