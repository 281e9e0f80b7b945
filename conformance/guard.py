"""Nothing is created or changed that does not carry the run's name, and what is created carries its tag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.outcomes import CannotRun

TAG = "promote-conformance"
PREFIX = "promote-conformance-"

_READS = (
    "Get",
    "List",
    "Describe",
    "Head",
    "BatchGet",
    "BatchCheck",
    "Simulate",
    "Assume",
    "Validate",
    "Query",
    "Scan",
)
# They change nothing that lasts, or something that only a run's own resource can lead to.
_HARMLESS = {
    *("Decrypt", "Encrypt", "GenerateDataKey", "Sign", "Verify", "ReEncrypt"),
    *("ReceiveMessage", "InvokeEndpoint", "InvokeEndpointAsync", "TestState", "ValidateStateMachineDefinition"),
}
# A key has no name; its tag says whose it is. A job of S3 Batch Operations runs on what its manifest names.
_NAMELESS = {("kms", "CreateKey"), ("s3-control", "CreateJob")}
# The resource that a call works on; an execution's own name is none.
_NAMES = (
    *("stateMachineArn", "executionArn", "ModelPackageArn", "TopicArn", "ResourceId", "ResourceArn", "resourceArn"),
    *("Bucket", "RoleName", "FunctionName", "TableName", "ModelPackageName", "ModelPackageGroupName", "ModelName"),
    *("EndpointName", "EndpointConfigName", "AliasName", "repositoryName", "QueueName", "QueueUrl", "Rule"),
    *("logGroupName", "name", "Name"),
)
# How a creating call takes tags, by service and operation.
_LIST, _LOWER, _KMS, _MAP = "Tags", "tags", "kms", "map"
_TAGGED = {
    ("iam", "CreateRole"): _LIST,
    ("kms", "CreateKey"): _KMS,
    ("lambda", "CreateFunction"): _MAP,
    ("sfn", "CreateStateMachine"): _LOWER,
    ("dynamodb", "CreateTable"): _LIST,
    ("sns", "CreateTopic"): _LIST,
    ("sqs", "CreateQueue"): "queue",
    ("ecr", "CreateRepository"): "ecr",
    ("eventbridge", "PutRule"): _LIST,
    ("sagemaker", "CreateModel"): _LIST,
    ("sagemaker", "CreateEndpointConfig"): _LIST,
    ("sagemaker", "CreateEndpoint"): _LIST,
    ("sagemaker", "CreateModelPackageGroup"): _LIST,
}


class ForeignName(CannotRun):
    """A call would create or change what is not this run's. It was not sent; the check must be corrected."""


def guard(client: Any, run: str) -> None:
    """Let a boto3 client create and change only what has the run's name, with the run's tag."""
    service = client.meta.service_model.service_id.hyphenize()

    def check(params: dict[str, Any], model: Any, **_: Any) -> dict[str, Any]:
        require_own(service, model.name, params, run)
        return _located(tagged(service, model.name, params, run), model.name, client.meta.region_name)

    client.meta.events.register(f"provide-client-params.{service}", check)


def require_own(service: str, operation: str, params: Mapping[str, Any], run: str) -> None:
    """Raise ForeignName for a call that changes what does not have the run's prefix in its name."""
    if operation.startswith(_READS) or operation in _HARMLESS or (service, operation) in _NAMELESS:
        return
    if service == "kms" and operation not in ("CreateAlias", "DeleteAlias"):
        return  # by the id of a key that this run created: aliases and tags only are names
    name = next((str(params[field]) for field in _NAMES if isinstance(params.get(field), str)), "")
    if f"{PREFIX}{run}" not in name:
        raise ForeignName(f"{service} {operation} of {name or 'no name'} is not of the run {run}")


def tagged(service: str, operation: str, params: Mapping[str, Any], run: str) -> dict[str, Any]:
    """Return the parameters of a creating call with the run's tag."""
    form, parameters = _TAGGED.get((service, operation)), dict(params)
    if form in (_LIST, "ecr"):
        name = "Tags" if form == _LIST else "tags"
        parameters[name] = [*parameters.get(name, []), {"Key": TAG, "Value": run}]
    elif form == _LOWER:
        parameters["tags"] = [*parameters.get("tags", []), {"key": TAG, "value": run}]
    elif form == _KMS:
        parameters["Tags"] = [*parameters.get("Tags", []), {"TagKey": TAG, "TagValue": run}]
    elif form in (_MAP, "queue"):
        name = "Tags" if form == _MAP else "tags"
        parameters[name] = {**parameters.get(name, {}), TAG: run}
    return parameters


def _located(params: dict[str, Any], operation: str, region: str) -> dict[str, Any]:
    """Without a location a bucket is in us-east-1, which is no value of the field (API: CreateBucket)."""
    if operation != "CreateBucket" or region == "us-east-1" or "CreateBucketConfiguration" in params:
        return params
    return {**params, "CreateBucketConfiguration": {"LocationConstraint": region}}
