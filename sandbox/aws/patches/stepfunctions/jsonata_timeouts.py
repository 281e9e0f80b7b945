"""TimeoutSeconds of a task may be a JSONata expression.

(AWS: Step Functions, Task workflow state.) MiniStack takes it for the number itself.
"""

import functools
from typing import Any

from ministack.services import stepfunctions as sfn

_FIELD = "TimeoutSeconds"


def apply() -> None:
    execute = sfn._execute_task

    @functools.wraps(execute)
    def execute_within(state: dict[str, Any], data: Any, execution: Any, context: Any) -> Any:
        if isinstance(state.get(_FIELD), str):
            state = {**state, _FIELD: sfn._jsonata_state_field(state, _FIELD, "number", data, context)}
        return execute(state, data, execution, context)

    sfn._execute_task = execute_within
