"""Assuming a role, and the names of AWS's errors."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.httpsession import URLLib3Session
from botocore.retries import standard
from botocore.stub import ANY, Stubber

from lambdas.promotion.aws import error_translation, sessions
from lambdas.promotion.contract.errors import (
    AccessDenied,
    PromotionError,
    ServiceUnavailable,
    SessionExpired,
    Throttled,
    Transient,
)
from lambdas.promotion.preflight import findings
from recordings import store
from tests.adapters.conftest import CREDENTIALS, Stubs, Wire

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

ROLE = "arn:aws:iam::333333333333:role/promote-qa-deployer"
# One session: each reads the model of its services anew.
SESSION = boto3.Session("key", "secret")
# What the SDK itself would retry, if retries were not left to the workflow.
THROTTLED: list[str] = standard.ThrottledRetryableChecker._THROTTLED_ERROR_CODES  # type: ignore[attr-defined]
TRANSIENT: list[str] = standard.TransientRetryableChecker._TRANSIENT_ERROR_CODES  # type: ignore[attr-defined]
TRANSIENT_STATUSES: list[int] = standard.TransientRetryableChecker._TRANSIENT_STATUS_CODES  # type: ignore[attr-defined]
SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)


def assume(stubs: Stubs, *, session_name: str = "release-7", **optional: object) -> sessions.RoleSession:
    return sessions.assume(ROLE, region="us-east-1", session_name=session_name, **optional)  # type: ignore[arg-type]


def expect(stubs: Stubs, **parameters: object) -> None:
    expected = {"RoleArn": ROLE, "RoleSessionName": "release-7", **parameters}
    stubs.sts.add_response("assume_role", {"Credentials": CREDENTIALS}, expected)


# Assuming a role


def test_a_role_is_assumed_with_nothing_that_is_not_configured(aws: Stubs) -> None:
    expect(aws)
    assume(aws)


def test_an_external_id_and_a_policy_are_sent(aws: Stubs) -> None:
    policy = {"Version": "2012-10-17", "Statement": []}
    expect(aws, ExternalId="an-id", Policy=json.dumps(policy, separators=(",", ":")))
    assume(aws, external_id="an-id", policy=policy)


@pytest.mark.parametrize(
    "promotion_id",
    [
        "release-7",
        "a b/c:d",
        "x" * 80,
        "ü",
        "größe",
        "7",
    ],
)
def test_every_execution_name_makes_a_session_name(
    aws: Stubs, monkeypatch: pytest.MonkeyPatch, promotion_id: str
) -> None:
    """Step Functions allows 1 to 80 characters of any script; STS 2 to 64 of [\\w+=,.@-]."""
    sent: list[str] = []
    aws.sts.client.meta.events.register(
        "provide-client-params", lambda params, **_: sent.append(params["RoleSessionName"])
    )
    aws.allow_assume_role()
    assume(aws, session_name=promotion_id)
    assert SESSION_NAME.fullmatch(sent[0])


def test_a_role_that_may_not_be_assumed_is_named(aws: Stubs) -> None:
    aws.sts.add_client_error("assume_role", "AccessDenied", "not authorized", 403)
    with pytest.raises(AccessDenied, match=f"is not permitted to call sts:AssumeRole on {ROLE}.*not authorized"):
        assume(aws)


def test_the_clients_of_an_account_name_its_role(aws: Stubs) -> None:
    aws.allow_assume_role()
    aws.sagemaker.add_client_error("describe_model", "AccessDeniedException", "no", 400)
    account = assume(aws)
    with pytest.raises(AccessDenied, match=f"^{ROLE} is not permitted to call sagemaker:DescribeModel on reviews-v7"):
        account.sagemaker.describe_model(ModelName="reviews-v7")


def test_the_steps_own_role_is_named_as_its_function_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where S3 says no more than Access Denied."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "promote-copy-unit")
    monkeypatch.setattr(sessions, "_session", boto3.Session("key", "secret", region_name="us-east-1"))
    s3 = sessions.own_s3()
    with Stubber(s3) as stubber, pytest.raises(AccessDenied) as denied:
        stubber.add_client_error("put_object", "AccessDenied", "Access Denied", 403)
        s3.put_object(Bucket="lists", Key="work-units.jsonl")
    assert str(denied.value).startswith(
        "The role promote-copy-unit in the hub is not permitted to call s3:PutObject on s3://lists/work-units.jsonl. "
        "AWS reports: Access Denied. Required permissions: s3:PutObject, kms:GenerateDataKey where a key encrypts it."
    )


def test_a_source_bucket_that_may_not_be_read_has_the_remedy_of_promotion_yaml(stubs: Stubs) -> None:
    s3: S3Client = stubs.s3.client  # type: ignore[assignment]
    error_translation.translate_errors(s3, "arn:aws:iam::222222222222:role/promote-dev-reader")
    stubs.s3.add_client_error("list_objects_v2", "AccessDenied", "Access Denied", 403)
    with pytest.raises(AccessDenied) as denied:
        s3.list_objects_v2(Bucket="models", Prefix="v7/")
    assert denied.value.remedy.startswith("In promotion.yaml, `buckets` of the environment 'dev' must list models")
    assert denied.value.remedy in str(denied.value)
    assert findings.denied(denied.value).remedy == denied.value.remedy


def test_what_is_listed_is_named_with_its_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_session", boto3.Session("key", "secret", region_name="us-east-1"))
    s3 = sessions.own_s3()
    with Stubber(s3) as stubber, pytest.raises(AccessDenied, match=r"on s3://models/artifacts/a/\. "):
        stubber.add_client_error("list_objects_v2", "AccessDenied", "Access Denied", 403)
        s3.list_objects_v2(Bucket="models", Prefix="artifacts/a/")


def test_a_client_makes_one_attempt_per_call() -> None:
    """The workflow retries, so that throttling is handled at one layer."""
    account = sessions.RoleSession(ROLE, SESSION, "us-east-1")
    retries = [client.meta.config.retries["total_max_attempts"] for client in (account.s3, account.sagemaker)]  # type: ignore[attr-defined]
    assert retries == [1, 1]


# The name of an error


def error_of(sagemaker: SageMakerClient, stubs: Stubs, code: str, status: int, message: str = "said") -> Exception:
    stubs.sagemaker.add_client_error("describe_endpoint", code, message, status)
    with pytest.raises((PromotionError, ClientError)) as raised:
        sagemaker.describe_endpoint(EndpointName="reviews-qa")
    return raised.value


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [
        ("AccessDenied", 403, AccessDenied),
        ("AccessDeniedException", 400, AccessDenied),
        ("UnauthorizedOperation", 403, AccessDenied),
        ("NotAuthorizedLater", 403, AccessDenied),
        ("ExpiredToken", 400, SessionExpired),
        ("ExpiredTokenException", 403, SessionExpired),
        ("RequestExpired", 400, SessionExpired),
        ("ThrottlingException", 400, Throttled),
        ("TooManyRequestsException", 429, Throttled),
        ("SlowDown", 503, Throttled),
        ("InternalFailure", 500, ServiceUnavailable),
        ("InternalError", 500, ServiceUnavailable),
        ("ServiceUnavailable", 503, ServiceUnavailable),
        ("502", 502, ServiceUnavailable),
        ("ValidationException", 400, ClientError),
        ("ResourceLimitExceeded", 400, ClientError),
    ],
)
def test_an_error_has_the_name_of_its_cause(
    sagemaker: SageMakerClient, stubs: Stubs, code: str, status: int, name: type[Exception]
) -> None:
    assert isinstance(error_of(sagemaker, stubs, code, status), name)


@pytest.mark.parametrize(
    "code",
    THROTTLED,
)
def test_what_botocore_would_retry_as_throttling_is_throttled(
    sagemaker: SageMakerClient, stubs: Stubs, code: str
) -> None:
    assert type(error_of(sagemaker, stubs, code, 400)) is Throttled


@pytest.mark.parametrize("code", TRANSIENT)
def test_what_botocore_would_retry_as_transient_is_transient(
    sagemaker: SageMakerClient, stubs: Stubs, code: str
) -> None:
    assert isinstance(error_of(sagemaker, stubs, code, 400), Transient)


@pytest.mark.parametrize("status", TRANSIENT_STATUSES)
def test_a_server_error_is_transient_whatever_its_code(sagemaker: SageMakerClient, stubs: Stubs, status: int) -> None:
    assert isinstance(error_of(sagemaker, stubs, "UnknownCode", status), Transient)


@pytest.mark.parametrize(("code", "status"), [("AccessDenied", 403), ("SlowDown", 503), ("ExpiredToken", 400)])
def test_every_error_names_the_call_and_its_resource(
    sagemaker: SageMakerClient, stubs: Stubs, code: str, status: int
) -> None:
    assert "sagemaker:DescribeEndpoint on reviews-qa" in str(error_of(sagemaker, stubs, code, status))


@pytest.mark.parametrize(
    ("call", "parameters"),
    [
        ("describe_model", {"ModelName": "resource"}),
        ("list_tags", {"ResourceArn": "resource"}),
        ("describe_model_package", {"ModelPackageName": "resource"}),
        ("create_model", {"ModelName": "resource", "ExecutionRoleArn": "arn:aws:iam::333333333333:role/r"}),
        ("describe_endpoint_config", {"EndpointConfigName": "resource"}),
        ("update_endpoint", {"EndpointName": "resource", "EndpointConfigName": "config"}),
    ],
)
def test_a_missing_permission_names_the_resource_of_the_call(
    sagemaker: SageMakerClient, stubs: Stubs, call: str, parameters: dict[str, str]
) -> None:
    stubs.sagemaker.add_client_error(call, "AccessDeniedException", "said", 400)
    with pytest.raises(AccessDenied, match=r" on resource\. AWS reports: said"):
        getattr(sagemaker, call)(**parameters)


def test_a_missing_permission_is_reported_with_principal_action_resource_and_the_message_of_aws(
    sagemaker: SageMakerClient, stubs: Stubs
) -> None:
    message = str(error_of(sagemaker, stubs, "AccessDeniedException", 400, "no identity-based policy allows it"))
    assert message.startswith("The role deployer is not permitted to call sagemaker:DescribeEndpoint on reviews-qa.")
    assert "no identity-based policy allows it" in message


def test_a_denied_head_without_a_body_is_a_missing_permission(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("head_object", "403", "Forbidden", 403)
    with pytest.raises(AccessDenied, match=r"s3:HeadObject on s3://models/v7/model.tar.gz. AWS reports: Forbidden"):
        s3.head_object(Bucket="models", Key="v7/model.tar.gz")


def test_a_throttled_head_without_a_body_is_throttled(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("head_object", "503", "Slow Down", 503)
    with pytest.raises(Throttled):
        s3.head_object(Bucket="models", Key="k")


def test_a_denied_copy_names_source_and_target(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("copy_object", "AccessDenied", "no", 403)
    with pytest.raises(AccessDenied, match="s3:CopyObject on s3://to/b from s3://from/a"):
        s3.copy_object(CopySource={"Bucket": "from", "Key": "a"}, Bucket="to", Key="b")


def test_an_archived_object_is_not_reported_as_a_missing_permission(s3: S3Client, stubs: Stubs) -> None:
    stubs.s3.add_client_error("copy_object", "InvalidObjectState", "not valid for the storage class", 403)
    with pytest.raises((PromotionError, ClientError)) as raised:
        s3.copy_object(CopySource={"Bucket": "from", "Key": "a"}, Bucket="to", Key="b")
    assert not isinstance(raised.value, AccessDenied)


def test_a_successful_response_is_returned(sagemaker: SageMakerClient, stubs: Stubs) -> None:
    stubs.sagemaker.add_response("list_tags", {"Tags": []}, {"ResourceArn": ANY})
    assert sagemaker.list_tags(ResourceArn="arn")["Tags"] == []


# Renewing a session


@pytest.fixture
def hub(stubs: Stubs, monkeypatch: pytest.MonkeyPatch) -> Stubs:
    """STS answers from stubs; the clients of an account are its own, with its credentials."""
    own = boto3.Session("key", "secret", region_name="us-east-1")
    # An instance of its own: what monkeypatch restores later stays an attribute, which hides the class's.
    monkeypatch.setattr(own, "client", stubs.client)
    monkeypatch.setattr(sessions, "_session", own)
    return stubs


def session_that_expires(hub: Stubs, token: str, expiration: datetime) -> None:
    credentials = {**CREDENTIALS, "SessionToken": token, "Expiration": expiration}
    hub.sts.add_response("assume_role", {"Credentials": credentials}, {"RoleArn": ROLE, "RoleSessionName": "release-7"})


def tokens_sent(account: sessions.RoleSession, *, calls: int) -> list[Any]:
    wire = Wire(account.s3)
    for _ in range(calls):
        account.s3.head_object(Bucket="models", Key="k")
    return [request.headers["X-Amz-Security-Token"] for request in wire.requests]


LONG_AGO, FAR = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def test_every_request_is_signed_with_the_roles_session(hub: Stubs) -> None:
    session_that_expires(hub, "first", FAR)
    assert tokens_sent(assume(hub), calls=2) == [b"first", b"first"]


def test_a_session_that_is_about_to_expire_is_renewed_by_the_same_request(hub: Stubs) -> None:
    session_that_expires(hub, "first", LONG_AGO)
    account = assume(hub)
    session_that_expires(hub, "second", FAR)
    assert tokens_sent(account, calls=3) == [b"second"] * 3


def test_a_session_is_renewed_with_the_same_policy_and_external_id(hub: Stubs) -> None:
    policy = {"Version": "2012-10-17", "Statement": []}
    optional = {"ExternalId": "an-id", "Policy": json.dumps(policy, separators=(",", ":"))}
    for expiration in (LONG_AGO, FAR):
        hub.sts.add_response(
            "assume_role",
            {"Credentials": {**CREDENTIALS, "Expiration": expiration}},
            {"RoleArn": ROLE, "RoleSessionName": "release-7", **optional},
        )
    tokens_sent(assume(hub, external_id="an-id", policy=policy), calls=1)


def test_many_calls_at_once_renew_a_session_once(hub: Stubs) -> None:
    session_that_expires(hub, "first", LONG_AGO)
    account = assume(hub)
    session_that_expires(hub, "second", FAR)
    wire = Wire(account.s3)
    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(account.s3.head_object, Bucket="models", Key="k") for _ in range(40)]:
            future.result()
    assert {request.headers["X-Amz-Security-Token"] for request in wire.requests} == {b"second"}


def test_a_session_that_may_not_be_renewed_is_a_missing_permission(hub: Stubs) -> None:
    session_that_expires(hub, "first", LONG_AGO)
    account = assume(hub)
    hub.sts.add_client_error("assume_role", "AccessDenied", "not authorized", 403)
    with pytest.raises(AccessDenied, match=f"sts:AssumeRole on {ROLE}"):
        tokens_sent(account, calls=1)


def test_an_account_works_in_its_own_region(hub: Stubs) -> None:
    session_that_expires(hub, "first", FAR)
    account = sessions.assume(ROLE, region="eu-west-1", session_name="release-7")
    regions = {account.s3.meta.region_name, account.sagemaker.meta.region_name}
    assert regions == {"eu-west-1"}


LONG_CALLS: dict[str, dict[str, Any]] = {
    "copy_object": {"Bucket": "to", "Key": "b", "CopySource": {"Bucket": "from", "Key": "a"}},
    "upload_part_copy": {
        **{"Bucket": "to", "Key": "b", "CopySource": {"Bucket": "from", "Key": "a"}},
        **{"UploadId": "u", "PartNumber": 1},
    },
    "complete_multipart_upload": {"Bucket": "to", "Key": "b", "UploadId": "u"},
}
SHORT_CALLS: dict[str, dict[str, Any]] = {
    "head_object": {"Bucket": "to", "Key": "b"},
    "get_object": {"Bucket": "to", "Key": "b"},
    "put_object": {"Bucket": "to", "Key": "b", "Body": b""},
    "list_objects_v2": {"Bucket": "to"},
    "list_parts": {"Bucket": "to", "Key": "b", "UploadId": "u"},
    "create_multipart_upload": {"Bucket": "to", "Key": "b"},
    "abort_multipart_upload": {"Bucket": "to", "Key": "b", "UploadId": "u"},
    "list_multipart_uploads": {"Bucket": "to"},
    "get_object_tagging": {"Bucket": "to", "Key": "b"},
}


def read_timeout_of(call: str, parameters: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> float:
    """Return how long the connection that a call is sent by waits for the response, in seconds."""
    timeouts: list[float] = []

    def send(session: URLLib3Session, request: object) -> None:
        timeouts.append(session._timeout.read_timeout)  # type: ignore[attr-defined]
        raise ReadTimeoutError(endpoint_url="https://s3")

    monkeypatch.setattr(URLLib3Session, "send", send)
    account = sessions.RoleSession(ROLE, SESSION, "us-east-1")
    with pytest.raises(ReadTimeoutError):
        getattr(account.s3, call)(**parameters)
    return timeouts[0]


@pytest.mark.parametrize("call", LONG_CALLS)
def test_a_long_copy_is_waited_for(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One CopyObject of 5 GB is one request of about a minute; a completion may last several."""
    assert read_timeout_of(call, LONG_CALLS[call], monkeypatch) == 840


