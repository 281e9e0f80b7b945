"""Whether an execution role can read a model's artifacts: what CreateModel looks at, and every deployment again."""

import functools
import os
import threading
from typing import TYPE_CHECKING, Any, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from ministack.services import s3

from sandbox.aws.sagemaker.api import permissions, roles
from sandbox.aws.sagemaker.api.errors import Invalid
from sandbox.aws.sagemaker.models.artifacts import Artifact

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NO_SUCH_THING = {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}

# One session for all clients: it keeps S3's model, so that another client costs milliseconds. It is not thread-safe.
_session = botocore.session.Session()
_making = threading.Lock()


@functools.lru_cache(maxsize=32)
def s3_client(credentials: roles.Credentials) -> "S3Client":
    """S3 as the execution role, over the sandbox's own listener: its requests are signed and judged like anyone's."""
    config = Config(
        s3={"addressing_style": "path"},
        retries={"max_attempts": 2},
        connect_timeout=5,
        read_timeout=30,
        max_pool_connections=16,
    )
    with _making:
        client = _session.create_client(
            "s3",
            region_name=credentials.region,
            endpoint_url=os.environ["AWS_ENDPOINT_URL"],
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            aws_session_token=credentials.token,
            config=config,
        )
    return cast("S3Client", client)


def require_readable(artifacts: list[Artifact], credentials: roles.Credentials, role_arn: str) -> None:
    """Look at each artifact with the execution role's permissions. Raises what CreateModel answers."""
    client = s3_client(credentials)
    for artifact in artifacts:
        for looked_at in [artifact, *([artifact.manifest] if artifact.manifest else [])]:
            try:
                _check(client, looked_at, credentials)
            except ClientError as error:
                if error.response["Error"]["Code"] in NO_SUCH_THING:
                    raise Invalid(f"Could not find model data at {looked_at.uri}.") from error
                raise no_access(looked_at.uri, role_arn, credentials.region) from error
            except PermissionError as error:
                raise no_access(looked_at.uri, role_arn, credentials.region) from error


def no_access(uri: str, role_arn: str, region: str) -> Invalid:
    return Invalid(
        f'Could not access model data at {uri}. Please ensure that the role "{role_arn}" exists and that its trust '
        'relationship policy allows the action "sts:AssumeRole" for the service principal '
        f'"{roles.SERVICE_PRINCIPAL}". '
        f'Also ensure that the role has "s3:GetObject" permissions and that the object is located in {region}. '
        "If your Model uses multiple models or uncompressed models, please ensure that the role has "
        '"s3:ListBucket" permission.'
    )


def _check(client: "S3Client", artifact: Artifact, credentials: roles.Credentials) -> None:
    _require_same_region(artifact.bucket, credentials.region)
    if artifact.kind == "S3Object":
        etag = _check_object(client, artifact.bucket, artifact.key, credentials)
        if artifact.etag is not None and artifact.etag.strip('"') != etag:
            raise Invalid(f"The ETag of the model data at {artifact.uri} is {etag}, not {artifact.etag}.")
        return
    # A prefix has no ETag of its own: the API allows one, and here it says nothing.
    listing = client.list_objects_v2(Bucket=artifact.bucket, Prefix=artifact.key, MaxKeys=2)
    keys = [item["Key"] for item in listing.get("Contents", [])]
    if not keys:
        raise Invalid(f"Could not find model data at {artifact.uri}.")
    _check_object(client, artifact.bucket, keys[-1], credentials)


def _check_object(client: "S3Client", bucket: str, key: str, credentials: roles.Credentials) -> str:
    head = client.head_object(Bucket=bucket, Key=key)
    key_arn = head.get("SSEKMSKeyId")
    if key_arn and not permissions.may_decrypt(credentials, _as_key_arn(key_arn, bucket, credentials)):
        raise PermissionError(key_arn)
    return head["ETag"].strip('"')


def _as_key_arn(key: str, bucket: str, credentials: roles.Credentials) -> str:
    owner = s3._bucket_owner_account(bucket) or credentials.account
    return key if key.startswith("arn:") else f"arn:aws:kms:{credentials.region}:{owner}:key/{key}"


def _require_same_region(bucket: str, region: str) -> None:
    owner = s3._bucket_owner_account(bucket)
    record: dict[str, Any] = s3._buckets.get_scoped(owner, None, bucket) or {}
    if record and (record.get("region") or "us-east-1") != region:
        raise PermissionError(bucket)
