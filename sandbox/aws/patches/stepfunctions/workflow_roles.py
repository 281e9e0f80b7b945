"""A state machine acts with the permissions of its role: MiniStack does not check them."""

import functools
import json
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import stepfunctions as sfn

from sandbox.aws.patches.iam import roles

# How a refused task fails, by the service that was called.
ERRORS = {
    "lambda": "Lambda.AWSLambdaException",
    "dynamodb": "DynamoDB.AmazonDynamoDBException",
    "sns": "SNS.AuthorizationErrorException",
}

_execution: ContextVar[dict[str, Any] | None] = ContextVar("sandbox_execution", default=None)


def apply() -> None:
    run, invoke, call_back = sfn._run_execution, sfn._invoke_resource, sfn._invoke_with_callback

    @functools.wraps(run)
    def run_with_execution(execution_arn: str, *more: Any) -> Any:
        token = _execution.set(sfn._executions.get(execution_arn))
        try:
            return run(execution_arn, *more)
        finally:
            _execution.reset(token)

    @functools.wraps(invoke)
    def invoke_allowed(resource: str, parameters: Any) -> Any:
        _require(resource, parameters)
        return invoke(resource, parameters)

    @functools.wraps(call_back)
    def call_back_allowed(resource: str, parameters: Any, *more: Any) -> Any:
        _require(resource.replace(".waitForTaskToken", ""), parameters)
        return call_back(resource, parameters, *more)

    sfn._run_execution = run_with_execution
    sfn._invoke_resource = invoke_allowed
    sfn._invoke_with_callback = call_back_allowed


def state() -> str:
    """The title of the state that the execution of this thread is in."""
    events = (_execution.get() or {}).get("events", [])
    entered = (event.get("stateEnteredEventDetails") for event in reversed(events))
    return next((str(details["name"]) for details in entered if details), "")


def state_machine() -> str | None:
    """The ARN of the state machine whose execution this thread runs."""
    execution = _execution.get()
    return _base(execution) if execution else None


def _require(resource: str, parameters: Any) -> None:
    execution = _execution.get()
    if execution is None or ":activity:" in resource:
        return
    needed = _permission(resource, parameters if isinstance(parameters, dict) else {})
    if needed is None:
        return
    machine = sfn._state_machines.get(_base(execution))
    if machine is None:
        return
    try:
        roles.require(machine["roleArn"], "states.amazonaws.com", execution["name"][:64], *needed)
    except roles.NotAllowed as refusal:
        service = needed[0].partition(":")[0]
        raise sfn._ExecutionError(ERRORS.get(service, f"{service}.AccessDeniedException"), str(refusal)) from None


def _base(execution: dict[str, Any]) -> str:
    """The state machine's ARN without a version or alias."""
    return ":".join(execution["stateMachineArn"].split(":")[:7])


def _permission(resource: str, parameters: dict[str, Any]) -> tuple[str, str] | None:  # noqa: PLR0911 - one a service
    """The action and the resource that a task needs; None where it cannot be told from the request."""
    here = f"{get_region()}:{get_account_id()}"
    task = resource.rpartition(":::")[2].removesuffix(".sync:2").removesuffix(".sync")
    if ":lambda:" in resource and ":function:" in resource:
        return "lambda:InvokeFunction", resource
    if task == "lambda:invoke":
        name = str(parameters.get("FunctionName", ""))
        arn = name if name.startswith("arn:") else f"arn:aws:lambda:{here}:function:{name}"
        return "lambda:InvokeFunction", arn
    if task == "states:startExecution":
        return "states:StartExecution", str(parameters.get("StateMachineArn", ""))
    if task == "sns:publish":
        return "sns:Publish", str(parameters.get("TopicArn", "*"))
    if task == "sqs:sendMessage":
        return "sqs:SendMessage", f"arn:aws:sqs:{here}:{str(parameters.get('QueueUrl', '')).rpartition('/')[2]}"
    if task == "events:putEvents":
        entries = parameters.get("Entries") or [{}]
        bus = str(entries[0].get("EventBusName", "default"))
        return "events:PutEvents", bus if bus.startswith("arn:") else f"arn:aws:events:{here}:event-bus/{bus}"
    if task.startswith("dynamodb:"):
        table = str(parameters.get("TableName", ""))
        arn = table if table.startswith("arn:") else f"arn:aws:dynamodb:{here}:table/{table}"
        return f"dynamodb:{_pascal(task.partition(':')[2])}", arn
    if task.startswith("aws-sdk:"):
        return _sdk_permission(task, parameters)
    return None


def _sdk_permission(task: str, parameters: dict[str, Any]) -> tuple[str, str] | None:
    _, name, operation = task.split(":")[:3]
    sdk_service = sfn._AWS_SDK_SERVICE_MAP.get(name.lower())
    if sdk_service is None or sdk_service["protocol"] != "json":
        # The resource is in the path of a request that does not exist yet.
        return None
    service = sdk_service.get("service_key", name.lower())
    headers = {"x-amz-target": f"{sdk_service['target_prefix']}.{_pascal(operation)}"}
    body = json.dumps(parameters, default=str).encode()
    action = iam_actions.extract_iam_action(service, "POST", "/", headers, body, {})
    arn = iam_actions.extract_resource_arn(service, "POST", "/", headers, body, {}, get_region(), get_account_id())
    return (action, arn) if action else None


def _pascal(operation: str) -> str:
    return operation[:1].upper() + operation[1:]
