"""A task of SNS or DynamoDB fails with the name that the AWS SDK for Java has for the error, and with its sentence.

An error that the API does not model has the SDK's general name: DynamoDB's ValidationException is
DynamoDB.AmazonDynamoDBException. MiniStack has SNS.PublishFailed, and the code of DynamoDB whatever it is.
"""

import functools
import re
import xml.sax.saxutils
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import botocore.session
from ministack.core.responses import new_uuid
from ministack.services import sns
from ministack.services import stepfunctions as sfn


@dataclass(frozen=True)
class Service:
    """A service that a state machine calls: its name in botocore, in an error's name, and in its cause."""

    api: str
    prefix: str
    title: str

    @property
    def general(self) -> str:
        return f"Amazon{self.prefix}Exception"

    def failure(self, code: str, message: str, status: int) -> Any:
        """What a task fails with when the service refuses its call."""
        name = _modelled(self.api).get(code, self.general)
        cause = (
            f"{message} (Service: {self.title}; Status Code: {status}; Error Code: {code}; "
            f"Request ID: {new_uuid()}; Proxy: null)"
        )
        return sfn._ExecutionError(f"{self.prefix}.{name}", cause)


SNS = Service("sns", "SNS", "AmazonSNS")
DYNAMODB = Service("dynamodb", "DynamoDB", "AmazonDynamoDBv2")


def apply() -> None:
    publish, dispatch = sfn._invoke_sns_publish, dict(sfn._SERVICE_DISPATCH)
    sfn._invoke_sns_publish = _publish
    for resource, handler in dispatch.items():
        if handler is publish:
            sfn._SERVICE_DISPATCH[resource] = _publish
        elif ":dynamodb:" in resource:
            sfn._SERVICE_DISPATCH[resource] = _of_dynamodb(handler)


def _publish(resource: str, parameters: Any) -> Any:
    status, _, body = sns._publish(parameters)
    text = body.decode()
    if status >= 400:
        raise SNS.failure(_element(text, "Code"), _element(text, "Message"), status)
    return {"MessageId": _element(text, "MessageId")}


def _of_dynamodb(invoke: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(invoke)
    def invoke_or_fail(resource: str, parameters: Any) -> Any:
        try:
            return invoke(resource, parameters)
        except sfn._ExecutionError as error:
            prefix, _, code = error.error.partition(".")
            if prefix != DYNAMODB.prefix:
                raise
            raise DYNAMODB.failure(code, error.cause, 400) from None

    return invoke_or_fail


def _element(text: str, name: str) -> str:
    match = re.search(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
    return xml.sax.saxutils.unescape(match[1]) if match else ""


@functools.cache
def _modelled(api: str) -> dict[str, str]:
    """The names of the errors that a service's API models, by their codes."""
    shapes = botocore.session.get_session().get_service_model(api).error_shapes
    return {shape.metadata.get("error", {}).get("code", shape.name): shape.name for shape in shapes}
