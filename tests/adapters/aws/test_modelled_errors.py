"""Each error that the SDK models for a call of ours has a name of ours, or is left to the caller on purpose.

An error that AWS adds fails the test until somebody has decided. What AWS answers beyond its models is recorded:
test_recorded_errors.py.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace

import boto3
import pytest
from botocore import xform_name
from botocore.client import BaseClient
from botocore.model import Shape

from lambdas.promotion.aws import error_translation
from lambdas.promotion.contract.errors import (
    AccessDenied,
    PromotionError,
    ServiceUnavailable,
    SessionExpired,
    Throttled,
)
from tests import PROJECT
from tests.sdk_drift.calls import CALLS
from tests.unit.builders import api

# Operations of a service that have the name of something else in the code, or of another service's call.
NOT_CALLED = {"ListTags", "ListTagsForResource", "TagResource", "DeleteEndpoint", "Search"}
NAMED: dict[type[PromotionError], dict[str, set[str]]] = {
    AccessDenied: {
        "service-quotas": {"AccessDeniedException"},
        "sns": {"AuthorizationError", "InvalidSecurity", "KMSAccessDenied", "KMSOptInRequired"},
        "stepfunctions": {"KmsAccessDeniedException"},
        "sts": {"RegionDisabledException"},
        "lambda": {"EFSMountFailureException", "S3FilesMountFailureException"},
    },
    SessionExpired: {"sts": {"ExpiredTokenException"}},
    Throttled: {
        "dynamodb": {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"},
        "lambda": {"EC2ThrottledException", "TooManyRequestsException"},
        "service-quotas": {"TooManyRequestsException"},
        "sns": {"KMSThrottling"},
        "stepfunctions": {"KmsThrottlingException"},
    },
    ServiceUnavailable: {
        "application-autoscaling": {"ConcurrentUpdateException", "InternalServiceException"},
        "dynamodb": {"InternalServerError"},
        "ecr": {"ServerException"},
        "iam": {"PolicyEvaluation"},
        "kms": {"DependencyTimeoutException", "KMSInternalException"},
        "lambda": {
            *("EC2AccessDeniedException", "EC2UnexpectedException", "ENILimitReachedException"),
            *("ENINotReadyException", "InvalidRuntimeException", "InvalidSecurityGroupIDException"),
            *("InvalidSubnetIDException", "InvalidZipFileException", "KMSAccessDeniedException"),
            *("KMSDisabledException", "KMSInvalidStateException", "KMSNotFoundException"),
            *("ResourceNotReadyException", "ServiceException", "SubnetIPAddressLimitReachedException"),
        },
        "sagemaker-runtime": {"InternalDependencyException", "InternalFailure", "ServiceUnavailable"},
        "service-quotas": {"ServiceException"},
        "sns": {"InternalError"},
    },
}
# The caller tells it apart by its code (error_codes.py).
CALLERS: dict[str, set[str]] = {
    "application-autoscaling": {"ObjectNotFoundException"},
    "dynamodb": {"ConditionalCheckFailedException"},
    "ecr": {
        *("ImageAlreadyExistsException", "ImageDigestDoesNotMatchException", "ImageTagAlreadyExistsException"),
        *("InvalidLayerException", "InvalidLayerPartException", "LayerAlreadyExistsException"),
        *("LayerInaccessibleException", "LayersNotFoundException", "LimitExceededException"),
        *("ReferencedImagesNotFoundException", "RepositoryAlreadyExistsException", "RepositoryNotFoundException"),
        "UploadNotFoundException",
    },
    "s3": {"InvalidObjectState", "InvalidRequest", "NoSuchBucket", "NoSuchKey", "NoSuchUpload"},
    "sagemaker": {"ResourceLimitExceeded"},
    "sagemaker-runtime": {"ModelError", "ModelNotReadyException", "ValidationError"},
    "service-quotas": {"NoSuchResourceException"},
    "stepfunctions": {"ExecutionDoesNotExist", "InvalidArn", "InvalidToken", "TaskDoesNotExist", "TaskTimedOut"},
}
# It ends as CallRefused with AWS's message, or is inconclusive in a query of the preflight: no retry and no rule can
# make up for it.
REFUSED: dict[str, set[str]] = {
    "application-autoscaling": {
        *("FailedResourceAccessException", "InvalidNextTokenException", "LimitExceededException"),
        *("ResourceNotFoundException", "TooManyTagsException", "ValidationException"),
    },
    "cloudwatch": {"InvalidNextToken", "LimitExceeded"},
    # No transaction and no global table is in use.
    "dynamodb": {
        *("ItemCollectionSizeLimitExceededException", "ReplicatedWriteConflictException"),
        *("ResourceNotFoundException", "TransactionConflictException"),
    },
    "ecr": {
        *("EmptyUploadException", "InvalidParameterException", "InvalidTagParameterException", "KmsException"),
        *("LayerPartTooSmallException", "TooManyTagsException", "UnableToGetUpstreamImageException"),
        "UnableToGetUpstreamLayerException",
    },
    "iam": {"InvalidInput", "NoSuchEntity"},
    "kms": {"InvalidArnException", "NotFoundException"},
    # Of functions in a VPC, with a file system, SnapStart or an own runtime, or durable; the next run of the job calls
    # again.
    "lambda": {
        *("CodeArtifactUserDeletedException", "CodeArtifactUserFailedException", "CodeArtifactUserPendingException"),
        *("DurableExecutionAlreadyStartedException", "EFSIOException", "EFSMountConnectivityException"),
        *("EFSMountTimeoutException", "InvalidParameterValueException", "InvalidRequestContentException"),
        *("ModeNotSupportedException", "NoPublishedVersionException", "RecursiveInvocationException"),
        *("RequestTooLargeException", "ResourceConflictException", "ResourceNotFoundException"),
        *("RuntimeAliasDeletedException", "RuntimeVersionDeletedException"),
        *("S3FilesMountConnectivityException", "S3FilesMountTimeoutException", "ServiceQuotaExceededException"),
        *("SerializedRequestEntityTooLargeException", "SnapStartException", "SnapStartNotReadyException"),
        *("SnapStartRegenerationFailureException", "SnapStartTimeoutException", "UnsupportedMediaTypeException"),
    },
    "s3": {
        *("EncryptionTypeMismatch", "InvalidPrefix", "InvalidWriteOffset", "ObjectNotInActiveTierError"),
        "TooManyParts",
    },
    "service-quotas": {"IllegalArgumentException", "InvalidPaginationTokenException"},
    "sns": {
        *("EndpointDisabled", "InvalidParameter", "KMSDisabled", "KMSInvalidState", "KMSNotFound", "NotFound"),
        *("ParameterValueInvalid", "PlatformApplicationDisabled", "ValidationException"),
    },
    "stepfunctions": {
        *("InvalidOutput", "KmsInvalidStateException", "ResourceNotFound", "StateMachineDoesNotExist"),
        *("StateMachineTypeNotSupported", "ValidationException"),
    },
    # No session gives a context.
    "sts": {"InvalidContextAssertion", "MalformedPolicyDocument", "PackedPolicyTooLarge"},
}


def modelled(service: str) -> Iterator[tuple[str, Shape]]:
    """Yield each error of the calls, with one of them."""
    for operation in sorted(CALLS[service]):
        for error in api(service).operation_model(operation).error_shapes:
            yield operation, error


def name_of(service: str, operation: str, error: Shape) -> type[PromotionError] | None:
    """The error that a client of the product raises for a modelled one; None: the caller gets it."""
    metadata = error.metadata.get("error", {})
    fault = error._shape_model.get("fault", False)  # type: ignore[attr-defined]  # AWS's own, with a status of 5xx
    client = client_of(service)
    try:
        client.meta.events.emit(
            f"after-call.{service}.{operation}",
            http_response=SimpleNamespace(status_code=metadata.get("httpStatusCode") or (500 if fault else 400)),
            parsed={"Error": {"Code": metadata.get("code", error.name), "Message": "why"}},
            model=client.meta.service_model.operation_model(operation),
            context={},
        )
    except PromotionError as named:
        return type(named)
    return None


@cache
def client_of(service: str) -> BaseClient:
    client: BaseClient = boto3.client(service, region_name="us-east-1")  # type: ignore[call-overload]
    error_translation.translate_errors(client, "The role")
    return client


@pytest.mark.parametrize("service", CALLS)
def test_each_modelled_error_of_a_call_is_decided(service: str) -> None:
    names = {
        str(error.metadata.get("error", {}).get("code", error.name)): name_of(service, operation, error)
        for operation, error in modelled(service)
    }
    named: dict[str, type[PromotionError] | None] = {
        code: error for error, codes in NAMED.items() for code in codes.get(service, ())
    }
    left = CALLERS.get(service, set()) | REFUSED.get(service, set())
    assert names == named | dict.fromkeys(left)


def test_the_calls_are_those_of_the_code() -> None:
    words: set[str] = set()
    for file in (PROJECT / "lambdas").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            word = getattr(node, "attr", None) or getattr(node, "value", None)
            words |= {word} if isinstance(word, str) else set()
    for service, called in CALLS.items():
        named = {name for name in api(service).operation_names if xform_name(name) in words}
        assert called <= named, service
        assert named - called <= NOT_CALLED, service
