"""A run changes only what carries its name, and what it creates carries its tag."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from conformance.guard import ForeignName, guard, require_own, tagged

RUN = "abc123"
OWN = "promote-conformance-abc123-n1"


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("s3", "CreateBucket", {"Bucket": "models"}),
        ("s3", "DeleteObject", {"Bucket": "models", "Key": OWN}),
        ("s3", "PutObject", {"Bucket": "promote-conformance-other1-n1", "Key": "k"}),
        ("iam", "DeleteRole", {"RoleName": "Admin"}),
        ("sagemaker", "DeleteEndpoint", {"EndpointName": "reviews"}),
        ("sfn", "StartExecution", {"stateMachineArn": "arn:aws:states:eu-west-1:1:stateMachine:promote", "name": OWN}),
        ("kms", "CreateAlias", {"AliasName": "alias/models", "TargetKeyId": OWN}),
        ("events", "PutEvents", {"Entries": []}),
    ],
)
def test_what_is_not_of_the_run_is_not_changed(service: str, operation: str, params: dict[str, Any]) -> None:
    with pytest.raises(ForeignName):
        require_own(service, operation, params, RUN)


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("s3", "GetObject", {"Bucket": "models"}),
        ("s3", "CreateBucket", {"Bucket": OWN}),
        ("sfn", "StartExecution", {"stateMachineArn": f"arn:aws:states:eu-west-1:1:stateMachine:{OWN}", "name": "x"}),
        ("kms", "CreateKey", {}),
        ("kms", "CreateAlias", {"AliasName": f"alias/{OWN}", "TargetKeyId": "1"}),
    ],
)
def test_reading_and_what_is_of_the_run_is_allowed(service: str, operation: str, params: dict[str, Any]) -> None:
    require_own(service, operation, params, RUN)


@pytest.mark.parametrize(
    ("service", "operation", "tags"),
    [
        ("iam", "CreateRole", {"Tags": [{"Key": "promote-conformance", "Value": RUN}]}),
        ("kms", "CreateKey", {"Tags": [{"TagKey": "promote-conformance", "TagValue": RUN}]}),
        ("sfn", "CreateStateMachine", {"tags": [{"key": "promote-conformance", "value": RUN}]}),
        ("ecr", "CreateRepository", {"tags": [{"Key": "promote-conformance", "Value": RUN}]}),
        ("lambda", "CreateFunction", {"Tags": {"promote-conformance": RUN}}),
        ("sqs", "CreateQueue", {"tags": {"promote-conformance": RUN}}),
        ("s3", "PutObject", {}),
    ],
)
def test_what_is_created_has_the_run_s_tag(service: str, operation: str, tags: dict[str, Any]) -> None:
    assert tagged(service, operation, {}, RUN) == tags


def test_a_client_does_not_send_what_is_not_allowed() -> None:
    client = boto3.Session("key", "secret", region_name="eu-west-1").client("iam")
    guard(client, RUN)
    with Stubber(client), pytest.raises(ForeignName):
        client.delete_role(RoleName="Admin")


def test_a_bucket_is_created_in_the_client_s_region() -> None:
    client = boto3.Session("key", "secret", region_name="eu-west-1").client("s3")
    guard(client, RUN)
    with Stubber(client) as stubber:
        location = {"LocationConstraint": "eu-west-1"}
        stubber.add_response("create_bucket", {}, {"Bucket": OWN, "CreateBucketConfiguration": location})
        client.create_bucket(Bucket=OWN)


def test_a_job_of_batch_operations_has_no_name() -> None:
    client = boto3.Session("key", "secret", region_name="eu-west-1").client("s3control")
    require_own(client.meta.service_model.service_id.hyphenize(), "CreateJob", {"AccountId": "1"}, RUN)


def test_a_role_is_created_with_its_tag() -> None:
    client = boto3.Session("key", "secret", region_name="eu-west-1").client("iam")
    guard(client, RUN)
    with Stubber(client) as stubber:
        tags = [{"Key": "promote-conformance", "Value": RUN}]
        expected = {"RoleName": OWN, "AssumeRolePolicyDocument": ANY, "Tags": tags}
        stubber.add_client_error("create_role", expected_params=expected)
        with pytest.raises(client.exceptions.ClientError):
            client.create_role(RoleName=OWN, AssumeRolePolicyDocument="{}")
