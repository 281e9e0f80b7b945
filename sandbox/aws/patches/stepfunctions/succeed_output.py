"""The Output of a Succeed state in JSONata is the output of the execution: MiniStack returns the state's input."""

import functools
from typing import Any

from ministack.services import stepfunctions as sfn


def apply() -> None:
    output_path = sfn._apply_output_path

    @functools.wraps(output_path)
    def with_output(state: dict[str, Any], data: Any, ctx: Any = None) -> Any:
        if state.get("Type") == "Succeed" and sfn._state_query_language(state, ctx) == "JSONata":
            return sfn._apply_jsonata_output(state, data, ctx, default=data)
        return output_path(state, data, ctx)

    sfn._apply_output_path = with_output
