"""Make each refused call name the role, the action and the resource, and let Retry and Catch tell errors apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import ClientError

from lambdas.promotion.aws import error_codes, region_errors, source_denials, unreadable_answers
from lambdas.promotion.contract.errors import (
    AccessDenied,
    PromotionError,
    ServiceUnavailable,
    SessionExpired,
    Throttled,
)

# IAM's name of a service that signs under another name (AWS: Service Authorization Reference).
_IAM_PREFIXES = {"monitoring": "cloudwatch"}
# The parameters that name the resource of a call, the most specific ones first.
_NAMING_PARAMETERS = (
    *("RoleArn", "EndpointName", "EndpointConfigName", "ModelName", "ModelPackageName", "ResourceArn"),
    *("TableName", "executionArn", "stateMachineArn", "TopicArn", "FunctionName"),
    *("ResourceId", "ResourceIds", "ResourceARN", "AlarmName", "AlarmNames"),
)

# The permissions of calls whose action has another name: S3 rejects HeadObject without a message, and a cross-account
# copy with no more than "Access Denied" (AWS: HeadObject; S3, troubleshooting access denied errors).
_PERMISSIONS = {
    "HeadObject": "s3:GetObject (of a version s3:GetObjectVersion), s3:ListBucket where the object is missing, "
    "kms:Decrypt where a key encrypts it",
    "GetObject": "s3:GetObject (of a version s3:GetObjectVersion), s3:ListBucket where the object is missing, "
    "kms:Decrypt where a key encrypts it",
    "PutObject": "s3:PutObject, kms:GenerateDataKey where a key encrypts it",
    "CopyObject": "s3:GetObject or s3:GetObjectVersion and kms:Decrypt on the source, s3:PutObject and "
    "kms:GenerateDataKey on the target",
    "UploadPartCopy": "s3:GetObject or s3:GetObjectVersion and kms:Decrypt on the source, s3:PutObject, "
    "kms:GenerateDataKey and kms:Decrypt on the target",
    "UploadPart": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject and kms:GenerateDataKey on the target",
    "CompleteMultipartUpload": "s3:PutObject and kms:Decrypt on the target",
    "ListObjectsV2": "s3:ListBucket",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListParts": "s3:ListMultipartUploadParts, kms:Decrypt where a key encrypts it",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "Invoke": "lambda:InvokeFunction",
}


_GRANT = (
    "Grant the permission (docs/reference/permissions.md lists those of each role), or check the resource policies and "
    "key policies that deny it."
)
# The field of a refusal that names the call, beside AWS's own.
_CALL = "PromoteCall"


@dataclass(frozen=True, kw_only=True)
class _Refusal:
    """What AWS answered to a call of `role`: `call` is IAM's action, `operation` the API's name of it."""

    role: str
    call: str
    operation: str
    resource: str
    code: str
    message: str
    status: int


def translate_errors(client: BaseClient, role: str) -> None:
    """Make a client raise our errors for those of any AWS call: access denied, throttled, expired, interrupted.

    It is registered for botocore's events, so that it applies to every call. `role` names the caller in the messages.
    """

    def keep_parameters(params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        # A copy: botocore replaces CopySource by a string in this dict.
        context["promote_params"] = dict(params)
        context["promote_call"] = _action(model)

    def translate(http_response: Any, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        error = parsed.get("Error")
        if not error or (http_response.status_code < 300 and "Code" not in error):
            return
        refusal = _Refusal(
            role=role,
            call=_action(model),
            operation=model.name,
            resource=_subject(context.get("promote_params", {})),
            code=str(error.get("Code", "")),
            message=str(error.get("Message", "")),
            status=http_response.status_code,
        )
        if translated := _translated(refusal, region=client.meta.region_name):
            raise translated
        error[_CALL] = f"{refusal.call} on {refusal.resource}"

    def translate_unreadable(exception: Exception, context: dict[str, Any], **_: Any) -> None:
        if unreadable_answers.is_unreadable(exception):
            resource = _subject(context.get("promote_params", {}))
            raise ServiceUnavailable(
                f"{role} called {context.get('promote_call')} on {resource}, and the answer cannot be read "
                f"({exception}): it is none of AWS's. It was retried. If it recurs, look for a proxy in between."
            ) from exception

    client.meta.events.register("provide-client-params", keep_parameters)
    client.meta.events.register("before-parse", unreadable_answers.require_readable)
    client.meta.events.register("after-call-error", translate_unreadable)
    client.meta.events.register("after-call", translate)


def _translated(refusal: _Refusal, *, region: str) -> PromotionError | None:
    """Return our error for a refusal, None for one that the caller has to tell apart."""
    role, call, resource = refusal.role, refusal.call, refusal.resource
    code, message, status = refusal.code, refusal.message, refusal.status
    service = call.partition(":")[0]
    if code in error_codes.THROTTLED and (service, code) not in error_codes.QUOTAS:
        return Throttled(
            f"AWS throttled {call} on {resource} ({code}: {message}). It was retried; start the promotion again later."
        )
    remedy = region_errors.remedy_of(code, message, role=role, region=region)
    if remedy and (service, code) not in error_codes.NOT_ABOUT_REGIONS:
        return AccessDenied(
            f"{role} cannot call {call} on {resource}. AWS reports: {message or code}. {remedy}",
            role=role,
            action=call,
            resource=resource,
            message=message or code,
            remedy=remedy,
        )
    if code in error_codes.EXPIRED_SESSION:
        return SessionExpired(f"The session of {role} expired during {call} on {resource} ({code}: {message}).")
    if code in error_codes.ACCESS_DENIED or (status == 403 and code not in error_codes.NOT_ABOUT_PERMISSIONS):
        return _denied(refusal)
    if code in error_codes.INTERRUPTED or (
        status >= 500 and code not in error_codes.S3_REPORTED_LATE | error_codes.NOT_IMPLEMENTED
    ):
        return ServiceUnavailable(f"AWS failed to complete {call} on {resource} ({code}: {message}). It was retried.")
    return None


def _denied(refusal: _Refusal) -> AccessDenied:
    reported, required = refusal.message or refusal.code, _required_permissions(refusal.operation)
    remedy = source_denials.remedy(
        role=refusal.role, operation=refusal.operation, resource=refusal.resource, message=refusal.message
    )
    return AccessDenied(
        f"{refusal.role} is not permitted to call {refusal.call} on {refusal.resource}. AWS reports: {reported}. "
        f"{required}{remedy or _GRANT} Then start the promotion again.",
        role=refusal.role,
        action=refusal.call,
        resource=refusal.resource,
        message=f"{reported}. {required}".strip(),
        remedy=remedy,
    )


def _action(model: Any) -> str:
    """Return a call as IAM's action, by botocore's model of it."""
    signing_name = model.service_model.signing_name
    return f"{_IAM_PREFIXES.get(signing_name, signing_name)}:{model.name}"


def call_of(error: ClientError) -> str:
    """Return the call that AWS refused, with its resource where it is known."""
    return str(error.response.get("Error", {}).get(_CALL, error.operation_name))


def _required_permissions(operation: str) -> str:
    return f"Required permissions: {_PERMISSIONS[operation]}. " if operation in _PERMISSIONS else ""


def _subject(params: dict[str, Any]) -> str:
    if "CopySource" in params and isinstance(params["CopySource"], dict):
        source = params["CopySource"]
        return f"s3://{params['Bucket']}/{params['Key']} from s3://{source['Bucket']}/{source['Key']}"
    if "Bucket" in params:
        return f"s3://{params['Bucket']}/{params.get('Key') or params.get('Prefix', '')}"
    if "repositoryName" in params:
        return f"the repository {params['repositoryName']} of account {params.get('registryId')}"
    for name in _NAMING_PARAMETERS:
        if name in params:
            value = params[name]
            return ", ".join(value) if isinstance(value, list) else str(value)
    return "the resource"
