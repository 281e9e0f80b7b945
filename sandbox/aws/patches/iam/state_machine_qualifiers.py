"""A version or an alias of a state machine is authorized on the ARN of the state machine, and is a condition key.

(AWS: Step Functions, "Authorization for versions and aliases".) MiniStack takes the qualified ARN for the resource, so
that a policy which AWS ignores would decide.
"""

import functools
import json
from typing import Any

from ministack.core import iam_actions

_FIELDS = ("stateMachineArn", "stateMachineAliasArn", "stateMachineVersionArn")
_KEY = "states:statemachinequalifier"  # MiniStack looks keys up in lower case


def apply() -> None:
    resource, tags = iam_actions.extract_resource_arn, iam_actions.request_tag_context

    @functools.wraps(resource)
    def about_the_machine(service: str, *request: Any) -> Any:
        arn = resource(service, *request)
        if service != "states":
            return arn
        *_, body, _query, _region, _account = request
        return split(_named_in(body) or arn)[0]

    @functools.wraps(tags)
    def with_qualifier(service: str, action: str, body: bytes, *more: Any) -> Any:
        keys = tags(service, action, body, *more)
        qualifier = split(_named_in(body))[1] if service == "states" else ""
        return {**keys, _KEY: [qualifier]} if qualifier else keys

    iam_actions.extract_resource_arn = about_the_machine
    iam_actions.request_tag_context = with_qualifier


def split(arn: str) -> tuple[str, str]:
    """The ARN of a state machine without its version or alias, and that; any other ARN as it is."""
    parts = arn.split(":")
    qualified = parts[5:6] == ["stateMachine"]
    return (":".join(parts[:7]), ":".join(parts[7:])) if qualified else (arn, "")


def _named_in(body: bytes) -> str:
    """The state machine, alias or version that a request names."""
    try:
        fields = json.loads(body or b"{}")
    except ValueError:
        return ""
    named = (fields.get(field) for field in _FIELDS) if isinstance(fields, dict) else ()
    return next((arn for arn in named if isinstance(arn, str)), "")
