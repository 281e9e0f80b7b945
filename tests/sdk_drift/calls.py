"""The operations of AWS that the Lambdas call: tests/adapters/aws/test_modelled_errors.py finds them in the code."""

from __future__ import annotations

CALLS: dict[str, set[str]] = {
    "application-autoscaling": {
        *("DeregisterScalableTarget", "DescribeScalableTargets", "DescribeScalingPolicies"),
        *("DescribeScheduledActions", "ListTagsForResource", "PutScalingPolicy", "PutScheduledAction"),
        *("RegisterScalableTarget", "TagResource"),
    },
    "cloudwatch": {"DescribeAlarms", "PutMetricAlarm"},
    "dynamodb": {"GetItem", "PutItem", "Query", "Scan", "UpdateItem"},
    "ecr": {
        *("BatchCheckLayerAvailability", "BatchGetImage", "CompleteLayerUpload", "CreateRepository"),
        *("GetDownloadUrlForLayer", "InitiateLayerUpload", "PutImage", "UploadLayerPart"),
    },
    "iam": {"SimulatePrincipalPolicy"},
    "kms": {"DescribeKey"},
    "lambda": {"Invoke"},
    "s3": {
        *("AbortMultipartUpload", "CompleteMultipartUpload", "CopyObject", "CreateMultipartUpload", "GetObject"),
        *("GetObjectTagging", "HeadObject", "ListMultipartUploads", "ListObjectAnnotations", "ListObjectVersions"),
        *("ListObjectsV2", "ListParts", "PutObject", "UploadPart", "UploadPartCopy"),
    },
    "sagemaker": {
        *("CreateEndpoint", "CreateEndpointConfig", "CreateModel", "DeleteEndpoint", "DeleteEndpointConfig"),
        *("DescribeEndpoint", "DescribeEndpointConfig", "DescribeModel", "DescribeModelPackage"),
        *("ListModelPackages", "ListModels", "ListTags"),
        *("UpdateEndpoint", "UpdateEndpointWeightsAndCapacities"),
    },
    "sagemaker-runtime": {"InvokeEndpoint", "InvokeEndpointAsync"},
    "service-quotas": {"GetServiceQuota", "ListServiceQuotas"},
    "sns": {"Publish"},
    "stepfunctions": {"DescribeExecution", "GetExecutionHistory", "ListExecutions", "SendTaskSuccess"},
    "sts": {"AssumeRole"},
}
