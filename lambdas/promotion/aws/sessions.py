"""Sessions in other accounts, and clients in the hub. Each denied call names the role, the action and the resource.

A client makes one attempt: the workflow retries Transient errors, so that a throttled call is retried at one
layer and each attempt is visible in the execution history. Steps of very many calls retry them in concurrency.py.
"""

from __future__ import annotations

import json
import os
import re
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.credentials import RefreshableCredentials

from lambdas.promotion.aws import aws_regions, unknown_fields
from lambdas.promotion.aws.client_factory import ClientFactory, Clients
from lambdas.promotion.aws.error_translation import translate_errors
from lambdas.promotion.contract import time_limits

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_service_quotas import ServiceQuotasClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_sts.type_defs import CredentialsTypeDef

_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 1},
    connect_timeout=time_limits.CONNECT_TIMEOUT.total_seconds(),
    read_timeout=time_limits.READ_TIMEOUT.total_seconds(),
    max_pool_connections=time_limits.MOST_CONNECTIONS,
)
_LONG_CALL_CONFIG = _CONFIG.merge(Config(read_timeout=time_limits.LONG_CALL_READ_TIMEOUT.total_seconds()))
_RUNTIME_CONFIG = _CONFIG.merge(Config(read_timeout=time_limits.INVOKE_READ_TIMEOUT.total_seconds()))

# The calls that S3 responds to when all the work is done. A timeout belongs to a client, so they have their own.
_LONG_S3_CALLS = ("copy_object", "upload_part_copy", "complete_multipart_upload")
_SESSION_NAME_UNSAFE = re.compile(r"[^\w+=,.@-]", re.ASCII)
_session: Clients = ClientFactory()
# No session creates clients in several threads at once, and they share their handlers.
_creation = threading.Lock()


class RoleSession:
    """An assumed role in an account and Region, as clients whose errors name it."""

    def __init__(self, role_arn: str, session: Clients, region: str) -> None:
        self.role_arn = role_arn
        self._session = session
        self.region = region

    @property
    def id(self) -> str:
        return self.role_arn.split(":")[4]

    @cached_property
    def autoscaling(self) -> ApplicationAutoScalingClient:
        client: ApplicationAutoScalingClient = self._client("application-autoscaling", _CONFIG)
        unknown_fields.report(client)
        return client

    @cached_property
    def cloudwatch(self) -> CloudWatchClient:
        client: CloudWatchClient = self._client("cloudwatch", _CONFIG)
        unknown_fields.report(client)
        return client

    @cached_property
    def iam(self) -> IAMClient:
        client: IAMClient = self._client("iam", _CONFIG)
        return client

    @cached_property
    def keys(self) -> KMSClient:
        client: KMSClient = self._client("kms", _CONFIG)
        return client

    @cached_property
    def quotas(self) -> ServiceQuotasClient:
        client: ServiceQuotasClient = self._client("service-quotas", _CONFIG)
        return client

    @cached_property
    def ecr(self) -> ECRClient:
        client: ECRClient = self._client("ecr", _CONFIG)
        return client

    @cached_property
    def s3(self) -> S3Client:
        client: S3Client = self._client("s3", _CONFIG)
        patient = self._client("s3", _LONG_CALL_CONFIG)
        for call in _LONG_S3_CALLS:
            setattr(client, call, getattr(patient, call))
        return client

    @cached_property
    def sagemaker(self) -> SageMakerClient:
        client: SageMakerClient = self._client("sagemaker", _CONFIG)
        unknown_fields.report(client)
        return client

    @cached_property
    def sagemaker_runtime(self) -> SageMakerRuntimeClient:
        client: SageMakerRuntimeClient = self._client("sagemaker-runtime", _RUNTIME_CONFIG)
        return client

    def _client(self, service: Any, config: Config) -> Any:
        with _creation:
            client = self._session.client(service, config=config, region_name=self.region)
        translate_errors(client, self.role_arn)
        return client


def assume(
    role_arn: str,
    *,
    region: str,
    session_name: str,
    external_id: str | None = None,
    policy: dict[str, Any] | None = None,
) -> RoleSession:
    """Assume a role and return its session.

    `policy` narrows the session to one promotion. Roles are assumed for each step: credentials from a chained role
    last an hour at most (AWS: "role chaining") and never appear in the execution history.

    Raises AccessDenied if the role is missing, does not trust the caller, or the caller may not assume it: AWS does
    not report which.
    """
    sts_region = aws_regions.of_sts(own=_session.region_name, target=region)  # Lambda sets the hub's own
    with _creation:
        sts = _session.client("sts", config=_CONFIG, region_name=sts_region)
    translate_errors(sts, _own_role())
    optional: dict[str, Any] = {
        **({"ExternalId": external_id} if external_id else {}),
        **({"Policy": json.dumps(policy, separators=(",", ":"))} if policy else {}),
    }

    def fetch_credentials() -> dict[str, str]:
        response = sts.assume_role(RoleArn=role_arn, RoleSessionName=_session_name(session_name), **optional)
        return _as_metadata(response["Credentials"])

    # botocore renews them before they expire: a work unit may be waiting for S3 when its hour is over.
    credentials = RefreshableCredentials.create_from_metadata(
        fetch_credentials(), refresh_using=fetch_credentials, method="assume-role"
    )
    with _creation:
        session = _session_with(credentials)
    return RoleSession(role_arn, session, region)


def own_s3() -> S3Client:
    """S3 in the hub, as the step's own role."""
    client: S3Client = _session.client("s3", config=_CONFIG)
    translate_errors(client, _own_role())
    return client


def own_dynamodb() -> DynamoDBClient:
    """DynamoDB in the hub, as the step's own role."""
    client: DynamoDBClient = _session.client("dynamodb", config=_CONFIG)
    translate_errors(client, _own_role())
    return client


def own_sns() -> SNSClient:
    """SNS in the hub, as the step's own role."""
    client: SNSClient = _session.client("sns", config=_CONFIG)
    translate_errors(client, _own_role())
    return client


def own_stepfunctions() -> SFNClient:
    """Step Functions in the hub, as the step's own role."""
    client: SFNClient = _session.client("stepfunctions", config=_CONFIG)
    translate_errors(client, _own_role())
    return client


def own_lambda() -> LambdaClient:
    """Lambda in the hub, as the step's own role."""
    client: LambdaClient = _session.client("lambda", config=_CONFIG)
    translate_errors(client, _own_role())
    return client


def _own_role() -> str:
    """Return the role that this step runs with: it has the name of its function (resource_names.py)."""
    name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    return f"The role {name} in the hub" if name else "This step's role in the hub"


def _as_metadata(credentials: CredentialsTypeDef) -> dict[str, str]:
    """Return STS's response with the keys of botocore's RefreshableCredentials."""
    return {
        "access_key": credentials["AccessKeyId"],
        "secret_key": credentials["SecretAccessKey"],
        "token": credentials["SessionToken"],
        "expiry_time": credentials["Expiration"].isoformat(),
    }


def _session_with(credentials: RefreshableCredentials) -> Clients:
    return ClientFactory(credentials)


def _session_name(name: str) -> str:
    """Return a valid session name: STS allows 2 to 64 characters of a few kinds; an execution's name may differ."""
    safe = _SESSION_NAME_UNSAFE.sub("-", name)[:64]
    return safe if len(safe) > 1 else f"promotion-{safe}"
