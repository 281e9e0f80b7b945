"""SendTaskSuccess is authorized on the ARN of the state machine that made the token, and refuses one that was used.

So are SendTaskFailure and SendTaskHeartbeat (observed on AWS: aws-cdk #8486, NOAA-OWP/hydrovis #837). MiniStack says
"*", which no statement on a state machine allows, and TaskDoesNotExist of a task that has ended.
"""

import functools
import json
from collections.abc import Callable
from typing import Any

from ministack.core import iam_actions
from ministack.core.responses import error_response_json
from ministack.services import stepfunctions as sfn

from sandbox.aws.patches.stepfunctions import workflow_roles

_FIELD = "taskToken"
_machines: dict[str, str] = {}


def apply() -> None:
    call_back, resource = sfn._invoke_with_callback, iam_actions.extract_resource_arn

    @functools.wraps(call_back)
    def call_back_machine(name: str, parameters: Any, token: str, *more: Any) -> Any:
        if machine := workflow_roles.state_machine():
            _machines[token] = machine
        return call_back(name, parameters, token, *more)

    @functools.wraps(resource)
    def about_the_machine(service: str, *request: Any) -> Any:
        *_, body, _query, _region, _account = request
        return (_machine_of(body) if service == "states" else None) or resource(service, *request)

    sfn._invoke_with_callback = call_back_machine
    iam_actions.extract_resource_arn = about_the_machine
    for name in ("_send_task_success", "_send_task_failure", "_send_task_heartbeat"):
        setattr(sfn, name, _while_it_waits(getattr(sfn, name)))


def _while_it_waits(send: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    @functools.wraps(send)
    def send_or_refuse(data: dict[str, Any]) -> Any:
        token = data.get(_FIELD, "")
        waits = sfn._task_tokens.get(token)
        if token in _machines and (not waits or waits["event"].is_set()):
            return error_response_json("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'", 400)
        return send(data)

    return send_or_refuse


def _machine_of(body: bytes) -> str | None:
    try:
        fields = json.loads(body or b"{}")
    except ValueError:
        return None
    return _machines.get(str(fields.get(_FIELD))) if isinstance(fields, dict) else None
