"""An answer that is none of AWS's is transient, in whichever protocol the service answers."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, FlexibleChecksumError, IncompleteReadError

from lambdas.promotion.aws import concurrency, error_translation, sessions
from lambdas.promotion.contract.errors import AccessDenied, ServiceUnavailable, Throttled
from lambdas.promotion.runtime.handler import errors_by_name
from recordings import store
from tests.adapters.conftest import Wire

SESSION = boto3.Session("key", "secret", region_name="us-east-1")
PAGE = "<html><head><title>Bad gateway</title></head><body><p>Sorry<br></body></html>"
WELL_FORMED_PAGE = "<html><body>Sign in</body></html>"
TOPIC = "arn:aws:sns:us-east-1:111122223333:promote"
S3_OBJECT = {"Bucket": "models", "Key": "k"}
UPLOAD = {**S3_OBJECT, "UploadId": "u"}
COPY = {**S3_OBJECT, "CopySource": {"Bucket": "from", "Key": "a"}}
# A call of each service, whose answer has a body.
CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "sagemaker": ("sagemaker", "describe_endpoint", {"EndpointName": "reviews-qa"}),
    "ecr": ("ecr", "batch_get_image", {"repositoryName": "team/reviews", "imageIds": [{"imageTag": "1"}]}),
    "sts": ("sts", "assume_role", {"RoleArn": "arn:aws:iam::111122223333:role/r", "RoleSessionName": "release-7"}),
    "iam": (
        "iam",
        "simulate_principal_policy",
        {"PolicySourceArn": "arn:aws:iam::111122223333:role/r", "ActionNames": ["s3:GetObject"]},
    ),
    "sns": ("sns", "publish", {"TopicArn": TOPIC, "Message": "m"}),
    "cloudwatch": ("cloudwatch", "describe_alarms", {}),
    "dynamodb": ("dynamodb", "get_item", {"TableName": "promote", "Key": {"endpoint": {"S": "reviews-qa"}}}),
    "stepfunctions": (
        "stepfunctions",
        "describe_execution",
        {"executionArn": "arn:aws:states:us-east-1:1:execution:a:b"},
    ),
    "autoscaling": ("application-autoscaling", "describe_scalable_targets", {"ServiceNamespace": "sagemaker"}),
    "kms": ("kms", "describe_key", {"KeyId": "k"}),
    "quotas": ("service-quotas", "list_service_quotas", {"ServiceCode": "sagemaker"}),
    "list": ("s3", "list_objects_v2", {"Bucket": "models"}),
    "copy": ("s3", "copy_object", COPY),
    "part": ("s3", "upload_part_copy", {**COPY, "UploadId": "u", "PartNumber": 1}),
    "open": ("s3", "create_multipart_upload", S3_OBJECT),
    "complete": ("s3", "complete_multipart_upload", UPLOAD),
    "parts": ("s3", "list_parts", UPLOAD),
    "uploads": ("s3", "list_multipart_uploads", {"Bucket": "models"}),
    "tags": ("s3", "get_object_tagging", S3_OBJECT),
}


@cache
def client_of(service: str) -> Any:
    client = SESSION.client(service, config=sessions._CONFIG)  # type: ignore[call-overload]
    error_translation.translate_errors(client, "The role deployer")
    return client


def call(service: str, method: str, parameters: dict[str, Any], status: int, body: str, **headers: str) -> Any:
    client = client_of(service)
    wire = Wire(client, status, body)
    answer = wire._send
    if headers:
        send = wire._send

        def send_with_headers(request: Any, **more: Any) -> AWSResponse:
            response = send(request, **more)
            response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
            return response

        client.meta.events.unregister("before-send", wire._send)
        client.meta.events.register("before-send", send_with_headers)
        answer = send_with_headers
    try:
        return getattr(client, method)(**parameters)
    finally:
        client.meta.events.unregister("before-send", answer)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        *((status, page) for status in (200, 400, 403, 404, 500, 502) for page in (PAGE, WELL_FORMED_PAGE)),
        *((200, body) for body in ("", "{", "Service temporarily unavailable", "\ufeff", "<a", '"text"'[1:])),
        *((500, body) for body in ("", "{", "no")),
        (403, "Blocked by policy"),
    ],
)
def test_an_answer_that_is_none_of_aws_is_transient(name: str, status: int, body: str) -> None:
    with pytest.raises(ServiceUnavailable):
        call(*CALLS[name], status, body)


@pytest.mark.parametrize("name", ["sagemaker", "sts", "list"])
def test_the_error_names_the_call_its_resource_and_the_beginning_of_the_answer(name: str) -> None:
    with pytest.raises(ServiceUnavailable, match=r"^The role deployer called \w+:\w+ on .*status 403, '<html><head>"):
        call(*CALLS[name], 403, PAGE)


@pytest.mark.parametrize("name", ["sagemaker", "sts", "list"])
def test_a_long_answer_is_quoted_in_part(name: str) -> None:
    with pytest.raises(ServiceUnavailable) as raised:
        call(*CALLS[name], 403, f"<html>{'x' * 10_000}</html>")
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize("name", CALLS)
def test_an_empty_answer_of_the_status_503_is_throttling_as_before(name: str) -> None:
    with pytest.raises(Throttled):
        call(*CALLS[name], 503, "")


@pytest.mark.parametrize(
    ("status", "page", "key"),
    [
        (200, WELL_FORMED_PAGE, "s3/CopyObject/proxy-html-200-well-formed"),
        (200, PAGE, "s3/CopyObject/proxy-html-200-malformed"),
        (403, WELL_FORMED_PAGE, "s3/CopyObject/proxy-html-403-well-formed"),
    ],
)
def test_what_botocore_itself_takes_a_page_for_is_transient_too(status: int, page: str, key: str) -> None:
    plain: Any = SESSION.client("s3", config=sessions._CONFIG)
    Wire(plain, status, page)
    recorded = store.recording(key)
    if recorded.error:
        with pytest.raises(ClientError) as raised:
            plain.copy_object(**COPY)
        error = raised.value.response["Error"]
        assert (error["Code"], error["Message"]) == (recorded.error["code"], recorded.error["message"])
    else:
        assert recorded.response.items() <= plain.copy_object(**COPY).items()
    with pytest.raises(ServiceUnavailable):
        call(*CALLS["copy"], status, page)


def test_a_date_that_is_none_is_transient() -> None:
    with pytest.raises(ServiceUnavailable, match="sagemaker:DescribeEndpoint on reviews-qa"):
        call(*CALLS["sagemaker"], 200, '{"CreationTime": "yesterday"}')


def test_a_page_with_a_pages_type_is_one_whatever_it_looks_like() -> None:
    answer = '<?xml version="1.0"?><Sign><In/></Sign>'
    with pytest.raises(ServiceUnavailable, match="a page"):
        call(*CALLS["list"], 200, answer, content_type="text/html; charset=utf-8")


# What is an answer of AWS


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("sagemaker", "{}"),
        ("cloudwatch", '{"MetricAlarms": []}'),
        ("dynamodb", "{}"),
        ("sts", "<AssumeRoleResponse><AssumeRoleResult/></AssumeRoleResponse>"),
        ("list", "<ListBucketResult/>"),
    ],
)
def test_an_answer_in_the_protocol_that_botocore_speaks_is_read(name: str, body: str) -> None:
    """CloudWatch has three; its client takes JSON, though the model names CBOR first."""
    assert call(*CALLS[name], 200, body)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_head_has_the_type_of_its_object_and_no_body() -> None:
    answer = call("s3", "head_object", S3_OBJECT, 200, "", content_type="text/html", etag='"aa"', content_length="7")
    assert (answer["ETag"], answer["ContentType"]) == ('"aa"', "text/html")


def test_the_content_of_an_object_may_be_a_page() -> None:
    answer = call("s3", "get_object", S3_OBJECT, 200, PAGE, content_type="text/html")
    assert answer["Body"].read() == PAGE.encode()


def test_the_response_of_a_model_may_be_a_page() -> None:
    answer = call("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "e", "Body": b""}, 200, PAGE)
    assert answer["Body"].read() == PAGE.encode()


@pytest.mark.parametrize(
    ("service", "method", "parameters"),
    [
        ("s3", "put_object", {**S3_OBJECT, "Body": b""}),
        ("s3", "abort_multipart_upload", UPLOAD),
        ("sagemaker", "delete_endpoint", {"EndpointName": "e"}),
        ("application-autoscaling", "put_scheduled_action", None),
    ],
)
def test_an_answer_without_fields_has_no_body(service: str, method: str, parameters: dict[str, Any] | None) -> None:
    target = {
        "ServiceNamespace": "sagemaker",
        "ScheduledActionName": "nightly",
        "ResourceId": "endpoint/e/variant/All",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    call(service, method, parameters or target, 200, "")


@pytest.mark.parametrize(("status", "code"), [(404, "404"), (409, "409"), (412, "412")])
def test_an_error_of_s3_with_a_key_that_xml_cannot_carry_keeps_its_status(status: int, code: str) -> None:
    """As the answer to CreateMultipartUpload does, an error repeats the key."""
    key = store.response("s3/CreateMultipartUpload/key-that-xml-cannot-carry")["body"].partition("<Key>")[2][:13]
    assert "&#x7;" in key
    with pytest.raises(ClientError) as raised:
        call(*CALLS["copy"], status, f"<Error><Code>Any</Code><Key>{key}</Key></Error>")
    assert raised.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("sagemaker", '{"__type": "AccessDeniedException", "Message": "no"}'),
        ("sts", "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"),
        ("list", "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"),
    ],
)
def test_a_denial_of_aws_is_still_a_denial(name: str, body: str) -> None:
    with pytest.raises(AccessDenied):
        call(*CALLS[name], 403, body)


# An answer that ends too early


@pytest.mark.parametrize(
    "error",
    [IncompleteReadError(actual_bytes=3, expected_bytes=7), FlexibleChecksumError(error_msg="Expected checksum A")],
    ids=lambda error: type(error).__name__,
)
def test_a_body_that_is_cut_short_is_transient(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(event: dict[str, Any], context: object) -> dict[str, Any]:
        raise error

    with pytest.raises(ServiceUnavailable):
        errors_by_name(read)({}, None)

    errors = [error]

    def read_again() -> str:
        if errors:
            raise errors.pop()
        return "whole"

    monkeypatch.setattr(concurrency, "_LONGEST_PAUSE", 0.0)
    assert concurrency.run([read_again], at_once=1, until=float("inf"), doing="Reading") == ["whole"]
