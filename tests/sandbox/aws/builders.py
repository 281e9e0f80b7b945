"""What the tests of the sandbox start from: roles, buckets, keys and functions in its accounts."""

import base64
import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from awscrt import checksums  # type: ignore[import-untyped]
from botocore.exceptions import ClientError

from sandbox.aws.control import Sandbox
from sandbox.aws.locations import AccountRegion, Locations

HUB, DEV, QA = "111111111111", "222222222222", "333333333333"
LOCATIONS = Locations(
    {
        "hub": AccountRegion(HUB, "us-east-1"),
        "dev": AccountRegion(DEV, "us-east-1"),
        "qa": AccountRegion(QA, "us-east-1"),
        "production": AccountRegion("444444444444", "eu-west-1"),
    }
)


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions: str | list[str], resources: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def trust(principal: dict[str, str], **more: Any) -> str:
    return policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more})


def create_role(sandbox: Sandbox, account: str, name: str, *statements: dict[str, Any], by: Any = None) -> str:
    """A role that the hub's root may assume, or the principal `by`. Returns its ARN."""
    iam = sandbox.client("iam", account)
    principal = by or {"AWS": f"arn:aws:iam::{HUB}:root"}
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(principal))["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="it", PolicyDocument=policy(*statements))
    return arn


def create_bucket(
    sandbox: Sandbox, account: str, name: str, *statements: dict[str, Any], region: str | None = None
) -> str:
    """A bucket with a policy. Returns its name."""
    s3 = sandbox.client("s3", account, region=region)
    s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": {"LocationConstraint": region}} if region else {}))
    if statements:
        s3.put_bucket_policy(Bucket=name, Policy=policy(*statements))
    return name


def create_key(sandbox: Sandbox, account: str, *statements: dict[str, Any], region: str | None = None) -> str:
    """A key that its own account's policies may use, and whom the statements name. Returns its ARN."""
    own = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "kms:*", "Resource": "*"}
    answer = sandbox.client("kms", account, region=region).create_key(Policy=policy(own, *statements))
    arn: str = answer["KeyMetadata"]["Arn"]
    return arn


def encrypt_bucket(sandbox: Sandbox, account: str, bucket: str, key: str, *, bucket_key: bool = False) -> None:
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": bucket_key}
    sandbox.client("s3", account).put_bucket_encryption(
        Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]}
    )


def create_function(sandbox: Sandbox, account: str, name: str, source: str, **options: Any) -> str:
    """A Lambda function of one file, `handler.py`. Returns its ARN."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("handler.py", source)
        for path, content in options.pop("files", {}).items():
            zipped.writestr(path, content)
    role = create_role(sandbox, account, f"{name}-function", by={"Service": "lambda.amazonaws.com"})
    answer = sandbox.client("lambda", account).create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role,
        Handler="handler.handler",
        Code={"ZipFile": archive.getvalue()},
        **{"Timeout": 30, **options},
    )
    arn: str = answer["FunctionArn"]
    return arn


def create_state_machine(sandbox: Sandbox, name: str, role: str, *tasks: dict[str, Any]) -> str:
    """A state machine of the hub with the tasks one after the other. Returns its ARN."""
    states = {f"S{number}": {"Type": "Task", "Next": f"S{number + 1}", **task} for number, task in enumerate(tasks)}
    states[f"S{len(tasks)}"] = {"Type": "Succeed"}
    answer = sandbox.client("stepfunctions").create_state_machine(
        name=name, roleArn=role, definition=json.dumps({"StartAt": "S0", "States": states})
    )
    arn: str = answer["stateMachineArn"]
    return arn


def eventually(read: Callable[[], Any], seconds: float = 5) -> Any:
    """What is read once it is true, or what it is after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (result := read()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return result


def finished(sandbox: Sandbox, execution: str) -> Any:
    """The hub's execution as it is described once it has ended, or None."""
    states = sandbox.client("stepfunctions")

    def ended() -> Any:
        answer = states.describe_execution(executionArn=execution)
        return answer if answer["status"] != "RUNNING" else None

    # Unpatched MiniStack never ends some executions: the test has to fail soon.
    return eventually(ended, seconds=5 if sandbox.directory.name.startswith("unpatched") else 60)


def refusal(call: Callable[..., Any], **parameters: Any) -> str:
    """The code and the message of the error that the call must end with."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return f"{error['Code']}: {error.get('Message')}"


def s3_of(sandbox: Sandbox, account: str, role: str) -> Any:
    return sandbox.client("s3", account, sandbox.assume(role))


def crc64(content: bytes) -> str:
    return base64.b64encode(checksums.crc64nvme(content).to_bytes(8, "big")).decode()


def in_region(sandbox: Sandbox, service: str, region: str, account: str, credentials: Any = None) -> Any:
    """A client in a Region: the account's root, or what AssumeRole gave."""
    return sandbox.client(service, account, credentials, region=region)
