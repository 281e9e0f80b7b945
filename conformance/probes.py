"""What rests on documentation or on assumptions only, and only AWS can prove: signatures, S3 Batch Operations, STS."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from conformance.checks import Check
from conformance.outcomes import Outcome
from conformance.resources import allow, machine, policy, role
from conformance.world import World

_POLL_SECONDS, _JOB_SECONDS, _EXECUTION_SECONDS = 2.0, 900.0, 60.0
# S3 pricing, Batch Operations: USD 0.25 a job.
_JOB_DOLLARS = 0.26
_KEY_DOLLARS = 0.01


def checks() -> list[Check]:
    """Return a check for each fact."""
    return [
        _check(
            "kms/signatures",
            "A signature of a digest verifies with the key, and that of another digest does not.",
            _signatures,
            ["CreateKey", "Sign", "Verify"],
            creates=["a KMS key that signs"],
            dollars=_KEY_DOLLARS,
        ),
        _check(
            "sts/chained-session",
            "A session of a role cannot assume a role for more than an hour.",
            _chained_session,
            ["AssumeRole", "AssumeRole"],
            needs=["caller"],
            sandbox="it does not limit the sessions of chained roles",
        ),
        _check(
            "s3/part-copy-crc64nvme",
            "A part that is copied into an upload with CRC64NVME has its checksum; the object has that of its source.",
            _part_copy,
            ["CreateMultipartUpload", "UploadPartCopy", "CompleteMultipartUpload", "HeadObject"],
            needs=["bucket"],
        ),
        _check(
            "s3/empty-part-copy",
            "An empty object cannot be copied as a part.",
            _empty_part,
            ["CreateMultipartUpload", "UploadPartCopy"],
            needs=["bucket"],
        ),
        _check(
            "s3/enforced-conditional-copy",
            "A bucket whose policy demands If-None-Match accepts a CopyObject with it, and denies one without.",
            _enforced_copy,
            ["PutBucketPolicy", "CopyObject", "CopyObject"],
            creates=["an S3 bucket with a policy"],
        ),
        _check(
            "stepfunctions/sagemaker-error-name",
            "An error of SageMaker that its API does not model is SageMaker.SageMakerException in an SDK integration.",
            _sagemaker_error,
            ["StartExecution", "DescribeExecution"],
            creates=["a state machine and its role"],
        ),
        _check(
            "s3/batch-checksum",
            "S3 Batch Operations computes the SHA-256 of a stored object.",
            _batch_checksum,
            ["CreateJob", "DescribeJob", "GetObject"],
            needs=["bucket"],
            creates=["a job of S3 Batch Operations and its role"],
            dollars=_JOB_DOLLARS,
            sandbox="it has no S3 Batch Operations",
        ),
    ]


def _check(name: str, proves: str, run: Callable[[World], Outcome], asks: Sequence[str], **fields: Any) -> Check:
    return Check(id=f"aws-only:{name}", proves=proves, asks=asks, run=run, **fields)


def _outcome(expected: Mapping[str, Any], answered: Mapping[str, Any]) -> Outcome:
    return Outcome(
        expected=expected,
        answered=answered,
        differences=[
            f"{name}: {value!r} expected, {answered.get(name)!r} answered"
            for name, value in expected.items()
            if answered.get(name) != value
        ],
    )


def _code(call: Callable[..., Any], **parameters: Any) -> str:
    """Return the code of the error that a call ends with, or "none"."""
    try:
        call(**parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "none"


def _signatures(world: World) -> Outcome:
    kms = world.client("kms")
    key_id = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    common = {"KeyId": key_id, "MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"}
    digest, other = (hashlib.sha256(text).digest() for text in (b"a model", b"another model"))
    signature = kms.sign(**common, Message=digest)["Signature"]
    answered = {
        "valid": kms.verify(**common, Message=digest, Signature=signature)["SignatureValid"],
        "tampered": _code(kms.verify, **common, Message=other, Signature=signature),
    }
    return _outcome({"valid": True, "tampered": "KMSInvalidSignatureException"}, answered)


def _chained_session(world: World) -> Outcome:
    arn = world.need("caller")["caller"]
    session = world.client("sts").assume_role(RoleArn=arn, RoleSessionName="conformance")["Credentials"]
    chained = world.account.client("sts", world.run, session)
    request = {"RoleArn": arn, "RoleSessionName": "chained"}
    answered = {
        "one hour": _code(chained.assume_role, **request, DurationSeconds=3600),
        "two hours": _code(chained.assume_role, **request, DurationSeconds=7200),
    }
    return _outcome({"one hour": "none", "two hours": "ValidationError"}, answered)


def _part_copy(world: World) -> Outcome:
    s3, bucket, key = world.client("s3"), world.need("bucket")["bucket"], world.name()
    target = {"Bucket": bucket, "Key": f"{key}-copy"}
    source = s3.put_object(Bucket=bucket, Key=key, Body=b"a model", ChecksumAlgorithm="CRC64NVME")
    checksum = source["ChecksumCRC64NVME"]
    upload = {**target, "UploadId": s3.create_multipart_upload(**target, ChecksumAlgorithm="CRC64NVME")["UploadId"]}
    part = s3.upload_part_copy(**upload, PartNumber=1, CopySource=f"{bucket}/{key}")["CopyPartResult"]
    listed = {"PartNumber": 1, **{name: part[name] for name in ("ETag", "ChecksumCRC64NVME") if name in part}}
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [listed]})
    head = s3.head_object(**target, ChecksumMode="ENABLED")
    expected = {"part": checksum, "object": checksum, "type": "FULL_OBJECT"}
    answered = {
        "part": part.get("ChecksumCRC64NVME"),
        "object": head.get("ChecksumCRC64NVME"),
        "type": head.get("ChecksumType"),
    }
    return _outcome(expected, answered)


def _empty_part(world: World) -> Outcome:
    s3, bucket, key = world.client("s3"), world.need("bucket")["bucket"], world.name()
    s3.put_object(Bucket=bucket, Key=key, Body=b"")
    target = {"Bucket": bucket, "Key": f"{key}-copy"}
    upload = {**target, "UploadId": s3.create_multipart_upload(**target)["UploadId"]}
    code = _code(s3.upload_part_copy, **upload, PartNumber=1, CopySource=f"{bucket}/{key}")
    return _outcome({"refused": True}, {"refused": code != "none", "code": code})


def _enforced_copy(world: World) -> Outcome:
    s3, bucket = world.client("s3"), world.name()
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="source", Body=b"x")
    objects = f"arn:{world.account.partition}:s3:::{bucket}/*"
    enforce = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": objects,
        "Condition": {"Null": {"s3:if-none-match": "true"}},
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=policy([enforce]))
    copy = {"Bucket": bucket, "CopySource": f"{bucket}/source"}
    answered = {
        "with": _code(s3.copy_object, **copy, Key="copy", IfNoneMatch="*"),
        "without": _code(s3.copy_object, **copy, Key="other"),
    }
    return _outcome({"with": "none", "without": "AccessDenied"}, answered)


def _sagemaker_error(world: World) -> Outcome:
    stepfunctions = world.client("stepfunctions")
    task = {
        "Type": "Task",
        "Resource": f"arn:{world.account.partition}:states:::aws-sdk:sagemaker:describeEndpoint",
        "Arguments": {"EndpointName": world.name()},
        "End": True,
    }
    permitted = role(world, "states.amazonaws.com", [allow("sagemaker:DescribeEndpoint")])
    execution = stepfunctions.start_execution(
        stateMachineArn=machine(world, {"Describe": task}, role_arn=permitted), input="{}"
    )["executionArn"]
    deadline = time.monotonic() + _EXECUTION_SECONDS
    while (answer := stepfunctions.describe_execution(executionArn=execution))["status"] == "RUNNING":
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL_SECONDS / 10)
    answered = {"error": answer.get("error"), "cause": answer.get("cause")}
    return _outcome({"error": "SageMaker.SageMakerException"}, answered)


def _batch_checksum(world: World) -> Outcome:
    s3, account = world.client("s3"), world.account
    bucket, key = world.need("bucket")["bucket"], world.name()
    s3.put_object(Bucket=bucket, Key=f"{key}/model", Body=b"a model")
    manifest = s3.put_object(Bucket=bucket, Key=f"{key}/manifest.csv", Body=f"{bucket},{key}/model\n".encode())
    arn = f"arn:{account.partition}:s3:::{bucket}"
    permitted = role(world, "batchoperations.s3.amazonaws.com", [allow("s3:*", [arn, f"{arn}/*"])])
    control = account.client("s3control", world.run)
    job = control.create_job(
        AccountId=account.number,
        ConfirmationRequired=False,
        Operation={"S3ComputeObjectChecksum": {"ChecksumAlgorithm": "SHA256", "ChecksumType": "FULL_OBJECT"}},
        Report={
            "Enabled": True,
            "Bucket": arn,
            "Prefix": f"{key}/report",
            "Format": "Report_CSV_20180820",
            "ReportScope": "AllTasks",
            "ExpectedBucketOwner": account.number,
        },
        ClientRequestToken=key,
        Manifest={
            "Spec": {"Format": "S3BatchOperations_CSV_20180820", "Fields": ["Bucket", "Key"]},
            "Location": {"ObjectArn": f"{arn}/{key}/manifest.csv", "ETag": manifest["ETag"].strip('"')},
        },
        Priority=1,
        RoleArn=permitted,
    )["JobId"]
    status = _job_status(control, account.number, job)
    reports = s3.list_objects_v2(Bucket=bucket, Prefix=f"{key}/report/").get("Contents", [])
    texts = [
        s3.get_object(Bucket=bucket, Key=report["Key"])["Body"].read().decode(errors="replace") for report in reports
    ]
    digest = hashlib.sha256(b"a model")
    forms = (digest.hexdigest(), digest.hexdigest().upper())
    answered = {"status": status, "digest": any(form in text for text in texts for form in forms), "reports": texts}
    return _outcome({"status": "Complete", "digest": True}, answered)


def _job_status(control: Any, account: str, job: str) -> str:
    deadline = time.monotonic() + _JOB_SECONDS
    while True:
        status: str = control.describe_job(AccountId=account, JobId=job)["Job"]["Status"]
        if status in ("Complete", "Failed", "Cancelled", "Suspended") or time.monotonic() > deadline:
            return status
        time.sleep(_POLL_SECONDS * 5)
