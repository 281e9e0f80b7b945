"""What checks share: each is made once in a run, when the first check needs it."""

from __future__ import annotations

import io
import json
import tarfile
import time
import zipfile
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from conformance.outcomes import CannotRun
from conformance.world import Resource, World
from sandbox.aws.sagemaker.models.prebuilt_images import SCIKIT_LEARN

# Of a key, by the hour: USD 1.00 a month (AWS KMS pricing). Deletion is scheduled at the end, and costs nothing then.
KEY_DOLLARS = 0.01
# Long enough for all calls on a new role to be allowed.
_ROLE_SECONDS = 60.0
IMAGE_VERSION = "1.2-1-cpu-py3"
FUNCTION = """
import os, time

def handler(event, context):
    kind = event["do"]
    if kind == "raise":
        raise Exception("Handler fails")
    if kind == "exit":
        os._exit(0)
    if kind == "exit with status":
        os._exit(1)
    if kind == "sleep":
        time.sleep(event["seconds"])
    if kind == "large":
        return "x" * event["size"]
    return event
"""


def bucket(world: World, value: str = "bucket", *, versioned: bool = False) -> Mapping[str, str]:
    name, s3 = world.name(), world.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "promote-conformance", "Value": world.run}]})
    if versioned:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return {value: name}


def key(world: World, value: str = "key") -> Mapping[str, str]:
    kms = world.client("kms")
    metadata = kms.create_key(Description="a check of Promote's conformance run")["KeyMetadata"]
    kms.create_alias(AliasName=f"alias/{world.name()}", TargetKeyId=metadata["KeyId"])
    return {value: metadata["Arn"], f"{value}_id": metadata["KeyId"]}


def role(
    world: World, service: str, statements: list[Mapping[str, Any]], principal: Mapping[str, str] | None = None
) -> str:
    """Create a role that a service, or another principal, may assume. Returns its ARN, once it can be used."""
    name, iam = world.name(), world.client("iam")
    trust = {"Effect": "Allow", "Principal": principal or {"Service": service}, "Action": "sts:AssumeRole"}
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy([trust]))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="conformance", PolicyDocument=policy(statements))
    time.sleep(world.account.settle_seconds)
    return arn


