"""StartExecution with the name and the input of a running execution returns that execution (API: StartExecution).
MiniStack refuses every name that was used.
"""

import functools
from typing import Any

from ministack.core.responses import get_account_id, get_region, json_response
from ministack.services import stepfunctions as sfn


def apply() -> None:
    start = sfn._start_execution

    @functools.wraps(start)
    def start_once(data: dict[str, Any]) -> Any:
        machine = sfn._state_machines.get(sfn._resolve_state_machine_arn(data.get("stateMachineArn", "")))
        if machine and data.get("name"):
            beginning = f"arn:aws:states:{get_region()}:{get_account_id()}:execution"
            running = sfn._executions.get(f"{beginning}:{machine['name']}:{data['name']}")
            if running and running["status"] == "RUNNING" and running["input"] == data.get("input", "{}"):
                return json_response({"executionArn": running["executionArn"], "startDate": running["startDate"]})
        return start(data)

    sfn._start_execution = start_once
