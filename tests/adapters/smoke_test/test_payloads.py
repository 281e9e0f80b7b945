"""The payload of a smoke test: which role reads it, where, and what makes it unusable."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from botocore.response import StreamingBody

from lambdas.promotion.aws import error_translation
from lambdas.promotion.aws.sessions import RoleSession
from lambdas.promotion.contract.document import Promotion, S3Object
from lambdas.promotion.contract.errors import AccessDenied, PayloadUnusable, SamplePayloadUnusable
from lambdas.promotion.contract.smoke_test_settings import Payload, SmokeTest
from lambdas.promotion.smoke_test import payloads, sample_resolution
from tests.adapters.conftest import Stubs
from tests.unit.builders import BUCKET, MODEL, STAGE, VERSION, package, promotion
from tests.unit.smoke_test.test_sample_archive import FILE, archive

OWN_ACCOUNT = Payload(bucket="payloads", key="a/b.csv")
OTHER_ACCOUNT = replace(OWN_ACCOUNT, in_source=True)
SAMPLE = S3Object(bucket=BUCKET, key="sample.tar.gz", etag='"ss"', size=100)
URI = f"s3://{BUCKET}/sample.tar.gz"


def with_payload(*sent: Payload) -> Promotion:
    tests = tuple(SmokeTest(payload=payload, content_type="text/csv") for payload in sent)
    plain = promotion()
    return replace(plain, stage=replace(plain.stage, smoke_tests=tests))


@pytest.fixture
def readers(stubs: Stubs, monkeypatch: pytest.MonkeyPatch) -> dict[bool, RoleSession]:
    def account(number: str, role: str) -> RoleSession:
        session = RoleSession(f"arn:aws:iam::{number}:role/{role}", None, "us-east-1")  # type: ignore[arg-type]
        session.__dict__.update(s3=stubs.s3.client, sagemaker=stubs.sagemaker.client)
        return session

    error_translation.translate_errors(stubs.s3.client, "The role invoker")
    return {False: account("333333333333", "promote-qa-invoker"), True: account("222222222222", "promote-dev-reader")}


def content(stubs: Stubs, body: bytes, **request: Any) -> None:
    response = {"Body": StreamingBody(io.BytesIO(body), len(body)), "ContentLength": len(body)}
    stubs.s3.add_response("get_object", response, request or None)


@pytest.mark.parametrize(
    ("payload", "sent"), [(Payload(text="ein Käse"), "ein Käse".encode()), (Payload(base64="AAH/"), b"\0\1\xff")]
)
def test_a_payload_in_the_configuration_requires_no_call(
    payload: Payload, sent: bytes, readers: dict[bool, RoleSession]
) -> None:
    assert payloads.content_of(payload, with_payload(payload), readers=readers) == sent


@pytest.mark.parametrize(("payload", "owner"), [(OWN_ACCOUNT, "333333333333"), (OTHER_ACCOUNT, "222222222222")])
def test_an_object_is_read_in_the_account_that_must_own_it(
    payload: Payload, owner: str, stubs: Stubs, readers: dict[bool, RoleSession]
) -> None:
    content(stubs, b"x", Bucket="payloads", Key="a/b.csv", ExpectedBucketOwner=owner)
    assert payloads.content_of(payload, with_payload(payload), readers=readers) == b"x"


@pytest.mark.parametrize(
    ("code", "status", "error", "message"),
    [
        ("NoSuchKey", 404, PayloadUnusable, "which does not exist in account 333333333333"),
        ("NoSuchBucket", 404, PayloadUnusable, "which does not exist in account 333333333333"),
        ("AccessDenied", 403, AccessDenied, "Required permissions: s3:GetObject"),
    ],
)
def test_an_unreadable_object_is_reported(
    code: str, status: int, error: type[Exception], message: str, stubs: Stubs, readers: dict[bool, RoleSession]
) -> None:
    stubs.s3.add_client_error("get_object", code, "no", http_status_code=status)
    with pytest.raises(error, match=f"s3://payloads/a/b.csv.*{message}"):
        payloads.content_of(OWN_ACCOUNT, with_payload(OWN_ACCOUNT), readers=readers)


def test_an_object_that_exceeds_the_limit_is_not_read(stubs: Stubs, readers: dict[bool, RoleSession]) -> None:
    response = {"Body": StreamingBody(io.BytesIO(b""), 0), "ContentLength": 6_291_457}
    stubs.s3.add_response("get_object", response)
    with pytest.raises(PayloadUnusable, match="6291457 bytes, more than 6291456"):
        payloads.content_of(OWN_ACCOUNT, with_payload(OWN_ACCOUNT), readers=readers)


def test_a_sample_is_read_in_the_source_as_it_was_resolved_and_unpacked(
    stubs: Stubs, readers: dict[bool, RoleSession]
) -> None:
    sample = Payload(sample=True)
    resolved = with_payload(sample)
    resolved = replace(resolved, model=replace(resolved.model, sample_payload=SAMPLE))
    content(
        stubs, archive(FILE), Bucket=BUCKET, Key="sample.tar.gz", ExpectedBucketOwner="222222222222", IfMatch='"ss"'
    )
    assert payloads.content_of(sample, resolved, readers=readers) == b"a fine film"

    stubs.s3.add_client_error("get_object", "PreconditionFailed", "no", http_status_code=412)
    with pytest.raises(PayloadUnusable, match="changed after the promotion resolved it"):
        payloads.content_of(sample, resolved, readers=readers)


# Resolving

SAMPLED = replace(STAGE, smoke_tests=(SmokeTest(payload=Payload(sample=True), content_type="text/csv"),))
OF_VERSION = replace(MODEL, arn=VERSION, model_package_arn=VERSION)


def registered(stubs: Stubs, **fields: Any) -> None:
    response = {**package(), "ModelPackageStatusDetails": {"ValidationStatuses": []}, **fields}
    stubs.sagemaker.add_response(
        "describe_model_package", response, {"ModelPackageName": VERSION, "IncludedData": "MetadataOnly"}
    )


def object_is_stored(stubs: Stubs, body: bytes) -> None:
    stubs.s3.add_response("head_object", {"ETag": '"ss"', "ContentLength": len(body)})
    if len(body) < 1000:
        content(stubs, body)


def test_a_stage_that_sends_no_sample_resolves_none(readers: dict[bool, RoleSession]) -> None:
    assert sample_resolution.resolved(OF_VERSION, STAGE, source=readers[True]) is OF_VERSION


def test_the_sample_of_the_version_is_resolved_and_checked(stubs: Stubs, readers: dict[bool, RoleSession]) -> None:
    registered(stubs, SamplePayloadUrl=URI)
    object_is_stored(stubs, body := archive(FILE))
    model = sample_resolution.resolved(OF_VERSION, SAMPLED, source=readers[True])
    assert model.sample_payload == replace(SAMPLE, size=len(body))


def test_a_model_that_is_not_a_version_has_no_sample(readers: dict[bool, RoleSession]) -> None:
    with pytest.raises(SamplePayloadUnusable, match="is not a version in the model registry"):
        sample_resolution.resolved(MODEL, SAMPLED, source=readers[True])


def test_a_version_without_a_sample_is_refused(stubs: Stubs, readers: dict[bool, RoleSession]) -> None:
    registered(stubs)
    with pytest.raises(SamplePayloadUnusable, match=r"has none .*Nothing was created"):
        sample_resolution.resolved(OF_VERSION, SAMPLED, source=readers[True])


def test_a_sample_that_no_longer_exists_is_refused(stubs: Stubs, readers: dict[bool, RoleSession]) -> None:
    registered(stubs, SamplePayloadUrl=URI)
    stubs.s3.add_client_error("head_object", "404", "Not Found", http_status_code=404)
    with pytest.raises(SamplePayloadUnusable, match="which does not exist in account 222222222222"):
        sample_resolution.resolved(OF_VERSION, SAMPLED, source=readers[True])


@pytest.mark.parametrize(
    "uri", ["s3://bucket", "s3://bucket/", "s3://", "s3://Not_a bucket/key", "https://example.com/bucket/key"]
)
def test_a_sample_whose_address_is_none_is_refused(stubs: Stubs, readers: dict[bool, RoleSession], uri: str) -> None:
    """SageMaker takes each of them (API: CreateModelPackage, SamplePayloadUrl)."""
    registered(stubs, SamplePayloadUrl=uri)
    with pytest.raises(SamplePayloadUnusable, match=f"refers to {uri}, which is not the S3 URI of an object"):
        sample_resolution.resolved(OF_VERSION, SAMPLED, source=readers[True])


def test_a_sample_may_be_named_by_an_https_url_of_s3(stubs: Stubs, readers: dict[bool, RoleSession]) -> None:
    registered(stubs, SamplePayloadUrl="https://s3.amazonaws.com/samples/a.tar.gz")
    asked = {"Bucket": "samples", "Key": "a.tar.gz", "ChecksumMode": "ENABLED", "ExpectedBucketOwner": "222222222222"}
    stubs.s3.add_client_error("head_object", "404", "Not Found", http_status_code=404, expected_params=asked)
    with pytest.raises(SamplePayloadUnusable, match="which does not exist in account 222222222222"):
        sample_resolution.resolved(OF_VERSION, SAMPLED, source=readers[True])


@pytest.mark.parametrize(
    ("body", "message"), [(b"no archive", "which is not a gzip archive"), (b"x" * 7_400_000, "which has 7400000 bytes")]
)
def test_a_sample_that_cannot_be_sent_is_refused(
    body: bytes, message: str, stubs: Stubs, readers: dict[bool, RoleSession]
) -> None:
    registered(stubs, SamplePayloadUrl=URI)
    object_is_stored(stubs, body)
    with pytest.raises(SamplePayloadUnusable, match=message):
        sample_resolution.resolved(OF_VERSION, SAMPLED, source=readers[True])