def policy(statements: list[Mapping[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(actions: str | list[str], resources: str | list[str] = "*") -> Mapping[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def _execution_role(world: World) -> Mapping[str, str]:
    name = world.need("bucket")["bucket"]
    partition = world.account.partition
    objects = [f"arn:{partition}:s3:::{name}", f"arn:{partition}:s3:::{name}/*"]
    statements = [allow(["s3:GetObject", "s3:ListBucket"], objects), allow("ecr:*"), allow("logs:*")]
    return {"role": role(world, "sagemaker.amazonaws.com", statements)}


def _caller(world: World) -> Mapping[str, str]:
    """A role that may do next to nothing, which the account itself may assume."""
    root = {"AWS": f"arn:{world.account.partition}:iam::{world.account.number}:root"}
    own = f"arn:{world.account.partition}:iam::{world.account.number}:role/{world.prefix}-*"
    arn = role(world, "", [allow("sts:GetCallerIdentity"), allow("sts:AssumeRole", own)], root)
    resources = ", ".join(f'"arn:aws:s3:::bucket/{number:0100}"' for number in range(100))
    return {"caller": arn, "caller_name": arn.rpartition("/")[2], "long_resources": resources}


def _table(world: World) -> Mapping[str, str]:
    name, dynamodb = world.name(), world.client("dynamodb")
    dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "lockid", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "lockid", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return {"table": name}


def _topic(world: World) -> Mapping[str, str]:
    return {"topic": world.client("sns").create_topic(Name=world.name())["TopicArn"]}


def _function(world: World) -> Mapping[str, str]:
    name, functions = world.name(), world.client("lambda")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("handler.py", FUNCTION)
    functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role(world, "lambda.amazonaws.com", [allow("logs:*")]),
        Handler="handler.handler",
        Code={"ZipFile": archive.getvalue()},
        Timeout=2,
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return {"function": name}


def machine(world: World, states: Mapping[str, Any], *, role_arn: str = "", **fields: Any) -> str:
    """Create a state machine in JSONata that begins with its first state. Returns its ARN.

    Without a role it gets the one that all of them share.
    """
    definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states, **fields}
    answer = world.client("stepfunctions").create_state_machine(
        name=world.name(),
        roleArn=role_arn or world.need("states role")["states_role"],
        definition=json.dumps(definition),
    )
    arn: str = answer["stateMachineArn"]
    return arn


def _states_role(world: World) -> Mapping[str, str]:
    statements = [allow(["lambda:InvokeFunction", "dynamodb:PutItem", "sns:Publish", "events:PutEvents"])]
    return {"states_role": role(world, "states.amazonaws.com", statements)}


def _machines(world: World) -> Mapping[str, str]:
    wait = {"Type": "Wait", "Seconds": 300, "End": True}
    fail = {"Type": "Fail", "Error": "SomeError", "Cause": "for a reason"}
    return {
        "passing": machine(world, {"Pass": {"Type": "Pass", "End": True}}),
        "waiting": machine(world, {"Wait": wait}),
        "failing": machine(world, {"Fail": fail}),
        "failing_silently": machine(world, {"Fail": {"Type": "Fail"}}),
        "timing_out": machine(world, {"Wait": wait}, TimeoutSeconds=2),
        "short_wait": machine(world, {"Wait": {"Type": "Wait", "Seconds": 1, "End": True}}),
        "undefined": machine(
            world, {"Pass": {"Type": "Pass", "Output": {"result": "{% $states.input.x.y %}"}, "End": True}}
        ),
    }


def _repository(world: World) -> Mapping[str, str]:
    name, ecr = world.name(), world.client("ecr")
    ecr.create_repository(repositoryName=name)
    return {"repository": name, "registry": f"{world.account.number}.dkr.ecr.{world.account.region}.amazonaws.com"}


def archive(files: Mapping[str, str]) -> bytes:
    """Return a gzipped tar of texts."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return content.getvalue()


def _model(world: World) -> Mapping[str, str]:
    """A model of AWS's scikit-learn image, and a configuration that names it. Nothing of it runs."""
    name, bucket_name = world.name(), world.need("bucket")["bucket"]
    sagemaker = world.client("sagemaker")
    world.client("s3").put_object(Bucket=bucket_name, Key="model/model.tar.gz", Body=archive({"model.json": "{}"}))
    values = {
        "image": world.need("image")["image"],
        "model_url": f"s3://{bucket_name}/model/model.tar.gz",
        "model": name,
        "config": world.name(),
        "role": world.need("role")["role"],
    }
    request = {
        "ModelName": name,
        "PrimaryContainer": {"Image": values["image"], "ModelDataUrl": values["model_url"]},
        "ExecutionRoleArn": values["role"],
    }
    _until_usable(lambda: sagemaker.create_model(**request))
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InstanceType": "ml.t2.medium",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=values["config"], ProductionVariants=[variant])
    return values


def _until_usable(call: Any) -> None:
    """A role that was created a moment ago cannot be assumed by SageMaker yet, which it reports as invalid data."""
    deadline = time.monotonic() + _ROLE_SECONDS
    while True:
        try:
            call()
        except ClientError as error:
            if "Could not access model data" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(3)
        else:
            return


def _image(world: World) -> Mapping[str, str]:
    region = world.account.region
    if region not in SCIKIT_LEARN:
        raise CannotRun(f"the registry of AWS's scikit-learn image in {region} is not in the table")
    return {"image": f"{SCIKIT_LEARN[region]}.dkr.ecr.{region}.amazonaws.com/sagemaker-scikit-learn:{IMAGE_VERSION}"}


def _algorithm_image(world: World) -> Mapping[str, str]:
    if world.account.region != "us-east-1":
        raise CannotRun("the registry of SageMaker's own algorithms is in the table for us-east-1 only")
    return {"algorithm_registry": "382416733822", "algorithm_repository": "linear-learner"}


def _group(world: World) -> Mapping[str, str]:
    name, sagemaker = world.name(), world.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    return {"group": name}


RESOURCES: Mapping[str, Resource] = {
    "bucket": Resource(creates="an S3 bucket, with objects of up to 11 MB", make=bucket, dollars=0.01),
    "versioned": Resource(
        creates="an S3 bucket with versions",
        make=lambda world: bucket(world, "versioned", versioned=True),
        dollars=0.01,
    ),
    "new bucket": Resource(creates="an S3 bucket", make=lambda world: bucket(world, "new_bucket")),
    "empty bucket": Resource(creates="an S3 bucket", make=lambda world: bucket(world, "empty_bucket")),
    "disabled key": Resource(
        creates="a KMS key to be disabled", make=lambda world: key(world, "disabled_key"), dollars=KEY_DOLLARS
    ),
    "deleted key": Resource(
        creates="a KMS key to be deleted", make=lambda world: key(world, "deleted_key"), dollars=KEY_DOLLARS
    ),
    "algorithm image": Resource(creates="nothing (the name of an image of AWS)", make=_algorithm_image),
    "key": Resource(creates="a KMS key, whose deletion is scheduled", make=key, dollars=KEY_DOLLARS),
    "role": Resource(creates="an execution role for SageMaker", make=_execution_role, needs=("bucket",)),
    "caller": Resource(creates="a role that the account may assume", make=_caller),
    "table": Resource(creates="a DynamoDB table, on demand", make=_table),
    "topic": Resource(creates="an SNS topic without subscribers", make=_topic),
    "function": Resource(creates="a Lambda function and its role", make=_function),
    "states role": Resource(creates="a role for state machines", make=_states_role),
    "machines": Resource(creates="seven state machines", make=_machines, needs=("states role",), dollars=0.01),
    "repository": Resource(creates="an ECR repository", make=_repository),
    "image": Resource(creates="nothing (the name of AWS's scikit-learn image)", make=_image),
    "model": Resource(
        creates="a SageMaker model and an endpoint configuration; neither costs anything",
        make=_model,
        needs=("bucket", "role", "image"),
    ),
    "group": Resource(creates="a model package group", make=_group),
}
