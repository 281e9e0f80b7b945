"""CloudFormation sets the encryption and the lifecycle of a bucket: MiniStack drops both."""

from typing import Any

import botocore.session
from botocore.serialize import create_serializer
from ministack.services import s3
from ministack.services.cloudformation import provisioners


def apply() -> None:
    provisioners._S3_BUCKET_CONFIGURATIONS = (
        *provisioners._S3_BUCKET_CONFIGURATIONS,
        ("BucketEncryption", _encryption, s3._put_bucket_encryption, s3._delete_bucket_encryption),
        ("LifecycleConfiguration", _lifecycle, s3._put_bucket_lifecycle, s3._delete_bucket_lifecycle),
    )


def _encryption(declared: dict[str, Any]) -> bytes:
    rules = []
    for rule in declared.get("ServerSideEncryptionConfiguration", []):
        wanted = {"ApplyServerSideEncryptionByDefault": rule.get("ServerSideEncryptionByDefault", {})}
        if "BucketKeyEnabled" in rule:
            wanted["BucketKeyEnabled"] = str(rule["BucketKeyEnabled"]).lower() == "true"
        rules.append(wanted)
    return _body("PutBucketEncryption", {"ServerSideEncryptionConfiguration": {"Rules": rules}})


def _lifecycle(declared: dict[str, Any]) -> bytes:
    rules = [_rule(rule) for rule in declared.get("Rules", [])]
    return _body("PutBucketLifecycleConfiguration", {"LifecycleConfiguration": {"Rules": rules}})


def _rule(declared: dict[str, Any]) -> dict[str, Any]:
    """A rule as the API says it, with the members that differ from the template's by name only."""
    rule: dict[str, Any] = {"Status": declared["Status"], "Filter": {"Prefix": declared.get("Prefix", "")}}
    if "Id" in declared:
        rule["ID"] = declared["Id"]
    if "ExpirationInDays" in declared:
        rule["Expiration"] = {"Days": int(declared["ExpirationInDays"])}
    for name in ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration"):
        if name in declared:
            rule[name] = {field: int(value) for field, value in declared[name].items()}
    return rule


def _body(operation: str, parameters: dict[str, Any]) -> bytes:
    """The request's XML, as an AWS client writes it."""
    model = botocore.session.get_session().get_service_model("s3")
    request = create_serializer("rest-xml").serialize_to_request(
        {"Bucket": "b", **parameters}, model.operation_model(operation)
    )
    body: bytes = request["body"]
    return body
