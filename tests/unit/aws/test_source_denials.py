"""What promotion.yaml must have where an object of the source may not be read."""

from __future__ import annotations

import pytest

from lambdas.promotion.aws import source_denials

READER = "arn:aws:iam::222222222222:role/promote-dev-eu-reader"
OBJECT = "s3://models/v7/model.tar.gz"
KEY = "arn:aws:kms:us-east-1:222222222222:key/0d1c2b3a-1111"


def remedy(role: str = READER, operation: str = "HeadObject", resource: str = OBJECT, message: str = "") -> str:
    return source_denials.remedy(role=role, operation=operation, resource=resource, message=message)


@pytest.mark.parametrize("role", ["reader", "copier", "invoker"])
@pytest.mark.parametrize("operation", ["HeadObject", "GetObject", "ListObjectsV2", "CopyObject", "UploadPartCopy"])
def test_bucket_and_environment_are_named_with_the_options_of_promotion_yaml(role: str, operation: str) -> None:
    text = remedy(READER.replace("reader", role), operation)
    assert text.startswith("In promotion.yaml, `buckets` of the environment 'dev-eu' must list models, and `kms_keys`")
    assert "deploy this environment" in text


def test_of_a_copy_it_is_the_sources_bucket() -> None:
    copy = f"s3://promote-qa-333333333333-us-east-1/incoming/dev/a from {OBJECT}"
    assert "must list models, " in remedy(operation="CopyObject", resource=copy)


@pytest.mark.parametrize(("message", "key"), [(f"kms:Decrypt on resource: {KEY} because", KEY), ("kms:Decrypt", "the")])
def test_a_key_that_is_denied_is_named(message: str, key: str) -> None:
    text = remedy(operation="GetObject", message=f"User: x is not authorized to perform: {message}")
    assert f"`kms_keys` of the environment 'dev-eu' must list {key}" in text
    assert "`buckets`" not in text


@pytest.mark.parametrize(
    "denied",
    [
        {"role": READER.replace("reader", "deployer")},
        {"role": READER.replace("reader", "receiver")},
        {"role": "arn:aws:iam::222222222222:role/reader"},
        {"operation": "PutObject"},
        {"operation": "BatchGetImage", "resource": "the repository a of account 222222222222"},
        {"resource": "the resource"},
        {"resource": "s3://promote-dev-eu-222222222222-us-east-1/artifacts/a"},
    ],
)
def test_another_denial_has_no_such_remedy(denied: dict[str, str]) -> None:
    assert remedy(**denied) == ""