@pytest.mark.parametrize("call", SHORT_CALLS)
def test_any_other_call_of_s3_times_out_shortly(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that hangs is made again within the same invocation."""
    assert read_timeout_of(call, SHORT_CALLS[call], monkeypatch) == 25


def test_every_call_of_s3_names_the_role_that_was_denied() -> None:
    account = sessions.RoleSession(ROLE, SESSION, "us-east-1")
    for call, parameters in {**LONG_CALLS, **SHORT_CALLS}.items():
        with pytest.raises(AccessDenied, match=f"^{ROLE} is not permitted to call s3:"):
            denied(account.s3, call)(**parameters)


def denied(client: S3Client, call: str) -> Any:
    """Return the client's method, which gets 403 from now on."""
    method = getattr(client, call)
    Wire(method.__self__, 403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
    return method


def test_every_request_in_progress_has_a_connection() -> None:
    account = sessions.RoleSession(ROLE, SESSION, "us-east-1")
    methods: list[Any] = [account.s3.head_object, account.s3.copy_object]
    for method in methods:
        assert method.__self__.meta.config.max_pool_connections >= 50


# Regions that an account must enable


@pytest.mark.parametrize(
    ("own", "target", "asked"),
    [("us-east-1", "eu-south-2", "us-east-1"), ("eu-south-2", "eu-west-1", "eu-west-1"), ("eu-south-2",) * 3],
)
def test_sts_is_asked_where_both_accounts_have_the_region(
    stubs: Stubs, monkeypatch: pytest.MonkeyPatch, own: str, target: str, asked: str
) -> None:
    """recordings: AssumeRole, region-of-which-account."""
    facts = store.response("sts/AssumeRole/region-of-which-account")
    assert facts["RequiredOfRegionEnabledByDefault"] == ["account of the role"]
    regions: list[Any] = []

    def client(service: str, *, region_name: str | None = None, **_: Any) -> Any:
        regions.append(region_name)
        return stubs.of(service).client

    session = boto3.Session("key", "secret", region_name=own)
    monkeypatch.setattr(session, "client", client)
    monkeypatch.setattr(sessions, "_session", session)
    stubs.allow_assume_role()
    assert sessions.assume(ROLE, region=target, session_name="release-7").region == target
    assert regions == [asked]


def test_a_region_in_which_sts_is_not_active_is_reported_with_the_remedy(aws: Stubs) -> None:
    error = store.error("sts/AssumeRole/region-disabled").response
    aws.sts.add_client_error("assume_role", error["Error"]["Code"], error["Error"]["Message"], 403)
    with pytest.raises(AccessDenied) as raised:
        assume(aws)
    assert "account:111122223333" in str(raised.value)
    assert "Enable the Region us-east-1 for account 111122223333" in raised.value.remedy
    assert raised.value.remedy in str(raised.value)
    assert "Grant the permission" not in str(raised.value)


UNKNOWN = ("s3/AnyCall/token-unknown-in-region", "sts/GetCallerIdentity/token-unknown-in-region")


@pytest.mark.parametrize("key", UNKNOWN)
@pytest.mark.parametrize("call", ["put_object", "copy_object"])
def test_credentials_that_a_region_does_not_know_are_reported_with_the_remedy(
    stubs: Stubs, key: str, call: str
) -> None:
    error = store.error(key).response
    client: Any = stubs.s3.client
    error_translation.translate_errors(client, ROLE)
    code, message = error["Error"]["Code"], error["Error"]["Message"]
    stubs.s3.add_client_error(call, code, message, error["ResponseMetadata"]["HTTPStatusCode"])
    copied = {"CopySource": {"Bucket": "models", "Key": "k"}} if call == "copy_object" else {}
    with pytest.raises(AccessDenied) as raised:
        getattr(client, call)(Bucket="b", Key="k", **copied)
    assert raised.value.remedy.startswith("Enable the Region us-east-1 for account 333333333333")
    assert message.rstrip(".") in str(raised.value)
