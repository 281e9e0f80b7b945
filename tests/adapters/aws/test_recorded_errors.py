"""Each error that AWS is recorded to answer gets the name of its cause, or is left to its caller."""

from __future__ import annotations

from types import SimpleNamespace

import boto3
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from lambdas.promotion.aws import error_translation
from lambdas.promotion.contract.errors import (
    AccessDenied,
    PromotionError,
    ServiceUnavailable,
    SessionExpired,
    Throttled,
)
from recordings import store
from recordings.store import Recording

SERVICES = {
    "application-autoscaling",
    "dynamodb",
    "ecr",
    "s3",
    "sagemaker",
    "sagemaker-runtime",
    "service-quotas",
    "sns",
    "stepfunctions",
    "sts",
    "iam",
    "lambda",
}
# What several operations answer; test_sessions.py reads them.
NO_OPERATIONS = {"iam/PolicyLimits", "s3/AnyCall"}
ERRORS = {
    key: entry
    for key, entry in store.recordings().items()
    if entry.error and key.partition("/")[0] in SERVICES and entry.operation not in NO_OPERATIONS
}
NAMED: dict[type[PromotionError], set[str]] = {
    AccessDenied: {
        "ecr/BatchGetImage/denied-by-no-policy-of-the-repository",
        "ecr/BatchGetImage/denied-by-no-policy-of-the-role",
        "s3/CopyObject/access-denied-without-detail",
        "s3/CopyObject/proxy-html-403-well-formed",
        "s3/CopyObject/source-key-missing-without-list-permission",
        "s3/CreateMultipartUpload/deny-resource-control-policy",
        "s3/GetObject/denied-identity-explicit",
        "s3/GetObject/denied-identity-implicit",
        "s3/GetObject/denied-permissions-boundary-implicit",
        "s3/GetObject/denied-resource-based-explicit",
        "s3/GetObject/denied-resource-based-implicit",
        "s3/GetObject/denied-scp-explicit",
        "s3/GetObject/denied-scp-implicit",
        "s3/GetObject/denied-session-policy-explicit",
        "s3/GetObject/denied-session-policy-implicit",
        "s3/GetObject/denied-vpc-endpoint-explicit",
        "s3/GetObject/denied-vpc-endpoint-implicit",
        "s3/GetObject/kms-ciphertext-of-unknown-key",
        "s3/GetObject/kms-decrypt-no-identity-policy",
        "s3/HeadObject/forbidden",
        "s3/ListObjectsV2/explicit-deny-bucket-policy",
        "s3/PutObject/kms-generate-data-key-denied-by-key-policy",
        "s3/UploadPartCopy/cross-region-through-vpc-endpoint",
        "sagemaker/DescribeModel/missing-model-under-tag-conditioned-policy",
        "sagemaker/DescribeModelPackage/access-denied-identity",
        "sns/Publish/denied",
        "sns/Publish/key-denied",
        "sts/AssumeRole/access-denied",
        "sts/AssumeRole/access-denied-for-source-identity",
        "sts/AssumeRole/region-disabled",
        "sts/GetCallerIdentity/token-unknown-in-region",
    },
    ServiceUnavailable: {
        "application-autoscaling/RegisterScalableTarget/concurrent-update",
        "s3/CompleteMultipartUpload/internal-error-in-200",
        "s3/CopyObject/internal-error-in-200",
        "s3/CopyObject/proxy-html-200-malformed",
        "s3/PutObject/request-timeout",
    },
    SessionExpired: {
        "s3/CopyObject/expired-token",
        "sts/AssumeRole/caller-credentials-expired",
    },
    Throttled: {
        "dynamodb/PutItem/throttled-on-demand",
        "lambda/Invoke/throttled",
        "s3/CopyObject/slow-down-in-200",
        "s3/GetObject/kms-throttled",
        "s3/GetObject/slow-down",
        "sagemaker-runtime/InvokeEndpoint/throttled",
        "sns/Publish/key-throttled",
    },
}
# Their callers decide: by their code, or they end as CallRefused with the message of AWS.
LEFT_TO_CALLERS = {
    "application-autoscaling/DeregisterScalableTarget/no-target",
    "application-autoscaling/PutScalingPolicy/metric-of-another-dimension",
    "application-autoscaling/PutScalingPolicy/no-target",
    "dynamodb/PutItem/condition-fails",
    "dynamodb/PutItem/key-missing-in-the-item",
    "ecr/BatchGetImage/built-in-algorithm-denied",
    "ecr/BatchGetImage/deep-learning-image-needs-the-role",
    "ecr/CompleteLayerUpload/digest-mismatch",
    "ecr/CompleteLayerUpload/layer-already-exists",
    "ecr/CompleteLayerUpload/no-parts",
    "ecr/CompleteLayerUpload/parts-too-small",
    "ecr/CreateRepository/repository-exists",
    "ecr/BatchGetImage/repository-not-found",
    "ecr/GetDownloadUrlForLayer/layer-not-found",
    "ecr/PutImage/immutable-tag-of-another-digest",
    "ecr/PutImage/index-before-its-images",
    "ecr/PutImage/oci-manifest-without-media-type",
    "ecr/PutImage/same-digest-and-tag",
    "ecr/PutImage/too-many-layers",
    "iam/SimulatePrincipalPolicy/actions-of-different-authorization-information",
    "iam/SimulatePrincipalPolicy/any-resource-among-arns",
    "iam/SimulatePrincipalPolicy/resource-owner-no-arn",
    "iam/SimulatePrincipalPolicy/session-arn-instead-of-role-arn",
    "lambda/Invoke/no-such-function",
    "s3/AbortMultipartUpload/missing-upload",
    "s3/CompleteMultipartUpload/checksum-type-differs",
    "s3/CompleteMultipartUpload/checksum-type-for-upload-without-algorithm",
    "s3/CompleteMultipartUpload/composite-part-checksum-missing",
    "s3/CompleteMultipartUpload/conflict-after-delete-during-upload",
    "s3/CompleteMultipartUpload/full-object-checksum-wrong",
    "s3/CompleteMultipartUpload/if-none-match-existing",
    "s3/CompleteMultipartUpload/mpu-object-size-wrong",
    "s3/CompleteMultipartUpload/no-parts",
    "s3/CompleteMultipartUpload/part-checksum-for-upload-without-algorithm",
    "s3/CompleteMultipartUpload/part-not-uploaded",
    "s3/CompleteMultipartUpload/part-too-small",
    "s3/CompleteMultipartUpload/parts-unordered",
    "s3/CompleteMultipartUpload/unknown-upload",
    "s3/CopyObject/copy-source-if-match-mismatch",
    "s3/CopyObject/if-none-match-existing",
    "s3/CopyObject/if-none-match-other-value",
    "s3/CopyObject/onto-itself-unchanged",
    "s3/CopyObject/source-archived",
    "s3/CopyObject/source-bucket-missing",
    "s3/CopyObject/source-is-delete-marker",
    "s3/CopyObject/source-key-missing",
    "s3/CopyObject/source-over-5-gib",
    "s3/CopyObject/source-sse-c-without-key",
    "s3/CopyObject/unknown-kms-key",
    "s3/CopyObject/wrong-region",
    "s3/CreateMultipartUpload/crc64nvme-composite-refused",
    "s3/CreateMultipartUpload/sha256-full-object-refused",
    "s3/GetObject/archived",
    "s3/GetObject/if-match-mismatch",
    "s3/GetObject/kms-key-disabled",
    "s3/GetObject/kms-key-pending-deletion",
    "s3/GetObject/range-beyond-end",
    "s3/GetObject/range-of-empty-object",
    "s3/GetObject/sse-c-without-key",
    "s3/GetObject/version-id-in-unversioned-bucket",
    "s3/HeadObject/if-match-mismatch",
    "s3/HeadObject/missing-key",
    "s3/HeadObject/sse-c-without-key",
    "s3/HeadObject/version-is-delete-marker",
    "s3/ListObjectsV2/missing-bucket",
    "s3/ListObjectsV2/wrong-token",
    "s3/ListParts/after-completion",
    "s3/PutObject/checksum-not-base64",
    "s3/PutObject/checksum-wrong",
    "s3/PutObject/if-none-match-conflict",
    "s3/PutObject/if-none-match-existing",
    "s3/PutObject/kms-key-missing",
    "s3/PutObject/kms-key-of-other-region",
    "s3/UploadPartCopy/copy-source-if-match-mismatch",
    "s3/UploadPartCopy/part-over-5-gib",
    "s3/UploadPartCopy/range-end-beyond-source",
    "s3/UploadPartCopy/range-open-ended",
    "s3/UploadPartCopy/range-start-beyond-source",
    "sagemaker-runtime/InvokeEndpoint/endpoint-not-found",
    "sagemaker-runtime/InvokeEndpoint/inference-component-without-capacity",
    "sagemaker-runtime/InvokeEndpoint/model-error-client-400",
    "sagemaker-runtime/InvokeEndpoint/model-error-no-response",
    "sagemaker-runtime/InvokeEndpoint/model-error-timeout",
    "sagemaker-runtime/InvokeEndpoint/payload-too-large-realtime",
    "sagemaker-runtime/InvokeEndpoint/payload-too-large-serverless",
    "sagemaker/CreateEndpoint/already-exists",
    "sagemaker/CreateEndpoint/quota-held-by-instance-pools",
    "sagemaker/CreateEndpoint/quota-newer-wording",
    "sagemaker/CreateEndpoint/quota-of-all-endpoints",
    "sagemaker/CreateEndpoint/quota-of-instance-type",
    "sagemaker/CreateEndpointConfig/already-exists",
    "sagemaker/CreateEndpointConfig/instance-type-not-in-enum",
    "sagemaker/CreateEndpointConfig/managed-instance-scaling-not-supported-here",
    "sagemaker/CreateEndpointConfig/managed-instance-scaling-with-a-model",
    "sagemaker/CreateEndpointConfig/managed-instance-scaling-zero-by-region",
    "sagemaker/CreateEndpointConfig/model-missing",
    "sagemaker/CreateEndpointConfig/serverless-image-of-other-account",
    "sagemaker/CreateEndpointConfig/serverless-with-model-data-source",
    "sagemaker/CreateModel/already-exists",
    "sagemaker/CreateModel/image-not-found",
    "sagemaker/CreateModel/image-without-tag-2018",
    "sagemaker/CreateModel/model-data-access",
    "sagemaker/CreateModel/model-data-missing",
    "sagemaker/CreateModel/model-data-prefix-given-as-url",
    "sagemaker/CreateModel/multi-model-in-pipeline",
    "sagemaker/CreateModel/non-ecr-image",
    "sagemaker/CreateModel/two-constraints-in-one-message",
    "sagemaker/DeleteEndpoint/in-progress-while-creating",
    "sagemaker/DeleteEndpoint/not-found",
    "sagemaker/DeleteEndpoint/scalable-target-without-permission",
    "sagemaker/DeleteEndpointConfig/not-found",
    "sagemaker/DescribeEndpoint/not-found",
    "sagemaker/DescribeEndpointConfig/not-found",
    "sagemaker/DescribeModel/missing-model",
    "sagemaker/DescribeModelPackage/missing",
    "sagemaker/DescribeModelPackage/name-pattern",
    "sagemaker/DescribeModelPackage/other-region-arn",
    "sagemaker/UpdateEndpoint/async-config-removed",
    "sagemaker/UpdateEndpoint/in-progress",
    "sagemaker/UpdateEndpoint/live-configuration-missing",
    "sagemaker/UpdateEndpoint/same-configuration",
    "sagemaker/UpdateEndpointWeightsAndCapacities/in-progress",
    "service-quotas/GetServiceQuota/no-applied-value",
    "service-quotas/ListServiceQuotas/unknown-service-code",
    "sns/Publish/bad-subject",
    "sns/Publish/message-too-long",
    "sns/Publish/topic-missing",
    "sns/Publish/topic-of-another-region",
    "stepfunctions/DescribeExecution/no-such-execution",
    "stepfunctions/StartExecution/input-is-a-bare-word",
    "stepfunctions/StartExecution/input-is-empty",
    "stepfunctions/StartExecution/name-longer-than-80",
    "stepfunctions/StartExecution/name-with-a-forbidden-character",
    "sts/AssumeRole/chained-for-more-than-an-hour",
    "sts/AssumeRole/role-arn-no-arn",
    "sts/AssumeRole/session-name-with-a-colon",
    "sts/AssumeRole/tags-too-large",
    "sts/AssumeRole/transitive-tag-set-again",
}


