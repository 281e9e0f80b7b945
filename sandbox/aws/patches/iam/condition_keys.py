"""The condition keys of a request: a session's role, a bucket's account, a write that must not overwrite, and what an
alarm does.
"""

import functools
import json
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import iam, s3


def apply() -> None:
    resolve = iam_evaluator._resolve_condition_key

    @functools.wraps(resolve)
    def resolve_owner(key: str, context: Any) -> Any:
        if key.lower() == "aws:principalarn":
            return _without_session(context.principal_arn)
        # MiniStack takes the caller's account for the bucket's.
        if key.lower() in ("aws:resourceaccount", "s3:resourceaccount"):
            name = context.resource_arn.removeprefix("arn:aws:s3:::").partition("/")[0]
            owner = s3._bucket_owner_account(name) if context.resource_arn.startswith("arn:aws:s3:::") else None
            if owner:
                return owner
        return resolve(key, context)

    of_object = iam_actions._s3_object_context

    @functools.wraps(of_object)
    def of_conditional_write(action: str, query: dict[str, Any], path: str, headers: dict[str, str]) -> Any:
        keys = of_object(action, query, path, headers)
        if action == "s3:PutObject":
            for name in ("if-match", "if-none-match"):
                if headers.get(name):
                    keys[f"s3:{name}"] = headers[name]
            # False for the requests that only prepare an upload in parts: those cannot carry the condition.
            in_parts = "uploads" in query or "partNumber" in query
            keys["s3:ObjectCreationOperation"] = str(not in_parts).lower()
        return keys

    of_tags = iam_actions.request_tag_context

    @functools.wraps(of_tags)
    def of_alarm(service: str, action: str, body: bytes, parameters: dict[str, Any]) -> Any:
        keys = of_tags(service, action, body, parameters)
        if action == "cloudwatch:PutMetricAlarm":
            keys["cloudwatch:alarmactions"] = _alarm_actions(body, parameters)
        return keys

    iam_actions.request_tag_context = of_alarm
    iam_evaluator._resolve_condition_key = resolve_owner
    iam_actions._s3_object_context = of_conditional_write


def _alarm_actions(body: bytes, parameters: dict[str, Any]) -> list[str]:
    """The actions of every state (AWS: CloudWatch, "Using condition keys to limit alarm actions")."""
    fields = ("AlarmActions", "OKActions", "InsufficientDataActions")
    if body[:1] == b"{":
        request = json.loads(body)
        return [action for field in fields for action in request.get(field, [])]
    values = [value for name, value in parameters.items() if name.startswith(fields)]
    return [str(value[0] if isinstance(value, list) else value) for value in values]


def _without_session(arn: str) -> str:
    """The role of a session, with its path (AWS: IAM, global condition keys). MiniStack has the session's own ARN."""
    account, kind, name = arn.split(":")[4], *f"{arn.split(':', 5)[5]}/".split("/")[:2]
    if kind != "assumed-role":
        return arn
    role = iam._roles.get_scoped(account, None, name)
    return str(role["Arn"]) if role else arn
