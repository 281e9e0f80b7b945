"""DescribeExecution has an output only of an execution that succeeded, no empty field, and whether it can be redriven.

MiniStack's has the error and the cause of a failed execution as its output, and the others as null.
"""

import functools
import json
from typing import Any

from ministack.services import stepfunctions as sfn

from sandbox.aws.patches.stepfunctions import status_events

_OF_SUCCESS = ("output", "outputDetails")


def apply() -> None:
    describe = sfn._describe_execution

    @functools.wraps(describe)
    def describe_as_aws(data: dict[str, Any]) -> Any:
        status, headers, body = describe(data)
        if status != 200:
            return status, headers, body
        fields = json.loads(body)
        succeeded = fields["status"] == "SUCCEEDED"
        kept = {
            name: value
            for name, value in {**fields, **status_events.redrive(fields["status"])}.items()
            if value is not None and (succeeded or name not in _OF_SUCCESS)
        }
        return status, headers, json.dumps(kept).encode()

    sfn._describe_execution = describe_as_aws
