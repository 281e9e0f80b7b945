"""Faults injected into the calls of a step."""

import json
from collections.abc import Callable, Iterator

import pytest

from sandbox.aws.control import Sandbox
from sandbox.aws.faults.client import FaultClient
from sandbox.aws.faults.faults import Call, Kind, Layer
from tests.sandbox.aws.builders import HUB, allow, create_bucket, create_function

# One try for each call, as the product's clients have.
SOURCE = """
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError
def handler(event, context):
    s3 = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))
    try:
        s3.put_object(Bucket=event["bucket"], Key=event["key"], Body=b"1")
    except ClientError as error:
        return error.response["Error"]["Code"]
    except ReadTimeoutError:
        return "no answer"
    return "done"
"""
PUT = Call("handler", "s3", "PutObject")


@pytest.fixture
def step_faults(bare_sandbox: Sandbox) -> Iterator[FaultClient]:
    step_faults = FaultClient(bare_sandbox.endpoint_url, str(bare_sandbox.ca_bundle), Layer.STEP)
    yield step_faults
    step_faults.clear()


@pytest.fixture
def put(bare_sandbox: Sandbox, name: str) -> Callable[[str], tuple[str, bool]]:
    """Let a Lambda put an object; return what it says and whether the object is there."""
    create_bucket(bare_sandbox, HUB, name)
    create_function(bare_sandbox, HUB, name, SOURCE)
    bare_sandbox.client("iam").put_role_policy(
        RoleName=f"{name}-function",
        PolicyName="it",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:*")]}),
    )

    def invoke(key: str) -> tuple[str, bool]:
        event = json.dumps({"bucket": name, "key": key}).encode()
        answer = bare_sandbox.client("lambda").invoke(FunctionName=name, Payload=event)
        result = json.loads(answer["Payload"].read())
        exists = bare_sandbox.client("s3").list_objects_v2(Bucket=name, Prefix=key)["KeyCount"] == 1
        return (result["errorType"] if isinstance(result, dict) else result), exists

    return invoke


@pytest.mark.parametrize(
    ("kind", "expected", "written"),
    [
        (Kind.KILL, "Runtime.ExitError", False),
        (Kind.KILL_AFTER, "Runtime.ExitError", True),
        (Kind.ERROR, "ThrottlingException", False),
        (Kind.ERROR_AFTER, "ThrottlingException", True),
        (Kind.TIMEOUT, "no answer", False),
        (Kind.TIMEOUT_AFTER, "no answer", True),
    ],
)
def test_a_fault_happens_once_with_or_without_the_effect(
    put: Callable[[str], tuple[str, bool]], step_faults: FaultClient, kind: Kind, expected: str, written: bool
) -> None:
    step_faults.inject("PutObject", kind, step="handler")
    assert put("first") == (expected, written)
    assert step_faults.injected() == [(PUT, kind)]
    assert put("second") == ("done", True)
    assert step_faults.pending() == []


def test_a_call_that_aws_refuses_has_no_moment_after_its_effect(
    put: Callable[[str], tuple[str, bool]], step_faults: FaultClient, bare_sandbox: Sandbox, name: str
) -> None:
    step_faults.inject("PutObject", Kind.KILL_AFTER, step="handler")
    bare_sandbox.client("iam").delete_role_policy(RoleName=f"{name}-function", PolicyName="it")
    assert put("refused") == ("AccessDenied", False)
    assert len(step_faults.pending()) == 1


def test_a_fault_of_another_step_or_service_does_not_happen(
    put: Callable[[str], tuple[str, bool]], step_faults: FaultClient
) -> None:
    step_faults.inject("PutObject", Kind.KILL, step="another")
    step_faults.inject("PutObject", Kind.KILL, step="handler", service="ecr")
    assert put("k") == ("done", True)


def test_calls_are_written_down_while_that_is_asked_for(
    put: Callable[[str], tuple[str, bool]], step_faults: FaultClient
) -> None:
    put("before")
    step_faults.record()
    put("one")
    put("two")
    assert step_faults.calls() == [PUT, PUT]
    step_faults.clear()
    put("after")
    assert step_faults.calls() == []


def test_a_fault_for_each_call_happens_to_each_once(
    put: Callable[[str], tuple[str, bool]], step_faults: FaultClient
) -> None:
    step_faults.inject("*", Kind.ERROR, each=True)
    assert [put(key) for key in ("first", "second")] == [("ThrottlingException", False), ("done", True)]
