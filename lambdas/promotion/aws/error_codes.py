"""The error codes of AWS that Promote reads, each once: first those of any service, then those of one.

Other modules name a code, or a set of codes, from here (tests/unit/aws/test_error_codes.py). Where a code does not
decide, the message does: sagemaker_errors.py.
"""

from __future__ import annotations

from botocore.exceptions import ClientError

# --- Any service. Source: AWS, "Common error types" of each API reference, and botocore's own retries
# (botocore.retries.standard: ThrottledRetryableChecker, TransientRetryableChecker).

# "403" is the code of a rejected HEAD request, whose response has no body.
ACCESS_DENIED = frozenset(
    {
        *("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403"),
        # SNS and Step Functions: of the key that encrypts the topic or the data.
        *("KMSAccessDenied", "KmsAccessDeniedException"),
    }
)
# Status 403 as well: an archived object (API: GetObject, CopyObject), a wrong clock.
NOT_ABOUT_PERMISSIONS = frozenset({"InvalidObjectState", "ObjectNotInActiveTierError", "RequestTimeTooSkewed"})
# A server error that no retry fixes: AWS does not support the request there.
NOT_IMPLEMENTED = frozenset({"NotImplemented", "501"})
EXPIRED_SESSION = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
# The Region is not enabled for the account: STS says so, and S3, the query and the JSON services do not know its
# credentials there (region_errors.py).
REGION_NOT_ENABLED = frozenset(
    {
        *("RegionDisabledException", "InvalidToken", "InvalidAccessKeyId"),
        *("InvalidClientTokenId", "UnrecognizedClientException"),
    }
)
# In Step Functions the second is a page's token (API: ListExecutions, GetExecutionHistory).
NOT_ABOUT_REGIONS = frozenset({("states", "InvalidToken")})
LIMIT_EXCEEDED = "LimitExceededException"
THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        # SNS and Step Functions: the throttling of the key that encrypts the topic or the data.
        *("KMSThrottling", "KmsThrottlingException"),
        LIMIT_EXCEEDED,
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
        "503",
    }
)
# Services in which a throttling code means a quota (API: ECR, Application Auto Scaling: LimitExceededException).
QUOTAS = frozenset({("ecr", LIMIT_EXCEEDED), ("application-autoscaling", LIMIT_EXCEEDED)})
# The last two are Application Auto Scaling's: another change of the same target is in progress; a server error.
INTERRUPTED = frozenset(
    {
        *("RequestTimeout", "RequestTimeoutException", "InternalFailure"),
        *("ConcurrentUpdateException", "InternalServiceException"),
    }
)

# --- Amazon S3. Source: API, "Error responses".

S3_NO_SUCH_KEY = "NoSuchKey"
S3_NO_SUCH_BUCKET = "NoSuchBucket"
S3_NO_SUCH_UPLOAD = "NoSuchUpload"
# A HEAD request has no body: botocore makes the code of its status, "404" (or "NotFound" in a waiter's words).
S3_MISSING_OBJECT = frozenset({S3_NO_SUCH_KEY, S3_NO_SUCH_BUCKET, "NoSuchVersion", "NotFound", "404"})
S3_PRECONDITION_FAILED = frozenset({"PreconditionFailed", "412"})
# Another write to the same key is in progress (API: CopyObject, If-None-Match). The status, where the answer repeats a
# key that XML cannot carry.
S3_CONDITIONAL_CONFLICT = frozenset({"ConditionalRequestConflict", "409"})
S3_ARCHIVED = "InvalidObjectState"
S3_INVALID_REQUEST = "InvalidRequest"
# A HEAD request that is invalid: an object with a customer-provided key, an expired session.
S3_BAD_HEAD = "400"
S3_BAD_DIGEST = "BadDigest"
# A part that was not uploaded, or that has another ETag (API: CompleteMultipartUpload).
S3_INVALID_PART = "InvalidPart"
# The parts of an upload do not make its object; no part at all is not even a well-formed request.
S3_WRONG_PARTS = frozenset(
    {S3_BAD_DIGEST, S3_INVALID_PART, "InvalidPartOrder", "EntityTooSmall", S3_INVALID_REQUEST, "MalformedXML"}
)
# S3 responds to a long copy with status 200 before the copy is done, and reports these in the body; botocore makes
# status 500 of it (API: CopyObject, CompleteMultipartUpload). A retry does not fix them.
S3_REPORTED_LATE = frozenset(
    {
        S3_NO_SUCH_UPLOAD,
        *S3_CONDITIONAL_CONFLICT,
        *S3_MISSING_OBJECT,
        *S3_PRECONDITION_FAILED,
        *S3_WRONG_PARTS,
    }
)