def name_of(entry: Recording) -> type[Exception]:
    """The error that a client of the product raises for the recorded one."""
    service, operation, _ = entry.key.split("/")
    client: BaseClient = boto3.client(service, region_name="us-east-1")  # type: ignore[call-overload]
    error_translation.translate_errors(client, "The role")
    denied = str(entry.error.get("code")).startswith("AccessDenied")
    status = int(entry.error.get("status") or (403 if denied and service == "s3" else 400))
    # What botocore makes of an answer before it raises a ClientError.
    parsed = {"Error": {"Code": entry.error.get("code"), "Message": entry.error.get("message")}}
    try:
        client.meta.events.emit(
            f"after-call.{service}.{operation}",
            http_response=SimpleNamespace(status_code=500 if status == 200 else status),
            parsed=parsed,
            model=client.meta.service_model.operation_model(operation),
            context={},
        )
    except PromotionError as error:
        return type(error)
    return ClientError


def test_every_recorded_error_has_its_name_or_is_left_to_its_caller() -> None:
    names = {key: name_of(entry) for key, entry in ERRORS.items()}
    expected: dict[str, type[Exception]] = {key: error for error, keys in NAMED.items() for key in keys}
    assert names == expected | dict.fromkeys(LEFT_TO_CALLERS, ClientError)