# --- Amazon ECR. Source: API, "Errors" of CreateRepository, BatchGetImage, PutImage, UploadLayerPart,
# CompleteLayerUpload and GetDownloadUrlForLayer.

ECR_LIMIT_EXCEEDED = LIMIT_EXCEEDED
ECR_NO_SUCH_REPOSITORY = "RepositoryNotFoundException"
ECR_REPOSITORY_EXISTS = "RepositoryAlreadyExistsException"
# Not an exception: a `failureCode` in BatchGetImage's response.
ECR_NO_SUCH_IMAGE = "ImageNotFound"
# The same field: the registry behind a pull through cache does not answer now (API: ImageFailureCode).
ECR_UPSTREAM_UNAVAILABLE = frozenset({"UpstreamTooManyRequests", "UpstreamUnavailable"})
ECR_IMAGE_EXISTS = frozenset({"ImageAlreadyExistsException", "ImageTagAlreadyExistsException"})
ECR_OTHER_DIGEST = "ImageDigestDoesNotMatchException"
ECR_NO_SUCH_LAYER = "LayersNotFoundException"
# PutImage: what the manifest refers to is not in the repository (yet).
ECR_MISSING_REFERENCE = frozenset({ECR_NO_SUCH_LAYER, "ReferencedImagesNotFoundException"})
# GetDownloadUrlForLayer: the registry does not have the layer, or not any more.
ECR_MISSING_LAYER = frozenset({ECR_NO_SUCH_LAYER, "LayerInaccessibleException"})
ECR_LAYER_EXISTS = "LayerAlreadyExistsException"
ECR_INVALID_LAYER = "InvalidLayerException"
ECR_INTERRUPTED_UPLOAD = frozenset({"InvalidLayerPartException", "UploadNotFoundException"})

# --- Amazon SageMaker. Source: API, "Errors" of Describe*, Create*, InvokeEndpoint. Nearly every error is a
# ValidationException, and its message decides.

SAGEMAKER_VALIDATION = "ValidationException"
SAGEMAKER_NO_SUCH_RESOURCE = "ResourceNotFound"
SAGEMAKER_QUOTA_EXCEEDED = "ResourceLimitExceeded"
# A multi-model endpoint loads the model still.
SAGEMAKER_MODEL_NOT_READY = "ModelNotReadyException"

# --- Other services. Source: API, "Errors" of DynamoDB PutItem and UpdateItem, Step Functions DescribeExecution
# and SendTaskSuccess, Application Auto Scaling DescribeScalingPolicies and DeregisterScalableTarget, Service Quotas
# GetServiceQuota.

DYNAMODB_CONDITION_FAILED = "ConditionalCheckFailedException"
# The task has ended, by its timeout or an earlier call; or the execution has; or the token is none.
STEPFUNCTIONS_NO_SUCH_TASK = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})
# The second: the text is no execution's ARN at all.
STEPFUNCTIONS_NO_SUCH_EXECUTION = frozenset({"ExecutionDoesNotExist", "InvalidArn"})
AUTOSCALING_NO_SUCH_OBJECT = "ObjectNotFoundException"
SERVICE_QUOTAS_NO_SUCH_RESOURCE = "NoSuchResourceException"


def code_of(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def message_of(error: ClientError) -> str:
    return str(error.response["Error"]["Message"])
